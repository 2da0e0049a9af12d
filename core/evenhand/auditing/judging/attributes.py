"""Each sensitive column, and each intersection asked for: its groups, their numbers, the gaps between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from evenhand.auditing.counting.aggregation import Table
from evenhand.auditing.counting.counts import CELLS
from evenhand.auditing.counting.groups import Groups
from evenhand.auditing.counting.projection import project
from evenhand.auditing.evidence import of_plugins
from evenhand.auditing.evidence.bands import Maxima, draw_maxima, joint_critical
from evenhand.auditing.evidence.estimation import estimate
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.evidence.heterogeneity import spreads
from evenhand.auditing.evidence.together import together
from evenhand.auditing.judging.deciding import decided
from evenhand.auditing.judging.gaps import MetricGaps
from evenhand.auditing.judging.missing import LeftOpen, left_open, missing_rows, named_values
from evenhand.auditing.judging.verdict_rows import verdicts_of
from evenhand.auditing.judging.worst import worst_groups
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.question.budget import TOLERANCES
from evenhand.auditing.question.plan import REFERENCE_RULE, Plan
from evenhand.auditing.table.checks import MOST_GROUPS
from evenhand.auditing.table.group_names import APART, JOIN, MISSING, group_names, numbered, phrases
from evenhand.errors import BadInput, did_you_mean
from evenhand.statistics.arrays import Floats, Ints
from evenhand.statistics.intervals import critical

NO_ONE = {
    frozenset(("tp", "fn")): "no positive labels in this group",
    frozenset(("fp", "tn")): "no negative labels in this group",
    frozenset(("tp", "fp")): "nobody in this group has a positive decision and a label",
    frozenset(("tn", "fn")): "nobody in this group has a negative decision and a label",
}


@dataclass(frozen=True)
class Attribute:
    """One column or intersection: its groups by name, their counts, and each metric's estimates."""

    columns: tuple[str, ...]
    names: list[str]
    values: list[tuple[str, ...]]
    reference: str
    reference_rule: str
    groups: Groups
    rows: Floats
    own: dict[str, GroupEstimates]
    rest: dict[str, GroupEstimates]
    maxima: dict[str, Maxima]
    label: str = ""  # of a multi-label audit, the label that is audited

    @property
    def name(self) -> str:
        """The columns; of a multi-label audit after the label."""
        return (f"{self.label}: " if self.label else "") + JOIN.join(self.columns)


def estimated(metric: GroupMetric, groups: Groups, plan: Plan) -> GroupEstimates:
    """The metric for every group; MetricFault where it is a plugin's and fails."""
    return of_plugins.estimated(metric, groups) if metric.name in plan.foreign else estimate(metric, groups)


def attributes_of(
    table: Table, plan: Plan, metrics: list[GroupMetric], label: str = "", place: int = 0
) -> list[Attribute]:
    """Every sensitive column, then every intersection to the depth of the plan.

    label: of a multi-label audit, the one that the table is about, and its `place` among the labels, so that each draws
    for itself.
    """
    places = range(len(table.columns))
    chosen = [combo for depth in range(1, plan.intersections + 1) for combo in combinations(places, depth)]
    return [
        replace(_attribute(table, plan, metrics, combo, place * len(chosen) + i), label=label)
        for i, combo in enumerate(chosen)
    ]


def _attribute(table: Table, plan: Plan, metrics: list[GroupMetric], combo: tuple[int, ...], number: int) -> Attribute:
    columns = tuple(table.columns[i] for i in combo)
    values, group = _groups(table, combo)
    names = numbered(group_names(columns, values, [table.names[c] for c in combo]))
    if len(names) > MOST_GROUPS:
        raise BadInput(
            f"{JOIN.join(columns)} makes {len(names):,} groups, and an audit compares at most {MOST_GROUPS:,}; use"
            " fewer --intersections, or bin a column"
        )
    groups = project(table, group, len(names))
    rows = np.bincount(group, table.n, len(names))
    own = {m.name: estimated(m, groups, plan) for m in metrics}
    others = groups.rest()
    rest = {m.name: estimated(m, others, plan) for m in metrics}
    found = together([*own.values(), *rest.values()])
    own, rest = dict(zip(own, found, strict=False)), dict(zip(rest, found[len(own) :], strict=True))
    maxima = {
        m.name: draw_maxima(
            own[m.name], own[m.name].rows, plan.replicates, (plan.seed, number, i), plan.tolerances.get(m.name, 0.0)
        )
        for i, m in enumerate(metrics)
    }
    reference, rule = _reference(plan, columns, names, values, rows)
    return Attribute(columns, names, values, reference, rule, groups, rows, own, rest, maxima)


def _groups(table: Table, combo: tuple[int, ...]) -> tuple[list[tuple[str, ...]], Ints]:
    """(values of each group that occurs, the group of each entry of the table)."""
    code, first = np.zeros(len(table.n), dtype=np.int64), 1
    for column in combo:
        size = len(table.names[column])
        if first * size > 2**62:
            raise BadInput(f"the columns {', '.join(table.columns)} have too many values together; bin one of them")
        code, first = code * size + table.groups[:, column], first * size
    _, where, group = np.unique(code, return_index=True, return_inverse=True)
    rows = table.groups[where][:, list(combo)]
    values = [tuple(table.names[c][int(v)] for c, v in zip(combo, row, strict=True)) for row in rows]
    return values, np.asarray(group).reshape(-1)


def _reference(
    plan: Plan, columns: tuple[str, ...], names: list[str], values: list[tuple[str, ...]], rows: Floats
) -> tuple[str, str]:
    """(the reference group, the rule that chose it): the largest group among those that the user's names leave."""
    asked = {column: plan.reference[column] for column in columns if column in plan.reference}
    fits = [
        i
        for i, value in enumerate(values)
        if all(asked.get(column, part) == part for column, part in zip(columns, value, strict=True))
    ]
    if asked and not fits:
        if len(columns) == 1:
            name = asked[columns[0]]
            raise BadInput(
                f"the reference group '{name}' is not in column '{columns[0]}'.{did_you_mean(name, names)}"
                " (--reference)"
            )
        asked, fits = {}, list(range(len(names)))  # nobody is in that intersection
    known = [i for i in fits if not {MISSING, APART} & {*values[i]}] or fits
    chosen = names[max(known, key=lambda i: (rows[i], -i))]
    if len(asked) == len(columns):
        return chosen, "named by the user"
    return chosen, REFERENCE_RULE + (f" where {', '.join(f'{c} is {v}' for c, v in asked.items())}" if asked else "")


def compared(
    attributes: list[Attribute], plan: Plan, metrics: list[GroupMetric]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(the attributes' part of audit.json, the verdicts). Of several labels, all labels' attributes are one family; a
    metric that one of them has not got is not compared there."""
    own_critical = joint_critical(
        [a.maxima[m.name].own for a in attributes for m in metrics if m.name in a.own], plan.confidence
    )
    comparisons = _comparisons(attributes, plan, metrics)
    parts = []
    for place, attribute in enumerate(attributes):
        mine = [m for m in metrics if m.name in attribute.own]
        gaps = [gap for metric in mine for gap in comparisons[place, metric.name].gaps()]
        wide = _spreads({m.name: attribute.own[m.name] for m in mine}, plan.confidence)
        parts.append(
            {
                **_described(attribute),
                "spread": wide,
                "worst": worst_groups(attribute.names, mine, attribute.own, own_critical),
                "missing": missing_rows(
                    attribute.values, attribute.rows, attribute.groups.total[:, : len(CELLS)], mine
                ),
                "groups": _group_rows(attribute, mine, plan, own_critical),
                "gaps": gaps,
            }
        )
    known = [{m.name for m in metrics if m.name in attribute.own} for attribute in attributes]
    return parts, list(verdicts_of(parts, plan, metrics, known))


def _comparisons(
    attributes: list[Attribute], plan: Plan, metrics: list[GroupMetric]
) -> dict[tuple[int, str], MetricGaps]:
    """(place of the attribute, metric) -> its gaps, with the critical values at which they are judged together."""
    pairs = [(place, a, m) for place, a in enumerate(attributes) for m in metrics if m.name in a.own]
    every = [a.maxima[m.name].comparisons for _, a, m in pairs]
    judged = [a.maxima[m.name].comparisons for _, a, m in pairs if m.name in plan.tolerances]
    level = plan.budget.of(TOLERANCES)
    joint_all, joint_judged = joint_critical(every, plan.confidence), joint_critical(judged, 1 - level)
    alongside = np.sort(np.max(every, axis=0)) if every else np.zeros(0)
    found = {
        (place, m.name): replace(
            _comparison(a, m, plan, joint_judged if m.name in plan.tolerances else joint_all), alongside=alongside
        )
        for place, a, m in pairs
    }
    cases = {key: case for key, one in found.items() if (case := one.case()) is not None}
    levels = dict(zip(cases, decided(list(cases.values()), level), strict=True))
    return {key: replace(one, levels=levels.get(key)) for key, one in found.items()}


def _comparison(attribute: Attribute, metric: GroupMetric, plan: Plan, joint: float) -> MetricGaps:
    maxima = attribute.maxima[metric.name]
    return MetricGaps(
        metric,
        attribute.name,
        attribute.names,
        attribute.reference,
        attribute.rows,
        attribute.own[metric.name],
        attribute.rest[metric.name],
        maxima,
        plan.tolerances.get(metric.name),
        critical(plan.confidence),
        joint_critical([maxima.comparisons], plan.confidence),
        joint,
        _open(attribute, metric, plan),
        phrases=tuple(phrases(attribute.columns, attribute.values)),
    )


def _open(attribute: Attribute, metric: GroupMetric, plan: Plan) -> LeftOpen | None:
    """What rows of unknown group leave open, where there are any that the user did not ask to be judged as a group."""
    values = named_values(attribute.columns, attribute.values, plan.reference)
    if not any(MISSING in value or APART in value for value in values):
        return None
    return left_open(values, metric, attribute.groups.total[:, : len(CELLS)], attribute.own[metric.name].rows)


def _spreads(found: Mapping[str, GroupEstimates], confidence: float) -> dict[str, dict[str, float]]:
    every = spreads(list(found.values()), confidence)
    return {
        name: dict(zip(("value", "lower", "upper"), three, strict=True))
        for name, three in zip(found, every, strict=True)
    }


def _described(attribute: Attribute) -> dict[str, Any]:
    return {
        "name": attribute.name,
        **({"label": attribute.label} if attribute.label else {}),
        "columns": list(attribute.columns),
        "reference": attribute.reference,
        "reference_rule": attribute.reference_rule,
    }


def _group_rows(
    attribute: Attribute, metrics: list[GroupMetric], plan: Plan, own_critical: float
) -> list[dict[str, Any]]:
    tables = {m.name: entries(m, attribute.own[m.name], plan.confidence, own_critical) for m in metrics}
    cells = attribute.groups.total[:, : len(CELLS)]
    return [
        {
            "name": name,
            "values": list(attribute.values[i]),
            "rows": int(attribute.rows[i]),
            "weight": float(cells[i].sum()),
            "cells": {cell: float(cells[i, j]) for j, cell in enumerate(CELLS) if cells[:, j].any()},
            "metrics": {m.name: tables[m.name][i] for m in metrics},
        }
        for i, name in enumerate(attribute.names)
    ]


def entries(metric: GroupMetric, found: GroupEstimates, confidence: float, own_critical: float) -> list[dict[str, Any]]:
    """One entry per group: value, pointwise and simultaneous limits, denominator, and why where undefined."""
    (lower, upper), (low_all, up_all) = found.limits(critical(confidence)), found.limits(own_critical)
    return [
        {
            "value": value,
            "lower": lower[i],
            "upper": upper[i],
            "lower_simultaneous": low_all[i],
            "upper_simultaneous": up_all[i],
            "denominator": round(float(np.nan_to_num(found.rows[i]))),
            "why": _why(metric) if np.isnan(value) else None,
        }
        for i, value in enumerate(found.value)
    ]


def _why(metric: GroupMetric) -> str:
    if metric.lacking:
        return metric.lacking
    return NO_ONE.get(frozenset(metric.denominator), "it has no denominator in this group")
