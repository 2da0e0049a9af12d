"""Evidence that rows inside a slice fare worse than those outside: one-sided p-values whose far tail can be trusted.

A search asks a hundred thousand questions, so what decides is the probability of one in a million, where the normal
approximation is wrong by orders of magnitude if events are rare. Shares therefore use the hypergeometric tail (Fisher's
exact test), with weights and clusters acting through the effective number of rows, as Korn & Graubard 1998 (Survey
Methodology 24) do for intervals. Means use Student's t with the larger of the slice's own and the pooled variance.
"""

from __future__ import annotations

import numpy as np

from evenhand.auditing.slices.cells import Moments
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats, ratio
from evenhand.statistics.tails import hypergeometric_tail, share_at_least, upper_tail_t


def p_values(inside: Moments, outside: Moments, mean: bool, effect: Floats | float = 1.0) -> Floats:
    """One-sided p-values, arrays [slice], of "inside is no higher than outside"; never too small, NaN where undefined.

    effect: factor (>= 1) by which clusters inflate the variance of the difference.
    """
    if mean:
        gap, variance, freedom = _difference_of_means(inside, outside, effect)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(variance > 0, upper_tail_t(gap / np.sqrt(variance), freedom), 1.0 - (gap > 0)))
    size, rest = effective_sizes(inside, outside, effect)
    events, others = ratio(inside.wv, inside.w) * size, ratio(outside.wv, outside.w) * rest
    return hypergeometric_tail(events, size, events + others, size + rest)


def gap_limits(
    inside: Moments, outside: Moments, mean: bool, effect: Floats | float, c: float
) -> tuple[Floats, Floats]:
    """Limits of inside minus outside at the critical value c: Newcombe's for shares, Student's for means."""
    if mean:
        gap, variance, freedom = _difference_of_means(inside, outside, effect)
        half = intervals.student(c, freedom) * np.sqrt(variance)
        return gap - half, gap + half
    sizes = effective_sizes(inside, outside, effect)
    values = ratio(inside.wv, inside.w), ratio(outside.wv, outside.w)
    limits = [intervals.share(v * n, n, c) for v, n in zip(values, sizes, strict=True)]
    return intervals.difference(values[0], limits[0], values[1], limits[1])


def certain_gap(inside: Moments, outside: Moments, mean: bool, effect: Floats | float, level: float) -> Floats:
    """A lower limit of inside minus outside that is wrong with a probability of `level`, however small that is.

    So far out Wilson's limit of a rare event lies too high, so the slice's share has the exact one (Clopper & Pearson
    1934, Biometrika 26).
    """
    c = -intervals.NORMAL.inv_cdf(level)
    if mean:
        return gap_limits(inside, outside, mean, effect, c)[0]
    n, rest = effective_sizes(inside, outside, effect)
    value, other = ratio(inside.wv, inside.w), ratio(outside.wv, outside.w)
    lowest = share_at_least(value * n, n, level)
    highest = intervals.share(other * rest, rest, c)[1]
    return intervals.difference(value, (lowest, value), other, (other, highest))[0]


def effective_sizes(inside: Moments, outside: Moments, effect: Floats | float = 1.0) -> tuple[Floats, Floats]:
    """Rows of equal weight that would leave the difference of two shares as uncertain as it is (Kish 1965)."""
    sizes = ratio(inside.w**2, inside.w2), ratio(outside.w**2, outside.w2)
    own = own_variance(inside) + own_variance(outside)
    even = sum(_binomial_variance(side, n) for side, n in zip((inside, outside), sizes, strict=True))
    weights = np.nan_to_num(ratio(own, np.asarray(even)), nan=1.0)
    weights = np.where(weights < 1 + 1e-9, 1.0, weights)  # weights that go with the events make them less certain
    sizes = tuple(size / np.maximum(weights, effect) for size in sizes)
    events = ratio(inside.wv**2, inside.w2v2)  # a few heavy events are no more than a few
    most = ratio(events, ratio(inside.wv, inside.w))
    return np.fmin(sizes[0], most), sizes[1]


def own_variance(side: Moments) -> Floats:
    """Variance of the weighted mean of each slice, from the spread inside it."""
    value = ratio(side.wv, side.w)
    return np.maximum(ratio(side.w2v2 - 2 * value * side.w2v + value**2 * side.w2, side.w**2), 0)


def _binomial_variance(side: Moments, size: Floats) -> Floats:
    value = ratio(side.wv, side.w)
    return ratio(value * (1 - value), size)


def _difference_of_means(inside: Moments, outside: Moments, effect: Floats | float) -> tuple[Floats, Floats, Floats]:
    """(difference, its variance, degrees of freedom). The variance is the larger of Welch's and the pooled one."""
    both = Moments(*(a + b for a, b in zip(inside.all(), outside.all(), strict=True)))
    sizes = ratio(inside.w**2, inside.w2), ratio(outside.w**2, outside.w2)
    own = own_variance(inside) * ratio(sizes[0], sizes[0] - 1) + own_variance(outside) * ratio(sizes[1], sizes[1] - 1)
    pooled = own_variance(both) * ratio(both.w**2, both.w2) * (ratio(np.ones_like(sizes[0]), sizes[0]) + 1 / sizes[1])
    gap = ratio(inside.wv, inside.w) - ratio(outside.wv, outside.w)
    return gap, np.fmax(own, pooled) * effect, np.minimum(sizes[0], sizes[1]) - 1


def cluster_effect(inside: Sides, outside: Sides, correlation: float) -> float:
    """How much clusters inflate the variance of the difference; at least 1, so that pruning without it loses nothing.

    The larger of two: what the clusters' own sums show, and what rows that correlate by `correlation` within clusters
    imply, because a slice of few clusters shows little by itself.
    """
    a, b = inside.moments, outside.moments
    even = (own_variance(a) + own_variance(b)).item()
    weight = inside.w / a.w - outside.w / b.w
    error = (inside.wv - a.wv / a.w * inside.w) / a.w - (outside.wv - b.wv / b.w * outside.w) / b.w
    apart = (a.w2 / a.w**2 + b.w2 / b.w**2).item()
    implied = 1 - correlation + correlation * float((weight**2).sum()) / apart
    shown = float((error**2).sum()) / even if even > 0 else 1.0
    return float(max(1.0, implied, shown))


class Sides:
    """One side of a comparison in a table with clusters: its moments, and its sums of w and w·v per cluster."""

    __slots__ = ("moments", "w", "wv")

    def __init__(self, moments: Moments, w: Floats, wv: Floats) -> None:
        self.moments, self.w, self.wv = moments, w, wv

    def __sub__(self, other: Sides) -> Sides:
        return Sides(self.moments - other.moments, self.w - other.w, self.wv - other.wv)


def correlation_within(everyone: Sides) -> float:
    """Correlation of two rows of one cluster, 0 to 1: what clusters' sums vary by beyond what single rows would.

    Source: the moment estimator of Ridout, Demétrio & Firth 1999, Biometrics 55, for weighted rows.
    """
    m = everyone.moments
    value = (m.wv / m.w).item()
    rows = (m.w2v2 - 2 * value * m.w2v + value**2 * m.w2).item()
    clusters = float(((everyone.wv - value * everyone.w) ** 2).sum())
    crowd = ((everyone.w**2).sum() - m.w2).item()
    spread = rows / m.w2.item()
    return min(max((clusters - rows) / (spread * crowd), 0.0), 1.0) if spread > 0 and crowd > 1e-9 else 0.0
