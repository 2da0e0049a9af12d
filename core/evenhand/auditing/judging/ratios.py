"""Verdicts on the lowest ratio of two groups' rates, where a policy's rule says how small it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.auditing.counting.counts import CELLS
from evenhand.auditing.evidence.bands import draw_maxima
from evenhand.auditing.evidence.directed import Alarms
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.judging.attributes import Attribute
from evenhand.auditing.judging.deciding import Case, Levels, decided
from evenhand.auditing.judging.missing import least_ratios
from evenhand.auditing.judging.telling import Telling
from evenhand.auditing.judging.verdicts import EXCEEDED, UNSURE, WITHIN
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.question.budget import RATIOS
from evenhand.auditing.question.plan import Plan
from evenhand.auditing.question.policy import Policy, RatioRule
from evenhand.auditing.table.group_names import phrases
from evenhand.figures import number
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats, Ints

APART = 7_000  # of the seeds of these draws, from those of the attributes


@dataclass(frozen=True)
class ComparedRates:
    """One rule on one attribute: its table, and what a verdict on it needs.

    counted: the rate whose hits are counted. places: the groups that are compared; none where there is no ratio. joint:
    the critical value of the limits that are shown.
    """

    attribute: Attribute
    rule: RatioRule
    counted: GroupMetric
    title: str
    block: dict[str, Any]
    own: GroupEstimates
    places: Ints
    joint: float

    def ratios(self, limits: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
        """Limits of the ratio of every two compared groups [first, second], NaN of a group to itself."""
        value, (lower, upper) = self.own.value[self.places], (end[self.places] for end in limits)
        low, high = intervals.quotient(
            value[:, None], (lower[:, None], upper[:, None]), value[None], (lower[None], upper[None])
        )
        same = np.eye(len(value), dtype=bool)
        return np.where(same, np.nan, low), np.where(same, np.nan, high)

    def ends(self, limits: tuple[Floats, Floats]) -> tuple[float, float]:
        """Limits of the lowest ratio from those of every pair."""
        low, high = self.ratios(limits)
        return float(np.nanmin(low)), float(min(np.nanmin(high), 1.0))

    def lowest(self, limits: tuple[Floats, Floats]) -> float:
        """The lower limit of the lowest ratio where rows of unknown group lie as unluckily as they could."""
        cells = self.attribute.groups.total[:, : len(CELLS)]
        factor = least_ratios(self.attribute.values, self.counted, cells)[np.ix_(self.places, self.places)]
        return float(np.nanmin(self.ratios(limits)[0] * factor))

    def case(self, plan: Plan, number_of: int) -> Case:
        """What there is to decide."""
        assert self.rule.least is not None
        least, own = self.rule.least, self.own
        allowed = (1 - least) * float(own.value[self.places].max())  # by how much the lower rate may be lower
        maxima = draw_maxima(own, own.rows, plan.replicates, (plan.seed, APART, number_of), allowed)
        return Case(
            Alarms(maxima),
            lambda c: self.ends(own.deciding(c))[1] < least,
            lambda c: self.lowest(own.deciding(c)) >= least,
        )


def judged_ratios(
    found: Sequence[ComparedRates], policy: Policy, plan: Plan
) -> dict[tuple[str, str, float | None], dict[str, Any]]:
    """(metric, attribute, least) -> the verdict, all of them within one budget."""
    can = [one for one in found if len(one.places)]
    levels = iter(decided([one.case(plan, i) for i, one in enumerate(can)], plan.budget.of(RATIOS)))
    return {
        (one.rule.metric, one.attribute.name, one.rule.least): _judged(one, policy, next(levels))
        if len(one.places)
        else _unsure(one, policy)
        for one in found
    }


def _judged(one: ComparedRates, policy: Policy, levels: Levels) -> dict[str, Any]:
    least, own, highest = one.rule.least, one.own, one.block["highest"]
    assert least is not None
    low, high = one.ends(own.limits(one.joint))
    exceeds, inside = one.ends(own.deciding(levels.exceed))[1], one.ends(own.deciding(levels.within))[0]
    open_ = one.lowest(own.deciding(levels.within))
    says = WITHIN if open_ >= least else EXCEEDED if exceeds < least else UNSURE
    ends = (
        low if says != WITHIN or low >= least else inside,
        high if says != EXCEEDED or high < least else exceeds,
    )
    rows = [row for row in one.block["groups"] if row["ratio"] is not None and row["group"] != highest]
    proves = min(rows, key=lambda row: row["upper"])  # a small group's ratio is often the lowest, by chance
    lowest = min(rows, key=lambda row: row["ratio"])
    text = (
        f"The {one.title} is {_side(one, proves['group'])}: {number(proves['ratio'])} times the"
        f" {_side(one, highest)}, the highest (lowest ratio {number(ends[0])} to {number(ends[1])} allowing for all"
        f" comparisons; {policy.title.lower()} asks for at least {number(least)})."
    )
    if lowest is not proves:
        text += f" Lower, but proving less: {_side(one, lowest['group'])}."
    if one.rule.flip_flop and says == EXCEEDED and all(row["flips"] for row in rows if row["ratio"] < least):
        says = UNSURE
        text += " One person more selected in the one and one fewer in the other would turn the order around."
    elif says == UNSURE and inside >= least:
        text += f" Where the group is known that holds; with the rows whose group is not, it could be {number(open_)}."
    elif says == UNSURE:
        text += " Whether that holds cannot be said from these rows."
    return _entry(one, policy, says, text, lowest["ratio"], ends, (lowest["group"], highest))


def _side(one: ComparedRates, name: str) -> str:
    """ "36.8% (7 of 19) for female"."""
    a = one.attribute
    told = Telling(a.names, phrases(a.columns, a.values), a.reference, one.own, one.own, bool(one.counted.numerator))
    return told.side(a.names.index(name)).says(True)


def _unsure(one: ComparedRates, policy: Policy) -> dict[str, Any]:
    text = f"Fewer than two groups have a {one.title} that can be compared, so there is no ratio."
    return _entry(one, policy, UNSURE, text, None, (None, None), (None, None))


def _entry(
    one: ComparedRates,
    policy: Policy,
    verdict: str,
    says: str,
    value: float | None,
    ends: tuple[float | None, float | None],
    pair: tuple[str | None, str | None],
) -> dict[str, Any]:
    return {
        "attribute": one.attribute.name,
        "metric": one.rule.metric,
        "kind": "ratio",
        "policy": policy.name,
        "verdict": verdict,
        "value": value,
        "lower": ends[0],
        "upper": ends[1],
        "tolerance": one.rule.least,
        "group": pair[0],
        "versus": pair[1],
        "rows_needed": None,
        "told": None,
        "says": says,
    }
