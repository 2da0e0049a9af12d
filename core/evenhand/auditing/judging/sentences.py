"""What a gap says, in a sentence: how large, between whom and of how many, how sure, and whether that is tolerated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenhand.auditing.judging.rows_needed import RANGE
from evenhand.auditing.judging.verdicts import EXCEEDED, UNSURE, WITHIN
from evenhand.auditing.table.group_names import phrase_of
from evenhand.figures import count, difference, figure, number, span, stated

ENOUGH = (30, 10)  # rows of the groups that a sentence speaks of, where nothing is proven, as far as there are two
LONGEST_NAME = 60  # characters of a group's name in a sentence


@dataclass(frozen=True, slots=True)
class Side:
    """One group in a sentence: "for female" or "where sex is female", its value, and the rows that this is of.

    counted: the value is a share of these rows, so that "7 of 19" says it.
    """

    phrase: str
    value: float
    rows: float
    counted: bool

    def says(self, share: bool) -> str:
        """ "36.8% (7 of 19) where sex is female"."""
        rows = round(float(np.nan_to_num(self.rows)))
        behind = f"{count(self.value * rows)} of {count(rows)}" if self.counted else f"{count(rows)} rows"
        return f"{figure(self.value, share)} ({behind}) {self.phrase}"


@dataclass(frozen=True)
class Told:
    """A gap as a sentence needs it.

    joint: limits that allow for all comparisons, those that decide where there is a verdict. pair: the two groups that
    the sentence is about: of the largest gap those that prove most, which are not always those that lie furthest apart.
    between: limits of the difference of the two. further: the two that lie furthest apart, where they are others.
    reach: how far the gap goes with rows of unknown group. known: the verdict on the rows whose group is known.
    """

    kind: str
    group: str
    versus: str
    value: float
    joint: tuple[float, float]
    says: str | None = None
    more: dict[str, Any] | None = None
    pair: tuple[Side, Side] | None = None
    names: tuple[str, str] | None = None
    between: tuple[float, float] = (float("nan"), float("nan"))
    further: tuple[Side, Side] | None = None
    reach: float = 0.0
    known: str | None = None
    phrases: Mapping[str, str] = field(default_factory=dict)


def sentence(told: Told, name: str, tolerance: float | None, decides: bool, share: bool) -> str:
    """The sentence of a gap of the metric `name`.

    decides: whether the rows of unknown group alone leave it open. share: whether the metric is one.
    """
    assert told.pair is not None
    one, two = (side.says(share) for side in told.pair)
    if told.kind == "ratio":
        if np.isnan(told.value):
            return f"The ratio of the {name} is undefined: it is 0 in every group."
        between = f"{number(told.joint[0])} to {number(told.joint[1])} allowing for all comparisons"
        return f"The {name} is {one}: {number(told.value)} times the {two} ({between})."
    limits = told.between if told.kind == "largest" else told.joint
    between = f"{span(*limits, share, '')} allowing for all comparisons"
    if told.kind == "largest":
        text = f"The {name} is {one} and {two}: {_apart(told.pair, share)} apart ({between})."
    else:
        side = "higher" if told.value >= 0 else "lower"
        text = f"The {name} is {one}, {difference(abs(told.value), share)} {side} than the {two} ({between})."
    text += _because(told, f"the tolerance of {stated(tolerance, share)}", decides, share)
    if told.further:
        far = " and ".join(side.says(share) for side in told.further)
        less = "of few rows" if min(side.rows for side in told.further) < ENOUGH[0] else "proving less"
        text += f" Further apart, but {less}: {far}."
    return text


def _apart(pair: tuple[Side, Side], share: bool) -> str:
    return difference(abs(pair[0].value - pair[1].value), share)


def _because(told: Told, tolerance: str, decides: bool, share: bool) -> str:
    if told.says == EXCEEDED:
        return f" That is more than {tolerance}."
    if told.says == WITHIN:
        every = "No two groups are further apart than" if told.kind == "largest" else "That is within"
        return f" {every} {tolerance}."
    if told.says == UNSURE and told.known == WITHIN:
        could = f"could be up to {difference(told.reach, share)}" if np.isfinite(told.reach) else "is not bounded"
        return f" Where the group is known that is within {tolerance}; with the rows whose group is not, it {could}."
    if told.says == UNSURE:
        why = " No number of rows settles it while those of unknown group have none." if decides else ""
        if told.kind == "largest" and not decides:
            why = _more(told, share)
        wide = told.kind == "largest" and np.isfinite(told.joint[1]) and told.joint[1] > told.between[1]
        could = f": two groups could be up to {difference(told.joint[1], share)} apart" if wide else ""
        return f" Whether {tolerance} holds cannot be said from these rows{could}.{why}"
    return ""


def _more(told: Told, share: bool) -> str:
    more = told.more
    if not more:
        return " No number of rows promises an answer: the gap may be too near the tolerance."
    first = sorted(more["groups"].items(), key=lambda item: (-item[1], item[0]))
    listed = "; ".join(
        f"{_round(rows):,} more rows {phrase_of(told.phrases.get(group, group), LONGEST_NAME)}"
        for group, rows in first[:3]
    )
    chance, (least, most) = more["chance"], more["range"]
    ends = f"{RANGE[0]:.0%} to {RANGE[1]:.0%}"
    total = f"{_round(least):,} to {_round(most):,} in all for {ends}" if least and most else ""
    others = f" and others of {len(first)} groups" if len(first) > 3 else ""
    return (
        f" About {listed}{others} give a chance of {chance:.0%} that it can be said{f' ({total})' if total else ''}, if"
        f" the true gap is about {difference(more['gap'], share)}."
    )


def _round(rows: int) -> int:
    """Two digits: nothing here is known better."""
    return int(float(f"{rows:.1e}")) if rows >= 100 else rows
