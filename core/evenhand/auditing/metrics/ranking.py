"""How well scores rank: AUC inside a group and across groups, average precision, and the cut that selects the top rows.

Every reading is exact where each score has its own level, and has the variance of its influence function.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evenhand.auditing.counting.aggregation import BINS, Table
from evenhand.auditing.counting.curves import Block, Curves, Reading
from evenhand.auditing.metrics.metric import GroupMetric, by_level
from evenhand.statistics.arrays import Floats, Ints

FEW = 10  # rows of a class, below which their own variance is hardly known


def auc_by_level(positive: Floats, negative: Floats) -> Floats:
    """Chance that a random positive row scores above a random negative one, ties counting half."""
    below = np.cumsum(negative, axis=-1) - negative / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((positive * below).sum(axis=-1) / (positive.sum(axis=-1) * negative.sum(axis=-1)))


def average_precision_by_level(positive: Floats, negative: Floats) -> Floats:
    """Mean over the positive rows of the precision at their score, ties selected together."""
    hits, all_ = _selected(positive), _selected(positive + negative)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(all_ > 0, hits / all_, 0.0)
        return np.asarray((positive * precision).sum(axis=-1) / positive.sum(axis=-1))


def _selected(weight: Floats) -> Floats:
    """Weight at or above each level."""
    return np.cumsum(weight[..., ::-1], axis=-1)[..., ::-1]


def auc_bounds(table: Table, group: Ints | None = None, size: int = 1) -> tuple[Floats, Floats]:
    """The lowest and the highest AUC that the unbinned scores can have, [group] (by default of all rows together).

    Rows that share a bin may all have been won (upper) or all lost (lower) by the positive ones; both can happen, so
    the bounds are exact. They are equal where every score has its own level, and NaN where a class is missing.
    """
    curves = Curves.of(table, np.zeros(len(table.n), dtype=np.int64) if group is None else group, size)
    found = [_bounds(block) for block in curves.blocks()]
    return np.concatenate([low for low, _ in found]), np.concatenate([high for _, high in found])


def _bounds(block: Block) -> tuple[Floats, Floats]:
    middle = auc_by_level(block.positive, block.negative)
    if not block.curves.binned:
        return middle, middle
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = block.positive.sum(axis=1) * block.negative.sum(axis=1)
        tied = np.where(pairs > 0, (block.positive * block.negative).sum(axis=1) / pairs, np.nan)
    return middle - tied / 2, middle + tied / 2


def threshold_at(table: Table, k: int) -> tuple[float, int]:
    """(threshold, rows selected): the highest threshold that selects at least `k` rows, ties selected together."""
    rows = _selected(np.bincount(table.level, table.n, len(table.scores)))
    enough = np.flatnonzero(rows >= k)
    if not len(enough):
        raise ValueError(f"there are {int(table.n.sum())} rows, fewer than {k}")
    place = int(enough[-1])
    cut = place / BINS if table.binned else float(table.scores[place])
    return cut, int(rows[place])


def auc_reading(curves: Curves) -> Reading:
    """AUC per group with DeLong's variance."""
    return curves.read(_auc)


def _auc(block: Block) -> Reading:
    """Variance: DeLong, DeLong & Clarke-Pearson 1988.

    At a perfect or constant score, where that is 0, Hanley & McNeil's 1982 formula at a value pulled to the middle.
    """
    auc, positive, negative = auc_influence(block)
    variance, freedom = block.variance(positive, negative)
    with np.errstate(divide="ignore", invalid="ignore"):
        kish_m, kish_n = block.kish()
        few, middle = np.minimum(kish_m, kish_n), (kish_m + kish_n) / 2 - 1
        a = (auc * few + 0.5) / (few + 1)
        floor = a * (1 - a) * (1 + middle * (1 - a) / (2 - a) + middle * a / (1 + a)) / (kish_m * kish_n)
        size = _size(auc, variance, a * (1 - a) / floor)
        # a few rows of a class may agree by luck: then never surer than half that formula's variance allows
        size = np.where(few < FEW, np.minimum(size, 2 * a * (1 - a) / floor), size)
    return Reading(auc, variance, size, freedom, block.rows.min(axis=1))


def auc_influence(block: Block) -> tuple[Floats, Floats, Floats]:
    """AUC, and by level the influence of a positive and of a negative row on it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        m, n = block.positive.sum(axis=1, keepdims=True), block.negative.sum(axis=1, keepdims=True)
        below = (np.cumsum(block.negative, axis=1) - block.negative / 2) / n
        above = 1 - (np.cumsum(block.positive, axis=1) - block.positive / 2) / m
        auc = (block.positive * below).sum(axis=1, keepdims=True) / m
        auc = np.where((m > 0) & (n > 0), auc, np.nan)
        return auc[:, 0], (below - auc) / m, (above - auc) / n


def _size(value: Floats, variance: Floats, otherwise: Floats) -> Floats:
    size = np.where(variance > 1e-15, value * (1 - value) / variance, np.nan)
    return np.where(np.isfinite(size) & (value > 0) & (value < 1), size, otherwise)


def bpsn_reading(curves: Curves) -> Reading:
    """AUC of the background's positive rows against the group's negative ones."""
    return _crossed(curves, True)


def bnsp_reading(curves: Curves) -> Reading:
    """AUC of the group's positive rows against the background's negative ones."""
    return _crossed(curves, False)


def _crossed(curves: Curves, positive: bool) -> Reading:
    crossed = curves.crossed(positive)
    found = auc_reading(crossed)
    if curves.size == 1 or not crossed.fits:  # too many levels to correlate: intervals of gaps are then wider
        return found
    return found._replace(correlation=_shared_rows(crossed))


def _shared_rows(curves: Curves) -> Floats:
    """Correlation of the groups' AUC through the rows of everyone else that they share."""
    _, *influence = auc_influence(curves.whole)
    own = replace(curves, others=(False, False)).whole
    covariance = np.zeros((curves.size, curves.size))
    for psi, square, other in zip(influence, (own.positive2, own.negative2), curves.others, strict=True):
        psi = np.nan_to_num(psi)
        if other:  # rows of every group but the two; on the diagonal, but the one
            shared = (psi * square.sum(axis=0)) @ psi.T - (psi * square) @ psi.T - psi @ (psi * square).T
            np.fill_diagonal(shared, (psi**2 * (square.sum(axis=0) - square)).sum(axis=1))
            covariance += shared
        else:
            covariance += np.diag((psi**2 * square).sum(axis=1))
    scale = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    return np.asarray(np.clip(covariance / np.outer(scale, scale), -1, 1))


def average_precision_reading(curves: Curves) -> Reading:
    """Average precision per group with the variance of its influence function."""
    return curves.read(_average_precision)


def _average_precision(block: Block) -> Reading:
    p, hits, wrong = block.positive, _selected(block.positive), _selected(block.negative)
    with np.errstate(divide="ignore", invalid="ignore"):
        m, all_ = p.sum(axis=1, keepdims=True), hits + wrong
        precision = np.where(all_ > 0, hits / all_, 0.0)
        each = np.where(all_ > 0, p / np.maximum(all_, 1e-300) ** 2, 0.0)
        value = np.where(m > 0, (p * precision).sum(axis=1, keepdims=True) / m, np.nan)
        of_positive = (precision - value + np.cumsum(each * wrong, axis=1)) / m
        of_negative = -np.cumsum(each * hits, axis=1) / m
        variance, freedom = block.variance(of_positive, of_negative)
        few = block.rows[:, 0]  # each positive row counts in its own precision, so a few look better than they are
        variance = variance * (few + 1) / np.maximum(few - 1, 1)
        size = _size(value[:, 0], variance, block.kish()[0])
    return Reading(value[:, 0], variance, size, freedom, block.rows[:, 0])


def _auc_by_level(positive: Floats, negative: Floats, _: Floats) -> Floats:
    return auc_by_level(positive, negative)


def _average_precision_by_level(positive: Floats, negative: Floats, _: Floats) -> Floats:
    return average_precision_by_level(positive, negative)


def _bpsn_by_level(positive: Floats, negative: Floats, _: Floats) -> Floats:
    return auc_by_level(_background(positive), negative)


def _bnsp_by_level(positive: Floats, negative: Floats, _: Floats) -> Floats:
    return auc_by_level(positive, _background(negative))


def _background(weight: Floats) -> Floats:
    """Everyone outside each group; of one group alone, itself."""
    return weight if weight.shape[-2] == 1 else np.maximum(weight.sum(axis=-2, keepdims=True) - weight, 0)


def _of_auc(block: Block) -> tuple[Floats, Floats]:
    _, positive, negative = auc_influence(block)
    return positive, negative


SCORED = ("label", "score")
BORKAN = "Borkan et al. 2019, WWW companion"

AUC = GroupMetric(
    name="auc",
    function=by_level(_auc_by_level),
    formula="P(score of a positive > score of a negative), ties count half",
    better="higher",
    source="DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44(3)",
    says="how well the score ranks inside the group",
    label="AUC",
    needs=SCORED,
    lacking="this group lacks positive or negative labels",
    ranks=True,
    curve=auc_reading,
    influence=_of_auc,
)
AVERAGE_PRECISION = GroupMetric(
    name="average_precision",
    function=by_level(_average_precision_by_level),
    formula="Σ (recall gained) · (precision) over falling thresholds",
    better="higher",
    source="Buckley & Voorhees 2000, SIGIR; intervals: Boyd, Eng & Page 2013, ECML PKDD",
    says=(
        "precision averaged over the truly positive; chance gives the base rate, "
        "so groups of other base rates differ by nature"
    ),
    label="average precision",
    needs=SCORED,
    lacking="no positive labels in this group",
    ranks=True,
    curve=average_precision_reading,
)
BPSN_AUC = GroupMetric(
    name="bpsn_auc",
    function=by_level(_bpsn_by_level),
    formula="P(score of a positive outside the group > score of a negative inside), ties count half",
    better="higher",
    source=BORKAN,
    says="low where the group's negatives score too high among everyone",
    label="BPSN AUC",
    needs=SCORED,
    lacking="no negative labels in this group, or no positive ones outside it",
    ranks=True,
    curve=bpsn_reading,
)
BNSP_AUC = GroupMetric(
    name="bnsp_auc",
    function=by_level(_bnsp_by_level),
    formula="P(score of a positive inside the group > score of a negative outside), ties count half",
    better="higher",
    source=BORKAN,
    says="low where the group's positives score too low among everyone",
    label="BNSP AUC",
    needs=SCORED,
    lacking="no positive labels in this group, or no negative ones outside it",
    ranks=True,
    curve=bnsp_reading,
)
