"""What rows of unknown group leave open: between which limits the largest gap lies, to whichever groups they belong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.counting.groups import CELL, PARTS
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.table.group_names import APART, MISSING
from evenhand.statistics.arrays import Floats

HALVINGS = 60  # of [0, 1]; what is left is less than the rounding of a rate
ASKED = "\0asked"  # stands for "(missing)" where the user made it a group like any other


@dataclass(frozen=True)
class LeftOpen:
    """By how much rows of unknown group could move the gaps of one metric beyond their estimates; 0 where none could.

    unknown: [group] groups that are none: of rows whose group is not known, or that have none. apart: [group, group],
    how much further the first may lie above the second. above, below: [group], how much further above or below everyone
    else. nobody: the largest gap that rows could make that fit no group. Infinite where the metric has no bounds.
    """

    unknown: NDArray[np.bool_]
    apart: Floats
    above: Floats
    below: Floats
    nobody: float = 0.0


def named_values(
    columns: Sequence[str], values: Sequence[tuple[str, ...]], reference: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """The values of each group; those missing in a column whose reference group is "(missing)" count as known.

    Who names "(missing)" as the group to compare with asks for its rows to be judged as a group.
    """
    asked = [reference.get(column) == MISSING for column in columns]
    return [
        tuple(ASKED if is_asked and part == MISSING else part for is_asked, part in zip(asked, value, strict=True))
        for value in values
    ]


def left_open(values: Sequence[tuple[str, ...]], metric: GroupMetric, cells: Floats, rows: Floats) -> LeftOpen:
    """What rows of unknown group could do to the gaps between the others.

    values: of each group (`named_values`). cells: [group, cell] sums of weights. rows: [group] rows in the denominator.
    """
    unknown, size = np.array([MISSING in value for value in values]), len(values)
    none, unjudged = np.zeros(size), unknown | np.array([APART in value for value in values])
    if not np.nansum(rows[unknown]) > 0:
        return LeftOpen(unjudged, np.zeros((size, size)), none, none)
    if not metric.numerator:
        return LeftOpen(unjudged, np.full((size, size), np.inf), none + np.inf, none + np.inf)
    a, b = _counts(metric, cells)
    fits = _fitting(values, unknown)
    more_a, more_b, all_a, all_b = fits @ a, fits @ b, a[unknown].sum(), b[unknown].sum()
    rest_a, rest_b = a[~unknown].sum() - a, b[~unknown].sum() - b
    high, low, rate = _rate(a + more_a, b), _rate(a, b + more_b), _rate(a, b)
    everyone = _rate(a.sum() - a, b.sum() - b)
    rest_low = _rate(rest_a + all_a - more_a, rest_b + all_b)
    rest_high = _rate(rest_a + all_a, rest_b + all_b - more_b)
    apart = np.where(np.eye(size), 0.0, high[:, None] - low[None] - (rate[:, None] - rate[None]))
    above, below = high - rest_low - (rate - everyone), rest_high - low - (everyone - rate)
    homeless = not fits[~unknown][:, unknown].any(axis=0).all()
    nobody = float(np.nan_to_num(gap_bounds(values, a, b)[1])) if homeless else 0.0
    return LeftOpen(unjudged, _further(apart), _further(above), _further(below), nobody)


def least_ratios(values: Sequence[tuple[str, ...]], metric: GroupMetric, cells: Floats) -> Floats:
    """[group, group] the factor (at most 1) by which rows of unknown group could lower a ratio of first to second."""
    a, b = _counts(metric, cells)
    fits = _fitting(values, np.array([MISSING in value for value in values]))
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = _rate(a, b + fits @ b) / _rate(a, b), _rate(a + fits @ a, b) / _rate(a, b)
        return np.asarray(np.minimum(np.nan_to_num(low[:, None] / high[None], nan=1.0), 1.0))


def _fitting(values: Sequence[tuple[str, ...]], unknown: NDArray[np.bool_]) -> Floats:
    """[group, group] 1 where rows of the second, whose group is unknown, could be of the first."""
    found = [[absent and _could_be(v, g) for v, absent in zip(values, unknown, strict=True)] for g in values]
    return np.array(found, dtype=float)


def _further(x: Floats) -> Floats:
    return np.asarray(np.maximum(np.nan_to_num(x), 0))


def missing_rows(
    values: Sequence[tuple[str, ...]], rows: Floats, cells: Floats, metrics: Sequence[GroupMetric]
) -> dict[str, Any] | None:
    """The `missing` entry of one attribute in audit.json; None where every row's group is known.

    values: the sensitive values of each group. rows: [group]. cells: [group, cell] sums of weights.
    """
    unknown = np.array([MISSING in value for value in values])
    if not unknown.any():
        return None
    absent = float(rows[unknown].sum())
    shares = [metric for metric in metrics if metric.numerator]
    return {
        "rows": round(absent),
        "share": absent / float(rows.sum()),
        "bounds": {
            metric.name: dict(zip(("lower", "upper"), gap_bounds(values, *_counts(metric, cells)), strict=True))
            for metric in shares
        },
    }


def gap_bounds(values: Sequence[tuple[str, ...]], hits: Floats, others: Floats) -> tuple[float, float]:
    """Limits of the largest gap between the known groups; NaN where fewer than two groups could have a rate.

    hits, others: [group] weights in the numerator, and in the denominator alone. The upper limit is reached: one group
    gets all hits that could be its own and another all the rest (Manski's worst case: Horowitz & Manski 2000, JASA 95).
    The lower limit may lie below what is reached, because weights are taken as divisible.
    """
    unknown = np.array([MISSING in value for value in values])
    known = [value for value, absent in zip(values, unknown, strict=True) if not absent]
    lost = [value for value, absent in zip(values, unknown, strict=True) if absent]
    nobody = [value for value in lost if not any(_could_be(value, group) for group in known)]  # a group of their own
    groups = [*known, *nobody]
    fits = np.array([[_could_be(value, group) for value in lost] for group in groups], dtype=float).reshape(
        -1, len(lost)
    )
    a, b = (np.concatenate([x[~unknown], np.zeros(len(nobody))]) for x in (hits, others))
    upper = _widest(a, b, fits @ hits[unknown], fits @ others[unknown])
    if np.isnan(upper):
        return upper, upper
    there = a + b > 0
    return min(_narrowest(a[there], b[there], float(hits[unknown].sum()), float(others[unknown].sum())), upper), upper


def _could_be(value: tuple[str, ...], group: tuple[str, ...]) -> bool:
    return all(part in (MISSING, other) for part, other in zip(value, group, strict=True))


def _widest(a: Floats, b: Floats, more_a: Floats, more_b: Floats) -> float:
    """The largest gap when one group gets every hit that fits it and another everything else that fits."""
    if (a + b + more_a + more_b > 0).sum() < 2:
        return float("nan")
    high, low = _rate(a + more_a, b), _rate(a, b + more_b)
    gap = np.where(np.eye(len(a), dtype=bool), np.nan, high[:, None] - low[None])
    return float(np.fmax.reduce(gap, axis=None, initial=0.0))


def _rate(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.divide(a, a + b, out=np.full(a.shape, np.nan), where=a + b > 0))


def _narrowest(a: Floats, b: Floats, more_a: float, more_b: float) -> float:
    """No assignment makes the largest gap smaller: the lowest groups are raised together with the hits there are to
    share out, and the highest are brought down with the rest."""
    if len(a) < 2:
        return 0.0
    raised = _last(lambda rate: _needed(rate, a, b) <= more_a)
    sunk = 1 - _last(lambda rate: _needed(rate, b, a) <= more_b)
    return max(sunk - raised, 0.0)


def _needed(rate: float, a: Floats, b: Floats) -> float:
    """The hits that bring every group to the rate, at least."""
    return float(np.maximum(rate * (a + b) - a, 0).sum() / max(1 - rate, 1e-300))


def _last(enough: Callable[[float], bool]) -> float:
    """The highest rate that there is enough for, rounded up."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if enough(middle) else (low, middle)
    return high


def _counts(metric: GroupMetric, cells: Floats) -> tuple[Floats, Floats]:
    """(weight in the numerator, weight in the rest of the denominator) of every group."""
    hits, among = (_places(names) for names in (metric.numerator, metric.denominator))
    return cells[:, hits].sum(axis=1), cells[:, among & ~hits].sum(axis=1)


def _places(names: Sequence[str]) -> NDArray[np.bool_]:
    inside = np.zeros(len(CELL), dtype=bool)
    inside[[CELL[part] for name in names for part in PARTS.get(name, (name,))]] = True
    return inside
