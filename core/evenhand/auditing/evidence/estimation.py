"""From cells to estimates: each metric's value per group, its variance, and how many rows that is worth.

With T the sums of a group and M their moments (groups.py), a metric f has influence g·t for a unit that contributes t,
with g the gradient of f at T, so its variance is g'Mg: the same line for rows, weights and clusters.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evenhand.auditing.counting.counts import CELLS
from evenhand.auditing.counting.groups import CELL, PARTS, Groups
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.metrics.limits import of_mean, of_sum, trusted
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.metrics.parts import Evidence, correlation
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats, ratio

IMAGINED = 5.0  # rows that join those of a mean


def estimate(metric: GroupMetric, groups: Groups) -> GroupEstimates:
    """Value, variance and effective size of a metric for every group."""
    if metric.curve is not None:
        assert groups.curves is not None
        value, variance, size, freedom, rows, between, limits = metric.curve(groups.curves)
        found = GroupEstimates(value, variance, size, freedom, rows, metric.bounded, between)
        return found if limits is None else replace(found, composed=lambda c: limits(intervals.student(c, freedom)))
    if metric.terms:
        return _sum_of_terms(metric, groups)
    cells_alone = bool(metric.numerator or metric.mean_of)
    value = np.asarray(metric.function(groups.counts(levels=not cells_alone)), dtype=float)
    inside = _inside(metric, groups)
    rows, weight = groups.rows[:, inside].sum(axis=1), groups.total[:, inside].sum(axis=1)
    kish = ratio(weight**2, groups.square[:, inside].sum(axis=1))
    proportion = bool(metric.numerator)
    at, gradient = (
        (value, _gradient_of_share(metric, groups, value))
        if proportion or metric.mean_of
        else _gradient(metric, groups)
    )
    moment = groups.moment if proportion or metric.mean_of else _smoothed_moment(groups)
    variance = np.maximum(np.einsum("gi,gij,gj->g", gradient, moment, gradient), 0)  # rounding may leave less
    if groups.clustered or not metric.bounded or metric.mean_of:
        variance = variance * ratio(groups.units, groups.units - 1)
    if metric.mean_of and not metric.root:
        variance = _of_few(variance, value if metric.bounded else None, np.minimum(kish, groups.units))
    size = _effective_size(at, variance, kish, groups, proportion)
    freedom = np.full(value.shape, np.inf)
    if groups.clustered or metric.mean_of or not metric.bounded:
        freedom = np.maximum(np.minimum(groups.units, rows) - 1, 0)
    found = GroupEstimates(value, variance, size, freedom, rows, metric.bounded, _correlation(groups, gradient))
    made = metric.limits or (of_mean if metric.bounded and metric.mean_of else None)
    return found if made is None else replace(found, composed=made(_evidence(metric, groups, found, gradient)))


def _of_few(variance: Floats, value: Floats | None, rows: Floats) -> Floats:
    """The variance of a mean of few rows, which seldom show how far the others lie.

    Five imagined rows join them: between 0 and 1 (value: the mean there) they lie at the ends, as those of a share do;
    elsewhere they lie as far off as those that were seen, and widen the mean without being counted.
    """
    if value is None:
        return np.asarray(variance * (1 + ratio(np.full_like(rows, IMAGINED), rows)))
    each = variance * rows
    return np.asarray((each * rows + IMAGINED * value * (1 - value)) / (rows + IMAGINED) / rows)


def _evidence(metric: GroupMetric, groups: Groups, found: GroupEstimates, gradient: Floats) -> Evidence:
    parts = tuple(estimate(part, groups) for part in metric.parts)
    return Evidence(
        own=found,
        parts=parts,
        influence=gradient,
        influences=tuple(_influence(m, groups, part.value) for m, part in zip(metric.parts, parts, strict=True)),
        moment=groups.moment,
        units=groups.units,
        clustered=groups.clustered,
    )


def _influence(metric: GroupMetric, groups: Groups, value: Floats) -> Floats:
    """Gradient [group, sum] of a metric of any kind but those read from curves."""
    if metric.terms:
        found = [k * _influence(term, groups, estimate(term, groups).value) for k, term in metric.terms]
        return np.asarray(sum(found))
    if metric.numerator or metric.mean_of:
        return _gradient_of_share(metric, groups, value)
    return _gradient(metric, groups)[1]


def _sum_of_terms(metric: GroupMetric, groups: Groups) -> GroupEstimates:
    """a·p + b·q of two shares or means of the same rows."""
    (a, first), (b, second) = metric.terms
    one, other = estimate(first, groups), estimate(second, groups)
    gradients = [_gradient_of_share(m, groups, p.value) for m, p in ((first, one), (second, other))]
    r = correlation(gradients[0], gradients[1], groups.moment) * np.sign(a * b)
    sd = abs(a) * one.spread, abs(b) * other.spread
    variance = np.maximum(sd[0] ** 2 + sd[1] ** 2 + 2 * r * sd[0] * sd[1], 1e-300)
    value = np.asarray(metric.function(groups.counts()), dtype=float)
    between = _correlation(groups, a * gradients[0] + b * gradients[1])
    composed = of_sum(a, one, b, other, trusted(r, other))
    return GroupEstimates(
        value, variance, other.rows, np.full(value.shape, np.inf), other.rows, metric.bounded, between, composed
    )


def _inside(metric: GroupMetric, groups: Groups) -> list[int]:
    """The parts that make the denominator."""
    if metric.mean_of is not None:
        return [len(CELLS) + 2 * groups.quantities.index(metric.mean_of) + 1]
    names = metric.denominator or ("tp", "fp", "fn", "tn")
    return sorted({CELL[part] for name in names for part in PARTS.get(name, (name,))})


def _gradient_of_share(metric: GroupMetric, groups: Groups, value: Floats) -> Floats:
    """Exact gradient of a share or a mean: (1 - p) / D on the numerator, -p / D on the rest of the denominator."""
    inside = _inside(metric, groups)
    gradient = np.zeros(groups.total.shape)
    if metric.mean_of is not None:
        weight = groups.total[:, inside[0]]
        slope = ratio(np.ones_like(weight), weight)
        if metric.root:
            slope = slope * ratio(np.full_like(value, 0.5), value)
            value = value**2
        gradient[:, inside[0] - 1], gradient[:, inside[0]] = slope, -value * slope
        return np.nan_to_num(gradient)
    hits = {CELL[part] for name in metric.numerator for part in PARTS.get(name, (name,))}
    weight = groups.total[:, inside].sum(axis=1)
    for i in inside:
        gradient[:, i] = ratio((i in hits) - value, weight)
    return np.nan_to_num(gradient)


def _unit(groups: Groups) -> Floats:
    """The weight of one effective row of each group."""
    cells = slice(0, len(CELLS))
    return np.nan_to_num(ratio(groups.square[:, cells].sum(axis=1), groups.total[:, cells].sum(axis=1)), nan=1.0)


def _gradient(metric: GroupMetric, groups: Groups) -> tuple[Floats, Floats]:
    """Value and gradient of any function of the cells, half a row added to each so that neither degenerates."""
    cells, unit = len(CELLS), _unit(groups)
    base = groups.total.copy()
    base[:, :4] += 0.5 * unit[:, None]
    step = 1e-5 * np.maximum(base[:, :cells], unit[:, None])
    moved = np.repeat(base[None], 2 * cells, axis=0)
    for i in range(cells):
        moved[2 * i, :, i] += step[:, i]
        moved[2 * i + 1, :, i] -= step[:, i]
    found = np.asarray(metric.function(groups.counts(moved)), dtype=float)
    gradient = np.zeros(groups.total.shape)
    gradient[:, :cells] = ((found[0::2] - found[1::2]) / (2 * step.T)).T
    return np.asarray(metric.function(groups.counts(base)), dtype=float), np.nan_to_num(gradient)


def _smoothed_moment(groups: Groups) -> Floats:
    moment = groups.moment.copy()
    for i in range(4):
        moment[:, i, i] += 0.5 * _unit(groups) ** 2
    return moment


def _effective_size(value: Floats, variance: Floats, kish: Floats, groups: Groups, proportion: bool) -> Floats:
    """How many independent, equally weighted rows would give this variance; never more than weights allow."""
    spread = np.where((value > 0) & (value < 1), value * (1 - value), np.nan)
    size = ratio(spread, variance)
    if not proportion:  # a mean may be known far better than a share of the same rows
        return np.where(np.isnan(size), np.minimum(kish, groups.units), size)
    if not groups.clustered:
        return np.where(np.isnan(size), kish, np.minimum(size, kish)) if _weighted(groups) else kish
    effect = np.maximum(ratio(kish, size), 1)
    crowd = np.maximum(ratio(kish, groups.units), 1)  # rows per cluster
    known = np.isfinite(effect) & (crowd > 1)
    rho = (effect[known] - 1).sum() / (crowd[known] - 1).sum() if known.any() else 1.0
    pooled = 1 + (crowd - 1) * min(max(rho, 0.0), 1.0)
    return kish / np.where(np.isfinite(effect), effect, pooled)


def _weighted(groups: Groups) -> bool:
    return not np.array_equal(groups.square, groups.rows)


def _correlation(groups: Groups, gradient: Floats) -> Floats | None:
    """Correlation between the groups' estimates, from the clusters that have rows in several of them."""
    if groups.shares is None:
        return None
    bucket, group, contribution, parts = groups.shares
    each, size = np.einsum("pi,pi->p", contribution, gradient[:, parts][group]), len(gradient)
    buckets = int(bucket.max()) + 1
    influence = np.bincount(bucket * size + group, each, buckets * size).reshape(buckets, size)
    covariance = influence.T @ influence
    scale = np.sqrt(np.diag(covariance))
    return np.nan_to_num(ratio(covariance, np.outer(scale, scale)))
