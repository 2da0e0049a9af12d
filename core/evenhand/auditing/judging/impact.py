"""Impact ratios: each group's favourable rate as a ratio of the highest group's, by the rules of a policy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evenhand.auditing.counting.aggregation import OUTCOME, Table
from evenhand.auditing.counting.counts import CELLS
from evenhand.auditing.evidence.bands import joint_critical
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.judging.attributes import Attribute, attributes_of
from evenhand.auditing.judging.missing import least_ratios
from evenhand.auditing.judging.sentences import number
from evenhand.auditing.judging.verdicts import EXCEEDED, UNSURE, WITHIN
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.metrics.rates import SCORING_RATE, SELECTION_RATE
from evenhand.auditing.question.plan import Plan
from evenhand.auditing.question.policy import Policy, RatioRule
from evenhand.auditing.table.group_names import APART, MISSING
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats
from evenhand.statistics.multiplicity import holm
from evenhand.statistics.tails import hypergeometric_tail

FISHER_TABLES = 5_000  # up to here the exact test; beyond, the normal one is the same to three digits


@dataclass(frozen=True)
class Impact:
    """One rule on one attribute: its table, and the verdict where the rule names a ratio."""

    block: dict[str, Any]
    verdict: dict[str, Any] | None


def impacts(policy: Policy, table: Table, plan: Plan, attributes: Sequence[Attribute]) -> list[Impact]:
    """Every ratio rule of the policy on every attribute; p-values are adjusted by Holm over all of them together."""
    found = []
    turned = plan.favourable is not None and plan.favourable.decision == "negative"
    for rule in policy.ratio:
        metric, decided = RATES[rule.metric]
        again = decided(table, turned)
        judged = attributes if again is table else [] if again is None else attributes_of(again, plan, [metric])
        judged = [a for a in judged if metric.name in a.own]
        judged = [_turned(a, metric) for a in judged] if turned and again is table else judged
        joint = joint_critical([a.maxima[metric.name].comparisons for a in judged], plan.confidence)
        counted = _unselected(metric) if turned and again is table else metric
        found += [_impact(a, metric, counted, rule, policy, joint, _title(metric, plan)) for a in judged]
    rows = [row for impact in found for row in impact.block["groups"]]
    adjusted = holm(np.array([np.nan if row["p_value"] is None else row["p_value"] for row in rows], dtype=float))
    for row, p in zip(rows, adjusted, strict=True):
        row["p_adjusted"] = None if np.isnan(p) else float(p)
    return found


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


def _impact(
    attribute: Attribute,
    metric: GroupMetric,
    counted: GroupMetric,
    rule: RatioRule,
    policy: Policy,
    joint: float,
    title: str,
) -> Impact:
    """counted: the rate whose hits `attribute.own[metric.name]` counts."""
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
        "policy": policy.name,
        "groups": [
            _row(attribute, own, i, share[i], None if compared[i] else _why(known[i], rule)) for i in range(len(value))
        ],
    }
    places = np.flatnonzero(compared)
    if len(places) < 2 or value[places].max() <= 0:
        return Impact(block, None if rule.least is None else _unsure(attribute, rule, policy, title))
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
        row["p_value"] = _p_value(value[i] * own.size[i], own.size[i], value[top] * own.size[top], own.size[top])
        row["flips"] = _flips(value[i] * own.size[i], own.size[i], value[top] * own.size[top], own.size[top])
    if rule.least is None:
        return Impact(block, None)
    cells = attribute.groups.total[:, : len(CELLS)]
    factor = least_ratios(attribute.values, counted, cells)[np.ix_(places, places)]
    return Impact(block, _judged(attribute, rule, policy, block, places, (value, lower, upper), factor, title))


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


def _judged(
    attribute: Attribute,
    rule: RatioRule,
    policy: Policy,
    block: dict[str, Any],
    places: Any,
    rates: tuple[Floats, Floats, Floats],
    factor: Floats,
    title: str,
) -> dict[str, Any]:
    """The verdict on the lowest ratio, by limits that hold for every pair of compared groups.

    factor: by which rows of unknown group could lower the ratio of each pair.
    """
    assert rule.least is not None
    value, lower, upper = (a[places] for a in rates)
    low, high = intervals.quotient(
        value[:, None], (lower[:, None], upper[:, None]), value[None], (lower[None], upper[None])
    )
    off = ~np.eye(len(value), dtype=bool)
    ends = float(np.nanmin(low[off])), float(min(np.nanmin(high[off]), 1.0))
    rows = [block["groups"][i] for i in places if block["groups"][i]["group"] != block["highest"]]
    worst = min(rows, key=lambda row: row["ratio"])
    open_ = float(np.nanmin((low * factor)[off]))  # where rows of unknown group lie as unluckily as they could
    says = WITHIN if open_ >= rule.least else EXCEEDED if ends[1] < rule.least else UNSURE
    flips = rule.flip_flop and says == EXCEEDED and all(row["flips"] for row in rows if row["ratio"] < rule.least)
    text = (
        f"The {title} of {worst['group']} is {number(worst['ratio'])} times that of {block['highest']}, the highest"
        f" (lowest ratio between {number(ends[0])} and {number(ends[1])} allowing for all comparisons;"
        f" {policy.title.lower()} asks for at least {number(rule.least)})."
    )
    if flips:
        says, text = (
            UNSURE,
            text + " One person more selected in the one and one fewer in the other would turn the order around.",
        )
    elif says == UNSURE and ends[0] >= rule.least:
        text += f" Where the group is known that holds; with the rows whose group is not, it could be {number(open_)}."
    elif says == UNSURE:
        text += " Whether that holds cannot be said from these rows."
    return _entry(attribute, rule, policy, says, text, worst["ratio"], ends, (worst["group"], block["highest"]))


def _unsure(attribute: Attribute, rule: RatioRule, policy: Policy, title: str) -> dict[str, Any]:
    text = f"Fewer than two groups have a {title} that can be compared, so there is no ratio."
    return _entry(attribute, rule, policy, UNSURE, text, None, (None, None), (None, None))


def _entry(
    attribute: Attribute,
    rule: RatioRule,
    policy: Policy,
    verdict: str,
    says: str,
    value: float | None,
    ends: tuple[float | None, float | None],
    pair: tuple[str | None, str | None],
) -> dict[str, Any]:
    return {
        "attribute": attribute.name,
        "metric": rule.metric,
        "kind": "ratio",
        "policy": policy.name,
        "verdict": verdict,
        "value": value,
        "lower": ends[0],
        "upper": ends[1],
        "tolerance": rule.least,
        "group": pair[0],
        "versus": pair[1],
        "rows_needed": None,
        "says": says,
    }


def _flips(x: float, n: float, top_x: float, top_n: float) -> bool:
    """Would one more selected here and one fewer in the highest group turn the order of the two around?"""
    x, top_x = _whole(x), _whole(top_x)
    return bool((x + 1) / n > (top_x - 1) / top_n)


def _whole(x: float) -> float:
    """A number of rows that rounding has moved, put back; weighted ones stay as they are."""
    return float(round(x)) if abs(x - round(x)) < 1e-6 else x


def _p_value(x: float, n: float, top_x: float, top_n: float) -> float:
    """Two-sided p-value of equal rates: Fisher's exact test; the pooled normal one only where nothing is rare.

    Weights make fractions of rows; of these, twice the smaller tail.
    """
    selected, rows = x + top_x, n + top_n
    whole = all(abs(v - round(v)) < 1e-6 for v in (x, n, top_x, top_n))
    if whole and min(n, top_n, selected, rows - selected) <= FISHER_TABLES:
        return _fisher(round(x), round(n), round(top_x), round(top_n))
    if min(x, top_x, n - x, top_n - top_x) < intervals.FEW:
        many = hypergeometric_tail(np.array([x, top_x]), np.array([n, top_n]), np.array(selected), np.array(rows))
        return float(min(1.0, 2 * many.min()))
    p = selected / rows
    error = math.sqrt(max(p * (1 - p) * (1 / n + 1 / top_n), 1e-300))
    return float(2 * intervals.NORMAL.cdf(-abs(x / n - top_x / top_n) / error))


def _fisher(x: int, n: int, top_x: int, top_n: int) -> float:
    """Fisher 1935: the chance of all tables with these margins that are no likelier than the one found."""
    selected = x + top_x

    def log_chance(k: int) -> float:
        return (
            math.lgamma(n + 1)
            - math.lgamma(k + 1)
            - math.lgamma(n - k + 1)
            + math.lgamma(top_n + 1)
            - math.lgamma(selected - k + 1)
            - math.lgamma(top_n - selected + k + 1)
        )

    chances = [log_chance(k) for k in range(max(0, selected - top_n), min(n, selected) + 1)]
    most, found = max(chances), log_chance(x)
    total = math.fsum(math.exp(c - most) for c in chances)
    return min(1.0, math.fsum(math.exp(c - most) for c in chances if c <= found + 1e-7) / total)
