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
IN_CACHE = 400  # replicates whose differences stay in the processor's cache


@dataclass(frozen=True)
class Maxima:
    """Per replicate the largest |T| over the comparisons of one family, and over its groups taken one by one.

    allowed: the largest (|difference| - allowance) in standard errors, where the comparisons are held against a
    tolerance above 0 (directed.py says which allowance).
    """

    comparisons: Floats
    own: Floats
    allowed: Floats | None = None


def draw_maxima(
    estimates: GroupEstimates, weight: Floats, replicates: int, seed: tuple[int, ...], tolerance: float = 0.0
) -> Maxima:
    """The null distribution of one metric on one attribute.

    weight: how much each group counts in the rest. tolerance: what its gaps are held against; 0 where they are not.
    """
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
    allowance = tolerance * (2 if size == 2 else 1)  # of two groups only the other direction is left
    if size > MOST_PAIRED:
        span = np.maximum((normals.max(axis=1) - normals.min(axis=1)) / np.sqrt(2), own)
        return Maxima(span, own, span - allowance / (np.sqrt(2) * spread.max()) if tolerance else None)
    errors = normals * spread
    covariance = np.outer(spread, spread) * (np.eye(size) if correlation is None else correlation)
    comparisons = np.maximum(_pairs(errors, covariance), _rests(errors, covariance, share))
    if not tolerance:
        return Maxima(comparisons, own)
    near = np.maximum(_pairs(errors, covariance, allowance), _rests(errors, covariance, share, allowance))
    return Maxima(comparisons, own, near)


def _normals(size: int, replicates: int, seed: tuple[int, ...]) -> Floats:
    """Draws in antithetic halves, so that the quantiles settle sooner."""
    return np.random.default_rng(seed).standard_normal((replicates, size))


def _pairs(errors: Floats, covariance: Floats, allowance: float = 0.0) -> Floats:
    variance = np.diag(covariance)
    scales = np.sqrt(np.maximum(variance[:, None] + variance - 2 * covariance, 1e-300))
    largest = np.full(len(errors), -np.inf)
    for first in range(0, len(errors), IN_CACHE):
        by_group = np.ascontiguousarray(errors[first : first + IN_CACHE].T)
        here = largest[first : first + IN_CACHE]
        for i in range(len(variance) - 1):
            apart = by_group[i + 1 :] - by_group[i]
            np.abs(apart, out=apart)
            if allowance:
                apart -= allowance
            apart /= scales[i, i + 1 :, None]
            np.maximum(here, apart.max(axis=0), out=here)
    return largest


def _rests(errors: Floats, covariance: Floats, share: Floats, allowance: float = 0.0) -> Floats:
    left = (share.sum() - share)[:, None]
    contrast = np.where(left > 0, -share / np.where(left > 0, left, 1.0), 0.0)
    np.fill_diagonal(contrast, 1.0)
    scale = np.sqrt(np.maximum(np.einsum("gi,ij,gj->g", contrast, covariance, contrast), 1e-300))
    return np.asarray(((np.abs(errors @ contrast.T) - allowance) / scale).max(axis=1))


def joint_critical(families: list[Floats], confidence: float) -> float:
    """The critical value that holds for all families together; the pointwise one where there is nothing to compare.

    Never below the pointwise one and the doubt that draws leave: a single comparison may be judged, and then counts are
    read by their exact tails like those of many.
    """
    from evenhand.statistics.intervals import critical

    if not families:
        return critical(confidence)
    return max(critical(confidence) + DOUBT, float(np.quantile(np.max(families, axis=0), confidence)))
