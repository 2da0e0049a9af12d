"""Which metrics slices are searched for: those of the task, and a plugin's that are shares of its rows."""

from __future__ import annotations

from collections.abc import Iterator

from evenhand.auditing.counting.groups import PARTS
from evenhand.auditing.metrics.built_in import SEARCHED
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.question.plan import Plan
from evenhand.auditing.slices.cells import SliceMetric

WHO = {frozenset(("tp", "fn")): "truly positive rows", frozenset(("fp", "tn")): "truly negative rows"}


def asked_of(plan: Plan) -> tuple[tuple[SliceMetric, ...], list[str]]:
    """(what the search looks at, notes on a plugin's metrics that it cannot look at).

    A plugin's share of the same cells as one of ours takes its place, since a second look at the same rows would only
    raise what counts as evidence.
    """
    own = [m for m in plan.metrics if m.name in plan.foreign and m.name not in plan.undefined]
    fit = [m for m in own if m.numerator and plan.task != "regression" and not m.of_labels]
    mine = [metric for m in fit for metric in slice_metrics(m)]
    usual = [metric for m in SEARCHED[plan.task] for metric in slice_metrics(m)]
    named = {_cells(metric): metric for metric in mine}
    kept = [named.pop(_cells(metric), metric) for metric in usual]
    notes = [
        f"slices were not searched for {m.title}, which is no share of rows that decisions make"
        for m in own
        if m not in fit
    ]
    return (*kept, *named.values()), notes


def _cells(metric: SliceMetric) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(metric.of), frozenset(metric.among)


def slice_metrics(metric: GroupMetric) -> Iterator[SliceMetric]:
    """The metric in the direction that is worse, or in both where neither is better."""
    words = f"{WHO.get(frozenset(metric.denominator), 'rows')}|{metric.event or f'count as {metric.title}'}"
    if metric.mean_of is not None:
        yield SliceMetric(metric.name, "higher", words, ("correct",), ("correct",), mean=True)
        return
    of, among = _expanded(metric.numerator), _expanded(metric.denominator)
    if metric.better != "higher":
        yield SliceMetric(metric.name, "higher", words, of, among)
    if metric.better != "lower":
        yield SliceMetric(metric.name, "lower", words, tuple(cell for cell in among if cell not in of), among)


def _expanded(cells: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for cell in cells for part in PARTS.get(cell, (cell,))))
