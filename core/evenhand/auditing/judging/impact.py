"""Impact ratios: each group's favourable rate as a ratio of the highest group's, by the rules of a policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evenhand.auditing.counting.aggregation import OUTCOME, Table
from evenhand.auditing.evidence.bands import joint_critical
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.judging.attributes import Attribute, attributes_of
from evenhand.auditing.judging.ratios import ComparedRates, judged_ratios
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.metrics.rates import SCORING_RATE, SELECTION_RATE
from evenhand.auditing.question.budget import RATIOS
from evenhand.auditing.question.plan import Plan
from evenhand.auditing.question.policy import Policy, RatioRule
from evenhand.auditing.table.group_names import APART, MISSING
from evenhand.statistics import intervals
from evenhand.statistics.fisher import fisher
from evenhand.statistics.multiplicity import holm


@dataclass(frozen=True)
class Impact:
    """One rule on one attribute: its table, and the verdict where the rule names a ratio."""

    block: dict[str, Any]
    verdict: dict[str, Any] | None


def impacts(policy: Policy, table: Table, plan: Plan, attributes: Sequence[Attribute]) -> list[Impact]:
    """Every ratio rule of the policy on every attribute; p-values are adjusted by Holm over all of them together."""
    found = [one for rule in policy.ratio for one in _compared(rule, table, plan, attributes)]
    rows = [row for one in found for row in one.block["groups"]]
    adjusted = holm(np.array([np.nan if row["p_value"] is None else row["p_value"] for row in rows], dtype=float))
    for row, p in zip(rows, adjusted, strict=True):
        row["p_adjusted"] = None if np.isnan(p) else float(p)
    judged = judged_ratios([one for one in found if one.rule.least is not None], policy, plan)
    return [Impact(one.block, judged.get((one.rule.metric, one.attribute.name, one.rule.least))) for one in found]


def _compared(rule: RatioRule, table: Table, plan: Plan, attributes: Sequence[Attribute]) -> list[ComparedRates]:
    metric, decided = RATES[rule.metric]
    turned = plan.favourable is not None and plan.favourable.decision == "negative"
    again = decided(table, turned)
    judged = attributes if again is table else [] if again is None else attributes_of(again, plan, [metric])
    judged = [a for a in judged if metric.name in a.own]
    judged = [_turned(a, metric) for a in judged] if turned and again is table else judged
    joint = joint_critical([a.maxima[metric.name].comparisons for a in judged], 1 - plan.budget.of(RATIOS))
    counted = _unselected(metric) if turned and again is table else metric
    return [_ratios(a, metric, counted, rule, plan, joint, _title(metric, plan)) for a in judged]


def _as_decided(table: Table, turned: bool) -> Table:
    return table


def _scoring(table: Table, turned: bool) -> Table | None:
    """The same rows, decided by whether their score lies above the median of all rows; None without scores.

    turned: low scores are the high ones.
    """
    if not len(table.scores):
        return None
    last = len(table.scores) - 1
    level = last - table.level if turned else table.level
    heap = np.cumsum(np.bincount(level, table.w, last + 1))
    above = (level > int(np.searchsorted(heap, heap[-1] / 2))).astype(int)
    recoded = np.array([OUTCOME[int(y), int(d)] for y, d in zip(table.label, above, strict=True)], dtype=np.int64)
    return replace(table, outcome=recoded, moments={})


def _turned(attribute: Attribute, metric: GroupMetric) -> Attribute:
    """The same groups, by the share that is not selected; its draws are as far from 0 as those of the share that is."""
    return replace(attribute, own={**attribute.own, metric.name: attribute.own[metric.name].complement()})


def _unselected(metric: GroupMetric) -> GroupMetric:
    """The rate of those that the metric leaves."""
    return replace(metric, numerator=tuple(part for part in metric.denominator if part not in metric.numerator))


def _title(metric: GroupMetric, plan: Plan) -> str:
    if plan.favourable is None or plan.favourable.decision == "positive":
        return metric.title
    if metric.name == SCORING_RATE.name:
        return "rate of favourable, low scores"
    return f"favourable rate ({plan.favourable.favoured})"


# Each rate that a rule may name, and the decisions that it is a rate of.
RATES: dict[str, tuple[GroupMetric, Callable[[Table, bool], Table | None]]] = {
    SELECTION_RATE.name: (SELECTION_RATE, _as_decided),
    SCORING_RATE.name: (SCORING_RATE, _scoring),
}


def _ratios(
    attribute: Attribute,
    metric: GroupMetric,
    counted: GroupMetric,
    rule: RatioRule,
    plan: Plan,
    joint: float,
    title: str,
) -> ComparedRates:
    """The rule's table. counted: the rate whose hits `attribute.own[metric.name]` counts."""
    own = attribute.own[metric.name]
    value, share = own.value, attribute.rows / max(attribute.rows.sum(), 1)
    known = np.array([not {MISSING, APART} & {*names} for names in attribute.values]) & ~np.isnan(value)
    compared = known & (share >= rule.exclude_below)
    block: dict[str, Any] = {
        "attribute": attribute.name,
        "metric": rule.metric,
        "label": title,
        "least": rule.least,
        "exclude_below": rule.exclude_below,
        "highest": None,
        "policy": None if plan.question["policy"] is None else plan.question["policy"]["name"],
        "groups": [
            _row(attribute, own, i, share[i], None if compared[i] else _why(known[i], rule)) for i in range(len(value))
        ],
    }
    places = np.flatnonzero(compared)
    if len(places) < 2 or value[places].max() <= 0:
        return ComparedRates(attribute, rule, counted, title, block, own, np.zeros(0, dtype=np.int64), joint)
    top = int(places[np.argmax(value[places])])
    block["highest"] = attribute.names[top]
    lower, upper = own.limits(joint)
    least, most = intervals.quotient(value, (lower, upper), value[top], (lower[top], upper[top]))
    for i in places:
        row = block["groups"][i]
        row["ratio"] = float(value[i] / value[top])
        if i == top:
            continue
        row.update(lower=float(least[i]), upper=float(most[i]))
        counts = [float(v) for v in (value[i] * own.size[i], own.size[i], value[top] * own.size[top], own.size[top])]
        row["p_value"], row["flips"] = fisher(*counts), _flips(*counts)
    return ComparedRates(attribute, rule, counted, title, block, own, places, joint)


def _row(attribute: Attribute, own: GroupEstimates, i: int, share: float, excluded: str | None) -> dict[str, Any]:
    return {
        "group": attribute.names[i],
        "rows": int(attribute.rows[i]),
        "share": float(share),
        "value": float(own.value[i]),
        "ratio": None,
        "lower": None,
        "upper": None,
        "p_value": None,
        "p_adjusted": None,
        "flips": None,
        "excluded": excluded,
    }


def _why(known: bool, rule: RatioRule) -> str:
    return f"less than {rule.exclude_below:.0%} of the rows" if known else "the group is not known"


def _flips(x: float, n: float, top_x: float, top_n: float) -> bool:
    """Would one more selected here and one fewer in the highest group turn the order of the two around?"""
    x, top_x = _whole(x), _whole(top_x)
    return bool((x + 1) / n > (top_x - 1) / top_n)


def _whole(x: float) -> float:
    """A number of rows that rounding has moved, put back; weighted ones stay as they are."""
    return float(round(x)) if abs(x - round(x)) < 1e-6 else x
