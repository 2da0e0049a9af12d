"""What a gap says, in a sentence: how large, between whom, how sure, and whether the tolerance holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.auditing.judging.rows_needed import RANGE
from evenhand.auditing.judging.verdicts import EXCEEDED, UNSURE, WITHIN

LONGEST_NAME = 80  # characters of a group's name in a sentence


@dataclass(frozen=True, slots=True)
class Told:
    """A gap as a sentence needs it.

    joint: limits that allow for all comparisons, those that decide where there is a verdict. proof: the pair that
    proves it. reach: how far it goes with rows of unknown group. known: the verdict on the rows whose group is known.
    """

    kind: str
    group: str
    versus: str
    value: float
    joint: tuple[float, float]
    says: str | None = None
    more: dict[str, Any] | None = None
    proof: tuple[str, str] | None = None
    reach: float = 0.0
    known: str | None = None


def sentence(told: Told, name: str, tolerance: float | None, decides: bool) -> str:
    """The sentence of a gap of the metric `name`.

    decides: whether the rows of unknown group alone leave it open.
    """
    group, versus, value = shortened(told.group), shortened(told.versus), told.value
    between = f"between {number(told.joint[0])} and {number(told.joint[1])} allowing for all comparisons"
    if told.kind == "ratio":
        if np.isnan(value):
            return f"The ratio of the {name} is undefined: it is 0 in every group."
        return f"The {name} of {group} is {number(value)} times that of {versus} ({between})."
    if told.kind == "largest":
        text = f"The {name} differs most between {group} and {versus}, by {number(value)} ({between})."
    else:
        side = "higher" if value >= 0 else "lower"
        text = f"The {name} of {group} is {number(abs(value))} {side} than that of {versus} (difference {between})."
    return text + _because(told, f"the tolerance of {number(tolerance)}", decides)


def _because(told: Told, tolerance: str, decides: bool) -> str:
    if told.says == EXCEEDED:
        other = told.proof and set(told.proof) != {told.group, told.versus}
        where = f" between {shortened(told.proof[0])} and {shortened(told.proof[1])}" if told.proof and other else ""
        least = told.joint[0] if told.joint[0] > 0 else -told.joint[1]
        return f" That is more than {tolerance}: at least {number(least)}{where}."
    if told.says == WITHIN:
        return f" That is within {tolerance}."
    if told.says == UNSURE and told.known == WITHIN:
        could = f"could be up to {number(told.reach)}" if np.isfinite(told.reach) else "is not bounded"
        return f" Where the group is known that is within {tolerance}; with the rows whose group is not, it {could}."
    if told.says == UNSURE:
        why = " No number of rows settles it while those of unknown group have none." if decides else ""
        if told.kind == "largest" and not decides:
            why = _more(told.more)
        return f" Whether {tolerance} holds cannot be said from these rows." + why
    return ""


def _more(more: dict[str, Any] | None) -> str:
    if not more:
        return " No number of rows promises an answer: the gap may be too near the tolerance."
    first = sorted(more["groups"].items(), key=lambda item: (-item[1], item[0]))
    listed = "; ".join(f"{_round(rows):,} more of {shortened(group)}" for group, rows in first[:3])
    chance, (least, most) = more["chance"], more["range"]
    ends = f"{RANGE[0]:.0%} to {RANGE[1]:.0%}"
    span = f" ({_round(least):,} to {_round(most):,} in all for {ends})" if least and most else ""
    others = " and others" if len(first) > 3 else ""
    return (
        f" About {listed}{others} give a chance of {chance:.0%} that it can be said{span}, if the true gap is about"
        f" {number(more['gap'])}."
    )


def _round(rows: int) -> int:
    """Two digits: nothing here is known better."""
    return int(float(f"{rows:.1e}")) if rows >= 100 else rows


def shortened(name: str) -> str:
    """A group's name as a sentence can carry it; the whole name stands in the tables."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def number(value: float | None) -> str:
    """A number as a reader wants it: three significant digits."""
    if value is None or not np.isfinite(value):
        return "unknown"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.3g}"
