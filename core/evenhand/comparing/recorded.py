"""Both sides from two audit.json alone, where the rows are not at hand: independent samples, with the limits recorded
there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.comparing.both_sides import BothSides, Pair
from evenhand.comparing.counted import EVERYONE
from evenhand.comparing.sides import Side
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats
from evenhand.statistics.intervals import critical


@dataclass(frozen=True)
class Recorded:
    """One metric of some groups as audit.json has it; `c`: the critical value of its limits."""

    value: Floats
    rows: Floats
    lower: Floats
    upper: Floats
    c: float
    bounded: bool
    correlation: None = None

    def limits(self, c: float) -> Pair:
        """The recorded limits, moved out in proportion to the critical value; a share's stay in [0, 1]."""
        k = c / self.c
        lower, upper = self.value - k * (self.value - self.lower), self.value + k * (self.upper - self.value)
        return (np.maximum(lower, 0), np.minimum(upper, 1)) if self.bounded else (lower, upper)


def recorded_sides(
    one: Side, two: Side, columns: Sequence[str], depth: int, metrics: Mapping[str, GroupMetric]
) -> Iterator[BothSides]:
    """Every metric of every attribute of both audits."""
    sides = (one, two)
    for metric in metrics.values():
        found = [{EVERYONE: side.audit["overall"].get(metric.name)} for side in sides]
        yield _levels(None, [EVERYONE], None, metric, found, sides)
    shared = [
        part
        for part in one.audit["attributes"]
        if set(part["columns"]) <= set(columns) and len(part["columns"]) <= depth
    ]
    for part in shared:
        other = next((p for p in two.audit["attributes"] if p["columns"] == part["columns"]), None)
        if other is None:
            continue
        groups = [{g["name"]: g["metrics"] for g in p["groups"]} for p in (part, other)]
        names = list(dict.fromkeys([*groups[0], *groups[1]]))
        for metric in metrics.values():
            found = [{name: entries.get(metric.name) for name, entries in side.items()} for side in groups]
            yield _levels(part["name"], names, part["reference"], metric, found, sides)


def _levels(
    attribute: str | None,
    names: list[str],
    reference: str | None,
    metric: GroupMetric,
    found: Sequence[Mapping[str, Any]],
    sides: tuple[Side, Side],
) -> BothSides:
    one, two = (
        _recorded([entries.get(name) for name in names], metric, critical(side.question["confidence"]))
        for entries, side in zip(found, sides, strict=True)
    )
    nothing = np.zeros(len(names))
    return BothSides(
        attribute, names, reference, metric, one, two, partial(_apart, one, two), nothing, None, False, False
    )


def _apart(one: Recorded, two: Recorded, c: float) -> Pair:
    return intervals.difference(two.value, two.limits(c), one.value, one.limits(c))


def _recorded(entries: list[Any], metric: GroupMetric, c: float) -> Recorded:
    def column(key: str, otherwise: float) -> Floats:
        found = [None if entry is None else entry[key] for entry in entries]
        return np.array([otherwise if number is None else float(number) for number in found])

    ends = (0.0, 1.0) if metric.bounded else (-np.inf, np.inf)
    return Recorded(
        column("value", np.nan),
        column("denominator", 0),
        column("lower", ends[0]),
        column("upper", ends[1]),
        c,
        metric.bounded,
    )
