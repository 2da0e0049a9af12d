"""The gap that a search keeps small: between the groups of one attribute that are large enough for it to be no luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.errors import BadInput
from evenhand.recipe_space import GapLimit
from evenhand.statistics.intervals import difference


class NotAsked(BadInput):
    """No trial can be judged as the recipe's [tune] says, whatever its settings."""


@dataclass(frozen=True, slots=True)
class Gap:
    """How far the highest and the lowest group lie apart in a metric, with limits where they are known."""

    metric: str
    attribute: str
    value: float
    lower: float | None
    upper: float | None


def gap_of(audit: Mapping[str, Any], rule: GapLimit) -> Gap:
    """The largest gap as the rule asks for it; NotAsked where the audit compares no such thing, BadInput where only
    this audit has too few rows for it."""
    known = {one["name"] for one in audit["metrics"]}
    judged = [verdict["metric"] for verdict in audit["verdicts"]]
    metric = rule.metric or next(
        (name for name in (*judged, "accuracy", "selection_rate", *known) if name in known), None
    )
    parts = [
        part
        for part in audit["attributes"]
        if part["name"] == rule.attribute or (rule.attribute is None and len(part["columns"]) == 1)
    ]
    if metric is None or metric not in known or not parts:
        names = ", ".join(part["name"] for part in audit["attributes"][:8])
        raise NotAsked(
            f"the audit of validation rows has no gap of {metric or 'any metric'} by"
            f" {rule.attribute or 'any attribute'}; it has {', '.join(sorted(known)[:12])}, by {names or 'nothing'}"
            " (tune.constraints.gap)"
        )
    found = [gap for part in parts if (gap := _between(part, metric, rule.least_rows)) is not None]
    if not found:
        raise BadInput(
            f"no two groups have {rule.least_rows} validation rows for {metric}; ask for fewer (--set"
            " tune.constraints.gap.least_rows=10), or give more rows"
        )
    return max(found, key=lambda gap: gap.value)


def _between(part: Mapping[str, Any], metric: str, least: int) -> Gap | None:
    """The gap between the highest and the lowest of an attribute's groups with so many rows; None of fewer than two."""
    entries = {
        group["name"]: entry
        for group in part["groups"]
        if (entry := group["metrics"].get(metric)) is not None
        and entry["value"] is not None
        and (entry["denominator"] if entry["denominator"] is not None else group["rows"]) >= least
    }
    if len(entries) < 2:
        return None
    high, low = (pick(entries, key=lambda name: float(entries[name]["value"])) for pick in (max, min))
    value = float(entries[high]["value"] - entries[low]["value"])
    for gap in part["gaps"]:
        if gap["kind"] == "largest" and gap["metric"] == metric and {gap["group"], gap["versus"]} == {high, low}:
            return Gap(metric, part["name"], value, gap["lower"], gap["upper"])
    return Gap(metric, part["name"], value, *_limits(entries[high], entries[low]))


def _limits(high: Mapping[str, Any], low: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Of the difference, from the limits of each group; None where a group has none.

    >>> [round(end, 3) for end in _limits({"value": 0.6, "lower": 0.5, "upper": 0.7},
    ...                                   {"value": 0.4, "lower": 0.3, "upper": 0.5})]
    [0.059, 0.341]
    """
    if any(one.get(end) is None for one in (high, low) for end in ("lower", "upper")):
        return None, None
    (top, *of_top), (bottom, *of_bottom) = (
        [np.array([one[end]]) for end in ("value", "lower", "upper")] for one in (high, low)
    )
    lower, upper = difference(top, (of_top[0], of_top[1]), bottom, (of_bottom[0], of_bottom[1]))
    return max(0.0, float(lower[0])), float(upper[0])
