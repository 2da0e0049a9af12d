"""Simultaneous bands: one critical value under which every comparison of a family holds at once (max-T).

The distribution of the largest studentised difference is drawn, not assumed: normal draws with the standard
errors (and, under clustering, the correlations) of the groups, as in Hothorn, Bretz & Westfall 2008. The limits
themselves are score intervals at that critical value, so small counts keep their skewness. Families of different
metrics and attributes are drawn independently; by the Gaussian correlation inequality (Royen 2014) that can
only widen the bands. Nothing here resamples a maximum, whose percentiles are biased away from zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.statistics.arrays import Floats

DOUBT = 0.04  # standard error of the 95 % point of 2,000 draws
MOST_PAIRED = 40  # above, the studentised range of equal groups stands in: never narrower (Hayter 1984)


@dataclass(frozen=True)
class Maxima:
    """Per replicate the largest |T| over the comparisons of one family, and over its groups taken one by one."""

    comparisons: Floats
    own: Floats


def draw_maxima(estimates: GroupEstimates, weight: Floats, replicates: int, seed: tuple[int, ...]) -> Maxima:
    """The null distribution of one metric on one attribute. `weight`: how much each group counts in the rest."""
    defined = ~np.isnan(estimates.value)
    size = int(defined.sum())
    if size < 2:
        return Maxima(
            np.zeros(replicates), np.zeros(replicates) if size == 0 else _normals(1, replicates, seed).max(axis=1)
        )
    spread, share = estimates.spread[defined], weight[defined]
    normals = _normals(size, replicates, seed)
    correlation = None if estimates.correlation is None else estimates.correlation[np.ix_(defined, defined)]
    if correlation is not None:
        values, vectors = np.linalg.eigh(correlation)
        normals = normals @ (vectors * np.sqrt(np.maximum(values, 0))).T
    own = np.abs(normals).max(axis=1)
    if size > MOST_PAIRED:
        span = (normals.max(axis=1) - normals.min(axis=1)) / np.sqrt(2)
        return Maxima(np.maximum(span, own), own)
    errors = normals * spread
    covariance = np.outer(spread, spread) * (np.eye(size) if correlation is None else correlation)
    comparisons = np.maximum(_pairs(errors, covariance), _rests(errors, covariance, share))
    return Maxima(comparisons, own)


def _normals(size: int, replicates: int, seed: tuple[int, ...]) -> Floats:
    """Draws in antithetic halves, so that the quantiles settle sooner."""
    return np.random.default_rng(seed).standard_normal((replicates, size))


def _pairs(errors: Floats, covariance: Floats) -> Floats:
    variance = np.diag(covariance)
    largest = np.zeros(len(errors))
    for i in range(len(variance) - 1):
        scale = np.sqrt(np.maximum(variance[i] + variance[i + 1 :] - 2 * covariance[i, i + 1 :], 1e-300))
        np.maximum(largest, (np.abs(errors[:, i, None] - errors[:, i + 1 :]) / scale).max(axis=1), out=largest)
    return largest


def _rests(errors: Floats, covariance: Floats, share: Floats) -> Floats:
    contrast = np.eye(len(share))
    total = share.sum()
    for i in range(len(share)):
        others = np.delete(np.arange(len(share)), i)
        if total > share[i]:
            contrast[i, others] = -share[others] / (total - share[i])
    scale = np.sqrt(np.maximum(np.einsum("gi,ij,gj->g", contrast, covariance, contrast), 1e-300))
    return np.asarray((np.abs(errors @ contrast.T) / scale).max(axis=1))


def joint_critical(families: list[Floats], confidence: float) -> float:
    """The critical value that holds for all families together; the pointwise one where there is nothing to compare.

    Never below the pointwise one and the doubt that draws leave: a single comparison may be judged, and then counts are
    read by their exact tails like those of many.
    """
    from evenhand.statistics.intervals import critical

    if not families:
        return critical(confidence)
    return max(critical(confidence) + DOUBT, float(np.quantile(np.max(families, axis=0), confidence)))
