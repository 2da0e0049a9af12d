"""How far the groups differ once the noise of sampling is taken out: many small equal groups are no disparity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.statistics.arrays import Floats
from evenhand.statistics.intervals import chi_square, critical

STEPS = 100  # halvings; the answer is then exact to rounding


def spread(estimates: GroupEstimates, confidence: float = 0.95) -> tuple[float, float, float]:
    """(value, lower, upper) of the standard deviation between the groups' true values; NaN with fewer than two groups.

    Each is a τ at which Q(τ) = Σ (value - mean)² / (variance + τ²) takes a value of its χ² distribution with one degree
    of freedom less than groups: its mean for the value (Paule & Mandel 1982, J. Res. NBS 87; DerSimonian & Laird's
    estimator where all variances are equal), its quantiles for the limits (Viechtbauer 2007, Statistics in Medicine
    26). The lower limit is 0 unless the groups differ by more than chance explains.
    """
    values, variances = _known(estimates, critical(confidence))
    freedom = len(values) - 1
    if freedom < 1:
        return float("nan"), float("nan"), float("nan")

    def q(tau2: float) -> float:
        weight = 1 / (variances + tau2)
        mean = (weight * values).sum() / weight.sum()
        return float((weight * (values - mean) ** 2).sum())

    tail = (1 - confidence) / 2
    top = float(np.ptp(values) ** 2 + variances.max()) + 1e-12
    wanted = (float(freedom), chi_square(1 - tail, freedom), chi_square(tail, freedom))
    most = 0.5 if estimates.bounded else np.inf  # numbers between 0 and 1 cannot spread further
    value, lower, upper = (min(float(np.sqrt(_solve(q, at, top))), most) for at in wanted)
    return value, lower, upper


def _known(estimates: GroupEstimates, c: float) -> tuple[Floats, Floats]:
    """Values and variances of the groups that have both.

    Shares have the variance of their pooled value, so that Q is Pearson's χ² under equality. Otherwise the width of the
    interval speaks, which knows of rare events and few degrees of freedom, and no group is taken to be surer than its
    rows are worth in all groups together, because a variance that is small by luck makes a gap out of nothing.
    """
    if estimates.bounded and estimates.composed is None and np.isinf(estimates.freedom).all():
        size = np.where(np.isnan(estimates.value), 0.0, estimates.size)
        pooled = (np.nansum(estimates.value * size) + 2) / (size.sum() + 4)
        with np.errstate(divide="ignore"):
            variance = pooled * (1 - pooled) / size
    else:
        lower, upper = estimates.limits(c)
        variance = ((upper - lower) / (2 * c)) ** 2
        rows = np.where(np.isfinite(variance), estimates.rows, 0.0)
        each = np.nansum(np.where(rows > 0, variance, 0.0) * rows**2) / max(rows.sum(), 1.0)
        variance = np.maximum(variance, each / np.maximum(rows, 1.0))
    known = ~np.isnan(estimates.value) & np.isfinite(variance) & (variance > 0)
    if estimates.correlation is not None and known.sum() > 1:  # what groups share makes none of them differ
        between = estimates.correlation[np.ix_(known, known)][~np.eye(int(known.sum()), dtype=bool)]
        variance = variance * (1 - np.clip(between.mean(), -0.99, 0.99))
    return estimates.value[known], variance[known]


def _solve(q: Callable[[float], float], at: float, top: float) -> float:
    """The τ² >= 0 where the falling function q is `at`, or 0 where it starts below."""
    if q(0.0) <= at:
        return 0.0
    low, high = 0.0, top
    while q(high) > at:
        high *= 4
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if q(middle) > at else (low, middle)
    return (low + high) / 2
