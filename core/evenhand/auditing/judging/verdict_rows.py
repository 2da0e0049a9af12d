"""The verdicts of an audit as rows: one for each attribute and metric with a tolerance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evenhand.auditing.judging.verdicts import UNSURE
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.question.plan import Plan


def verdicts_of(
    parts: list[dict[str, Any]], plan: Plan, metrics: list[GroupMetric], known: list[set[str]]
) -> Iterator[dict[str, Any]]:
    """The verdict on each attribute and metric with a tolerance: that on its largest gap. known: its metrics."""
    kept = ("metric", "value", "tolerance", "group", "versus", "rows_needed", "told", "says", "verdict")
    for part, there in zip(parts, known, strict=True):
        for metric in metrics:
            if metric.name not in plan.tolerances or metric.name not in there:
                continue
            gap = next((g for g in part["gaps"] if g["kind"] == "largest" and g["metric"] == metric.name), None)
            if gap is not None:
                limits = {"lower": gap["lower_deciding"], "upper": gap["upper_deciding"]}
                yield {"attribute": part["name"], **{key: gap[key] for key in kept}, **limits}
            else:
                says = f"Fewer than two groups have a {metric.title}, so there is nothing to compare."
                yield _nothing(part["name"], metric.name, plan, says)


def undecided(parts: list[dict[str, Any]], plan: Plan, undefined: Mapping[str, str]) -> list[dict[str, Any]]:
    """The verdicts on metrics with a tolerance that the data cannot give: never within, and the reason is said."""
    return [
        _nothing(part["name"], name, plan, f"The {name} is not defined: {undefined[name]}.")
        for part in parts
        for name in plan.tolerances
        if name in undefined
    ]


def _nothing(attribute: str, metric: str, plan: Plan, says: str) -> dict[str, Any]:
    return {
        "attribute": attribute,
        "metric": metric,
        "verdict": UNSURE,
        "value": None,
        "lower": None,
        "upper": None,
        "tolerance": plan.tolerances[metric],
        "group": None,
        "versus": None,
        "rows_needed": None,
        "told": None,
        "says": says,
    }
