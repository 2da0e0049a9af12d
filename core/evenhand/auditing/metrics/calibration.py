"""Whether a score means what it says: calibration error with the sampling noise taken out, and the recalibration
slope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.counting.curves import Block, Curves, Reading
from evenhand.auditing.metrics.metric import GroupMetric, by_level, mean
from evenhand.auditing.metrics.rates import BASE_RATE, LABELLED
from evenhand.statistics.arrays import Floats, Ints

BINS = 10  # of equal mass over everyone, the same for all groups, so that their numbers mean the same
EDGE = 1e-6  # scores are kept this far from 0 and 1 before their logit is taken
STEPS = 40
FEW_CLUSTERS = 30  # below, their design effect is hardly known
STEEPEST = 50.0  # a slope beyond this is a score that separates the classes: there is no finite one


@dataclass(frozen=True)
class _Bins:
    """score - label by group and bin."""

    share: Floats  # of the group's weight
    gap: Floats  # mean
    covariance: Floats  # [group, bin, bin] of the gaps
    chance: Floats  # [group, bin] variance of the gap were the score right,
    rare: Floats  # and were the group's base rate two events from what was seen (Agresti & Coull 1998)
    rows: Floats  # [group]


def calibration_error_reading(curves: Curves) -> Reading:
    """Mean squared calibration error per group, without the part that chance alone would make."""
    return curves.read(_calibration_error)


def _calibration_error(block: Block) -> Reading:
    """Sum over bins of share · (gap² - variance of the gap): unbiased, so a calibrated group of any size expects 0.

    Debiased plug-in estimator of Kumar, Liang & Ma 2019 (NeurIPS), with the gap's variance from its rows
    (Bröcker 2012, Climate Dynamics 39) or clusters, which a bin needs two of. Its variance grows with the error
    itself, so the limits are those errors that the estimate does not contradict.
    """
    bins = _by_bin(block)
    own = np.einsum("gbb->gb", bins.covariance)
    share, gap = bins.share, bins.gap
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(share.sum(axis=1) > 0, (share * (gap**2 - own)).sum(axis=1), np.nan)
        moving = (share * (gap**2 - value[:, None]) ** 2).sum(axis=1) / bins.rows
        low, high = (_noise(bins, extra, moving) for extra in (bins.chance, bins.rare))
    rows = block.rows.sum(axis=1)
    variance = low[0] + low[1] * np.maximum(value, 0)

    def limits(c: Floats) -> tuple[Floats, Floats]:
        return _touching(value, low, -c), np.maximum(_touching(value, high, c), 0)

    return Reading(value, variance, bins.rows, np.maximum(bins.rows - 1, 0), rows, None, limits)


def _noise(bins: _Bins, least: Floats, moving: Floats) -> tuple[Floats, Floats]:
    """(a, b) of the variance a + b·θ that the estimate has where the true error is θ; bins vary by no less than
    `least`."""
    weighted = bins.share[:, :, None] * bins.covariance
    own = np.einsum("gbb->gb", weighted)
    more = np.maximum(bins.share * least - own, 0)
    flat = 2 * (np.einsum("gbc,gcb->g", weighted, weighted) + (more * (more + 2 * own)).sum(axis=1)) + moving
    pull = bins.share * bins.gap
    with np.errstate(invalid="ignore", divide="ignore"):
        there = np.einsum("gb,gbc,gc->g", pull, bins.covariance, pull) / (pull * bins.gap).sum(axis=1)
    evenly = np.einsum("gbc,gc->g", weighted, bins.share)
    return flat, 4 * (np.fmax(there, evenly) + (bins.share * more).sum(axis=1))


def _touching(value: Floats, noise: tuple[Floats, Floats], c: Floats) -> Floats:
    """The θ that the estimate is just c standard errors away from, the error being that under θ (a score interval)."""
    flat, slope = noise
    reach = np.minimum(np.abs(c), 1e6)
    return np.asarray(
        value
        + reach**2 * slope / 2
        + np.sign(c) * reach * np.sqrt(flat + slope * np.maximum(value, 0) + (reach * slope) ** 2 / 4)
    )


def _by_bin(block: Block) -> _Bins:
    bin_of = bins_of(block.curves)
    one = np.zeros((len(bin_of), BINS))
    one[np.arange(len(bin_of)), bin_of] = 1
    s = block.curves.scores
    weight, square = (block.positive + block.negative) @ one, (block.positive2 + block.negative2) @ one
    off = (block.positive * (s - 1) + block.negative * s) @ one
    off_square = (block.positive2 * (s - 1) ** 2 + block.negative2 * s**2) @ one
    off_cross = (block.positive2 * (s - 1) + block.negative2 * s) @ one
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = np.nan_to_num(off / weight)
        units = weight**2 / square
        inner = np.maximum(off_square - 2 * gap * off_cross + gap**2 * square, 0) / weight**2
        mean = np.clip(((block.positive + block.negative) * s) @ one / weight, 0, 1)
        chance = np.nan_to_num(mean * (1 - mean) / units)
        own = inner * units / (units - 1)
        all_units = weight.sum(axis=1) ** 2 / square.sum(axis=1)
        rate = (block.positive.sum(axis=1) / weight.sum(axis=1) * all_units + 2) / (all_units + 4)
        rare = np.maximum(chance, np.nan_to_num((rate * (1 - rate))[:, None] / units))
    covariance = np.zeros((*gap.shape, BINS))
    covariance[:, range(BINS), range(BINS)] = np.where(units > 1.5, own, np.nan)
    if block.curves.cluster is not None:
        covariance, all_units = _over_clusters(block, bin_of, gap, weight)
        effect = _design_effect(covariance, chance, weight, all_units, block.rows.sum(axis=1))
        chance, rare = chance * effect, rare * effect
    known = np.isfinite(np.einsum("gbb->gb", covariance))
    share = np.where(known, weight, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.nan_to_num(share / share.sum(axis=1, keepdims=True))
    return _Bins(share, np.where(known, gap, 0.0), np.nan_to_num(covariance), chance, rare, all_units)


def bins_of(curves: Curves) -> Ints:
    """The bin of each level: tenths of everyone's rows, never parting equal scores."""
    weight = curves.everyone
    middle = np.cumsum(weight) - weight / 2
    return np.asarray(np.minimum(BINS * middle / max(weight.sum(), 1e-300), BINS - 1), dtype=np.int64)


def _over_clusters(block: Block, bin_of: Ints, gap: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """(covariance of the gaps [group, bin, bin], NaN in bins of fewer than two clusters; clusters of each group)."""
    rows, others, s = block.curves.clustered_all, block.curves.others[0], block.curves.scores
    cell = rows.cluster * BINS + bin_of[rows.level]
    size = rows.clusters * BINS
    covariance, units = np.full((*gap.shape, BINS), np.nan), rows.units(others)[block.first :][: len(gap)]

    def summed(place: int, inside: slice) -> tuple[Floats, Floats]:
        off = rows.w[inside] * (s[rows.level[inside]] - rows.label[inside] - gap[place, cell[inside] % BINS])
        return np.bincount(cell[inside], off, size), np.bincount(cell[inside], minlength=size)

    for place, g in enumerate(block.groups):
        sums, count = summed(place, rows.own(g))
        if others:
            whole = summed(place, slice(None))
            sums, count = whole[0] - sums, whole[1] - count
        sums, times = sums.reshape(-1, BINS), (count.reshape(-1, BINS) > 0).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            factor = np.where(times > 1, times / (times - 1), np.nan)
            covariance[place] = (
                sums.T @ sums / np.outer(weight[place], weight[place]) * np.sqrt(np.outer(factor, factor))
            )
    return covariance, units


def _design_effect(covariance: Floats, chance: Floats, weight: Floats, units: Floats, rows: Floats) -> Floats:
    """How much more clusters vary than rows [group, 1]: as measured, or all that they can where they are few."""
    own = np.einsum("gbb->gb", covariance)
    seen = np.isfinite(own)
    with np.errstate(invalid="ignore", divide="ignore"):
        most = np.maximum(rows / units, 1)
        measured = np.nansum(weight * own, axis=1) / np.where(seen, weight * chance, 0.0).sum(axis=1)
    return np.where(units < FEW_CLUSTERS, most, np.clip(np.nan_to_num(measured, nan=1.0), 1, most))[:, None]


def calibration_slope_reading(curves: Curves) -> Reading:
    """Slope of a logistic regression of the label on the logit of the score, per group."""
    return curves.read(_calibration_slope)


def _calibration_slope(block: Block) -> Reading:
    """Cox 1958 (Biometrika 45): 1 where the score is as sure as it should be, below 1 where it is too sure.

    The variance is the larger of that of the model and that of the influences (rows, weights, clusters).
    """
    p, n = block.positive, block.negative
    z = np.clip(block.curves.scores, EDGE, 1 - EDGE)
    z = np.log(z / (1 - z))
    value, inverse, chance = _logistic(p, p + n, z)
    with np.errstate(invalid="ignore", over="ignore"):
        lean = inverse[:, 1, :1] + inverse[:, 1, 1:] * z
        robust, _ = block.variance(lean * (1 - chance), -lean * chance)
        by_row, _ = block.of_rows(lean * (1 - chance), -lean * chance)
        square = (block.positive2 + block.negative2) * chance * (1 - chance)
        model = (square * lean**2).sum(axis=1) * np.fmax(robust / by_row, 1)
    rows = block.rows.sum(axis=1)
    freedom = np.maximum(np.nan_to_num(sum(block.kish())) - 2, 1)
    return Reading(value, np.maximum(robust, model), rows, freedom, rows)


def _logistic(hits: Floats, all_: Floats, z: Floats) -> tuple[Floats, Floats, Floats]:
    """(slope, inverse information [group, 2, 2], fitted chance by level) by Newton's method on the histogram."""
    size = len(hits)
    design = np.stack([np.ones_like(z), z], axis=1)
    product = np.stack([np.ones_like(z), z, z * z], axis=1)
    total = all_.sum(axis=1)
    with np.errstate(all="ignore"):
        share = np.clip(hits.sum(axis=1) / total, 1e-6, 1 - 1e-6)
        beta = np.stack([np.log(share / (1 - share)), np.zeros(size)], axis=1)
        for _ in range(STEPS):
            chance = 1 / (1 + np.exp(-np.clip(beta @ design.T, -500, 500)))
            score = (hits - all_ * chance) @ design
            a, b, c = ((all_ * chance * (1 - chance)) @ product).T
            determinant = a * c - b * b
            inverse = np.stack([np.stack([c, -b], 1), np.stack([-b, a], 1)], 1) / determinant[:, None, None]
            step = np.nan_to_num(np.einsum("gij,gj->gi", inverse, score))
            step *= np.minimum(1, 2 / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
            beta = beta + step
            if np.abs(step).max(initial=0) < 1e-10:
                break
    single = (hits.sum(axis=1) <= 0) | (hits.sum(axis=1) >= total)
    lost = single | (np.abs(step).max(axis=1) > 1e-6) | (np.abs(beta[:, 1]) > STEEPEST) | ~(determinant > 1e-12 * a * c)
    return np.where(lost, np.nan, beta[:, 1]), inverse, chance


def calibration_error_by_level(positive: Floats, negative: Floats, scores: Floats) -> Floats:
    """The debiased squared calibration error of weights [group, level]; as `calibration_error_reading`."""
    return calibration_error_reading(_curves(positive, negative, scores)).value


def calibration_slope_by_level(positive: Floats, negative: Floats, scores: Floats) -> Floats:
    """The recalibration slope of weights [group, level]; as `calibration_slope_reading`."""
    return calibration_slope_reading(_curves(positive, negative, scores)).value


def _curves(positive: Floats, negative: Floats, scores: Floats) -> Curves:
    size, levels = positive.shape
    group, level = (np.tile(a.ravel(), 2) for a in np.indices((size, levels)))
    label = np.repeat([1, 0], size * levels)
    weight = np.concatenate([positive.ravel(), negative.ravel()])
    return Curves(scores, size, group, level, label, weight, weight, weight, None, False)


def _calibration_gap(counts: Counts) -> Floats:
    return np.asarray(mean("labelled_score")(counts) - BASE_RATE.function(counts))


SCORED = ("label", "score")
_MEAN_SCORE = GroupMetric(
    name="labelled_mean_score",
    function=mean("labelled_score"),
    formula="mean score",
    mean_of="labelled_score",
)

CALIBRATION_GAP = GroupMetric(
    name="calibration_gap",
    function=_calibration_gap,
    formula="mean score - base rate",
    unit="score",
    source="Steyerberg et al. 2010, Epidemiology 21(1)",
    says=("how much more the scores promise than happens (calibration in the large): above 0 they promise too much"),
    label="calibration gap",
    needs=SCORED,
    bounded=False,
    criterion="sufficiency",
    denominator=LABELLED,
    mean_of="labelled_score",
    terms=((1.0, _MEAN_SCORE), (-1.0, BASE_RATE)),
)
CALIBRATION_ERROR = GroupMetric(
    name="calibration_error",
    function=by_level(calibration_error_by_level),
    formula="Σ share of bin · ((mean score - share positive)² - its sampling variance), ten bins",
    better="lower",
    unit="score²",
    source="Kumar, Liang & Ma 2019, NeurIPS",
    says=(
        "mean squared distance between score and what happens, without what chance alone makes: "
        "0.0025 is 5 points off; a well calibrated group falls on either side of 0"
    ),
    label="squared calibration error",
    needs=SCORED,
    bounded=False,
    lacking="no score range holds two labelled rows of this group",
    criterion="sufficiency",
    curve=calibration_error_reading,
)
CALIBRATION_SLOPE = GroupMetric(
    name="calibration_slope",
    function=by_level(calibration_slope_by_level),
    formula="b in logit P(positive) = a + b · logit(score)",
    unit="slope",
    source="Cox 1958, Biometrika 45(3/4)",
    says="1 is right; below 1 the scores are too extreme, above 1 too timid",
    label="calibration slope",
    needs=SCORED,
    bounded=False,
    lacking="this group lacks positive or negative labels, or its scores part them completely",
    criterion="sufficiency",
    curve=calibration_slope_reading,
)
