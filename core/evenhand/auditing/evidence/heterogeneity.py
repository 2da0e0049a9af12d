"""How far the groups differ once the noise of sampling is taken out: many small equal groups are no disparity."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
    return spreads([estimates], confidence)[0]


def spreads(every: Sequence[GroupEstimates], confidence: float = 0.95) -> list[tuple[float, float, float]]:
    """The `spread` of each; those of equally many groups are found together."""
    known = [_known(estimates, critical(confidence)) for estimates in every]
    found = [(float("nan"), float("nan"), float("nan"))] * len(every)
    for size in {len(values) for values, _ in known if len(values) > 1}:
        alike = [i for i, (values, _) in enumerate(known) if len(values) == size]
        values, variances = (np.stack([known[i][j] for i in alike]) for j in (0, 1))
        taus = _taus(values, variances, (1 - confidence) / 2)
        for i, three in zip(alike, taus.tolist(), strict=True):
            most = 0.5 if every[i].bounded else np.inf  # numbers between 0 and 1 cannot spread further
            found[i] = (min(three[0], most), min(three[1], most), min(three[2], most))
    return found


def _taus(values: Floats, variances: Floats, tail: float) -> Floats:
    """(value, lower, upper) of each row of [metric, group]."""
    freedom = values.shape[1] - 1
    wanted = np.array([float(freedom), chi_square(1 - tail, freedom), chi_square(tail, freedom)])
    values, variances = (np.repeat(a, 3, axis=0) for a in (values, variances))
    at = np.tile(wanted, len(values) // 3)

    def q(tau2: Floats) -> Floats:
        weight = 1 / (variances + tau2[:, None])
        mean = (weight * values).sum(axis=1) / weight.sum(axis=1)
        return np.asarray((weight * (values - mean[:, None]) ** 2).sum(axis=1))

    top = np.ptp(values, axis=1) ** 2 + variances.max(axis=1) + 1e-12
    return np.asarray(np.sqrt(_solve(q, at, top)).reshape(-1, 3))


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


def _solve(q: Callable[[Floats], Floats], at: Floats, top: Floats) -> Floats:
    """The τ² >= 0 where each of the falling functions q is `at`, or 0 where it starts below."""
    low, high = np.zeros_like(at), top
    none = q(low) <= at
    while (far := ~none & (q(high) > at)).any():
        high = np.where(far, high * 4, high)
    for _ in range(STEPS):
        middle = (low + high) / 2
        if ((middle == low) | (middle == high) | none).all():
            break
        above = q(middle) > at
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(none, 0.0, (low + high) / 2)
