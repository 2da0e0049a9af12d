"""What a metric is: a pure function of counts over arrays [..., group], with formula, unit, direction and source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.counting.curves import Curves, Reading
from evenhand.statistics.arrays import Floats, ratio

Better = Literal["higher", "lower", ""]


@dataclass(frozen=True)
class GroupMetric:
    """A number per group: what it is called, how it is computed, which way is better, and who says so.

    numerator / denominator: the cells of a proportion, so that the intervals for proportions apply.
    mean_of: the row-level quantity that must be summed, whose mean this is (unless `terms` say more).
    terms: (coefficient, share or mean) of a sum of two, so that its limits come from theirs.
    curve: reads value and variance from the score levels. needs: what the data must have ("label", "score").
    lacking: why a group may have no such number.
    """

    name: str
    function: Callable[[Counts], Floats]
    formula: str
    better: Better = ""
    unit: str = "share"
    source: str = ""
    says: str = ""
    label: str = ""
    needs: tuple[str, ...] = ("label",)
    numerator: tuple[str, ...] = ()
    denominator: tuple[str, ...] = ()
    mean_of: str | None = None
    bounded: bool = True  # values lie in [0, 1]
    terms: tuple[tuple[float, GroupMetric], ...] = ()
    curve: Callable[[Curves], Reading] | None = None
    lacking: str = ""

    @property
    def title(self) -> str:
        """The name for people: `label`, or the name with spaces."""
        return self.label or self.name.replace("_", " ")


@dataclass(frozen=True)
class Estimate:
    """A plugin's own number for a group, shown as it is."""

    name: str
    group: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    says: str = ""
    source: str = ""
    plugin: str = ""


def rate_metric(
    name: str,
    *,
    of: str | tuple[str, ...],
    among: tuple[str, ...],
    better: Better,
    source: str = "",
    says: str = "",
    label: str = "",
) -> GroupMetric:
    """The share that the cells `of` have among the cells `among`; cells are tp, fp, fn, tn, selected, rejected.

    >>> rate_metric("underdiagnosis", of="fn", among=("fn", "tp"), better="lower").formula
    'FN / (FN + TP)'
    """
    top = (of,) if isinstance(of, str) else tuple(of)
    known = ("tp", "fp", "fn", "tn", "selected", "rejected", "correct", "wrong")
    for cell in (*top, *among):
        if cell not in known:
            raise ValueError(f"rate_metric {name!r}: {cell!r} is no cell; cells are {', '.join(known)}")
    if not set(top) <= set(among):
        raise ValueError(f"rate_metric {name!r}: every cell of `of` must be in `among`, or it is no share")

    def function(counts: Counts) -> Floats:
        return ratio(_total(counts, top), _total(counts, among))

    needs = (
        ("decision",)
        if set(among) <= {"selected", "rejected"}
        else ("label",)
        if "correct" in among
        else ("label", "decision")
    )
    formula = f"{_sum(top, False)} / {_sum(among, True)}"
    return GroupMetric(name, function, formula, better, "share", source, says, label, needs, top, tuple(among))


def _sum(cells: tuple[str, ...], bracket: bool) -> str:
    names = [c.upper() if len(c) == 2 else c for c in cells]
    text = " + ".join(names)
    return f"({text})" if len(names) > 1 else text


def _total(counts: Counts, cells: tuple[str, ...]) -> Floats:
    return np.asarray(sum(getattr(counts, cell) for cell in cells))
