"""What a metric is: a pure function of counts over arrays [..., group], with formula, unit, direction and source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Literal

import numpy as np

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.counting.curves import Block, Curves, Reading
from evenhand.auditing.metrics.parts import Evidence, Limits, Pair
from evenhand.statistics.arrays import Floats, ratio

Better = Literal["higher", "lower", ""]
Criterion = Literal["", "independence", "separation", "sufficiency"]
OTHERWISE = {"tp": "fn", "fn": "tp", "fp": "tn", "tn": "fp"}  # the cell of a row, had it been decided otherwise
CRITERIA: dict[frozenset[str], Criterion] = {
    frozenset(("selected", "rejected")): "independence",
    frozenset(("tp", "fn")): "separation",
    frozenset(("fp", "tn")): "separation",
    frozenset(("tp", "fp")): "sufficiency",
    frozenset(("tn", "fn")): "sufficiency",
}


@dataclass(frozen=True)
class GroupMetric:
    """A number per group: what it is called, how it is computed, which way is better, who says so, and its evidence.

    function: the number from Counts, for arrays of any leading shape. formula: the same for people; two audits that
    compare a metric compare it by this text. better: "" where neither direction is. unit: "share" where ratios between
    groups mean something, "label" for the label's own unit. source: who defined it. says: what the number says.
    label: the name for people. needs: what the data must have ("label", "score", "decision").
    bounded: values lie in [0, 1]; never so in the label's unit. lacking: why a group may have no such number.
    event: what befalls the rows that a share counts, in sentences: "are missed".
    criterion: which kind of fairness its equality between groups is (Barocas, Hardt & Narayanan 2023, chapter 3).
    ranks: it uses no more of a score than its order.

    Its evidence is that of its kind, which these say:
    numerator, denominator: the cells of a proportion, so that the intervals for proportions hold.
    mean_of: the row-level quantity whose mean it is (unless `terms` say more), with limits that hold for any shape
    where it is bounded; root: it is the root of that mean.
    terms: (coefficient, share or mean), the sum of two, with limits that follow from theirs.
    curve: reads value and variance from the score levels; influence: how far a positive and a negative row of each
    level move it, (array, array) [group, level], without which two audits of the same rows cannot be compared by it.
    Of none of these kinds: any function of the cells, whose influence is its gradient.
    limits: where limits of that kind are no good: makes them from the Evidence of the metric and its `parts`, which are
    other metrics, shares or means. It returns a function of the critical value (1.96 for 95 %) to (lower, upper).
    """

    name: str
    function: Callable[[Counts], Floats]
    formula: str
    better: Better = ""
    _: KW_ONLY
    unit: str = "share"
    source: str = ""
    says: str = ""
    label: str = ""
    needs: tuple[str, ...] = ("label",)
    bounded: bool = True
    lacking: str = ""
    event: str = ""
    criterion: Criterion = ""
    ranks: bool = False
    numerator: tuple[str, ...] = ()
    denominator: tuple[str, ...] = ()
    mean_of: str | None = None
    root: bool = False
    terms: tuple[tuple[float, GroupMetric], ...] = ()
    curve: Callable[[Curves], Reading] | None = None
    influence: Callable[[Block], Pair] | None = None
    parts: tuple[GroupMetric, ...] = ()
    limits: Callable[[Evidence], Limits] | None = None

    def __post_init__(self) -> None:
        if self.unit == "label":
            object.__setattr__(self, "bounded", False)
        for part in (*self.parts, *(term for _, term in self.terms)):
            if part.curve is not None:
                raise ValueError(
                    f"metric {self.name!r}: its part {part.name!r} is read from scores; parts are of cells"
                )
        if self.influence is not None and self.curve is None:
            raise ValueError(f"metric {self.name!r}: only what a curve reads has an influence by score level")

    @property
    def title(self) -> str:
        """The name for people: `label`, or the name with spaces."""
        return self.label or self.name.replace("_", " ")

    @property
    def share(self) -> bool:
        """Whether it is a share of something: a percentage, of which one group's as a ratio of another's means
        something; not what a curve reads, such as an AUC."""
        return self.bounded and self.unit == "share" and self.curve is None

    @property
    def quantities(self) -> frozenset[str]:
        """The row-level quantities that must be summed for it and for its parts."""
        own = frozenset() if self.mean_of is None else frozenset((self.mean_of,))
        return own.union(*(part.quantities for part in (*self.parts, *(term for _, term in self.terms))))

    @property
    def of_labels(self) -> bool:
        """Whether it is a share that no decision can change: a fact of the data, not of the model."""
        sides = set(self.numerator), set(self.denominator)
        return bool(self.numerator) and all({OTHERWISE.get(cell) for cell in side} == side for side in sides)


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
    event: str = "",
) -> GroupMetric:
    """The share that the cells `of` have among the cells `among`; cells are tp, fp, fn, tn, selected, rejected.

    better, source, says, label, event: as in GroupMetric.

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
        return share_of(counts, top, among)

    needs = (
        ("decision",)
        if set(among) <= {"selected", "rejected"}
        else ("label",)
        if "correct" in among
        else ("label", "decision")
    )
    return GroupMetric(
        name=name,
        function=function,
        formula=f"{_sum(top, False)} / {_sum(among, True)}",
        better=better,
        source=source,
        says=says,
        label=label,
        needs=needs,
        event=event,
        criterion=CRITERIA.get(frozenset(among), ""),
        numerator=top,
        denominator=tuple(among),
    )


def share_of(counts: Counts, of: tuple[str, ...], among: tuple[str, ...]) -> Floats:
    """The share that some cells have among others."""
    return ratio(total(counts, of), total(counts, among))


def by_level(read: Callable[[Floats, Floats, Floats], Floats]) -> Callable[[Counts], Floats]:
    """A function of (weights of positive rows, of negative rows, scores) by score level; undefined without scores."""

    def function(counts: Counts) -> Floats:
        if counts.positive is None or counts.negative is None or counts.scores is None:
            return np.full(counts.tp.shape, np.nan)
        return read(counts.positive, counts.negative, counts.scores)

    return function


def mean(quantity: str) -> Callable[[Counts], Floats]:
    """The mean of a row-level quantity."""
    return lambda counts: ratio(counts.sums[quantity], counts.weights[quantity])


def _sum(cells: tuple[str, ...], bracket: bool) -> str:
    names = [c.upper() if len(c) == 2 else c for c in cells]
    text = " + ".join(names)
    return f"({text})" if len(names) > 1 else text


def total(counts: Counts, cells: tuple[str, ...]) -> Floats:
    """The weight of some cells together."""
    return np.asarray(sum(getattr(counts, cell) for cell in cells))
