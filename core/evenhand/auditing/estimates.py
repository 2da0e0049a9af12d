"""From cells to estimates: each metric's value per group, its variance, and how many rows that is worth.

Counts of a group are a vector T of sums over units (rows, or clusters of rows), and M is the sum over units of the
outer products of their contributions. A metric f has influence g·t for a unit that contributes t, with g the
gradient of f at T, so its variance is g'Mg: the same line for rows, weights and clusters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from evenhand.auditing import intervals
from evenhand.auditing.counts import CELLS, Floats, Ints, Table
from evenhand.auditing.metrics import METRICS, Counts, GroupMetric, rate_metric, ratio
from evenhand.auditing.ranking import Curves, auc_estimate

COMPOSED = {
    "f1": (rate_metric("jaccard", of="tp", among=("tp", "fp", "fn"), better="higher"),),
    "balanced_accuracy": (METRICS["tpr"], METRICS["tnr"]),
}
CELL = {name: i for i, name in enumerate(CELLS)}
COVERED = {"score": range(9), "squared_miss": range(4), "surprise": range(4), "overconfidence": (6, 7)}
PARTS = {"selected": ("tp", "fp", "selected_unlabelled"), "rejected": ("fn", "tn", "rejected_unlabelled")}


@dataclass(frozen=True)
class Estimates:
    """One metric on some groups: arrays [group].

    size: the effective number of rows (shares). freedom: degrees of freedom of the variance (infinite where it
    needs none). rows: rows in the denominator. correlation: between groups, when clusters span them.
    """

    value: Floats
    variance: Floats
    size: Floats
    freedom: Floats
    rows: Floats
    bounded: bool
    correlation: Floats | None = None
    composed: Callable[[float], tuple[Floats, Floats]] | None = None  # limits that come from those of its parts

    def limits(self, c: float) -> tuple[Floats, Floats]:
        """Lower and upper limit at the critical value c; a single row never narrows anything."""
        wide = intervals.student(c, self.freedom) if np.isfinite(self.freedom).any() else np.full(self.value.shape, c)
        if self.composed is not None:
            (lower, upper), ends = self.composed(c), (0.0, 1.0)
        elif self.bounded:
            lower, upper = intervals.share(self.value * self.size, self.size, np.minimum(wide, 1e6))
            ends = (0.0, 1.0)
        else:
            half = wide * np.sqrt(self.variance)
            lower, upper = self.value - half, self.value + half
            ends = (-np.inf, np.inf)
        undefined, alone = np.isnan(self.value), self.rows < 2
        lower, upper = np.where(alone, ends[0], lower), np.where(alone, ends[1], upper)
        return np.where(undefined, np.nan, lower), np.where(undefined, np.nan, upper)

    @cached_property
    def spread(self) -> Floats:
        """A standard error that is never 0: of the share pulled slightly to the middle, as Agresti & Coull do."""
        if not self.bounded:
            return np.sqrt(np.where(self.rows < 2, np.nanmax(np.append(self.variance, 1e-12)), self.variance))
        p = (self.value * self.size + 2) / (self.size + 4)
        return np.asarray(np.sqrt(p * (1 - p) / (self.size + 4)))


@dataclass(frozen=True)
class Groups:
    """The counts of every group of one attribute; `rest()` gives those of everyone else."""

    total: Floats  # [group, part]  T: the cells, then (sum of w·v, sum of w) per row-level quantity
    square: Floats  # [group, part]  sums of w² over the rows of the part
    rows: Floats  # [group, part]  rows
    moment: Floats  # [group, part, part]  M
    units: Floats  # [group]  rows, or clusters
    quantities: tuple[str, ...]
    clustered: bool
    curves: Curves | None
    all_moment: Floats | None = None  # clusters: M of all rows together
    cross: Floats | None = None  # clusters: [group, part, part] sums of t(all) t(group)'
    units_rest: Floats | None = None
    shares: tuple[Ints, Ints, Floats] | None = None  # clusters that span groups: (bucket, group, t) of each pair

    def counts(self, total: Floats | None = None) -> Counts:
        """What metric functions see."""
        t = self.total if total is None else total
        first = len(CELLS)
        return Counts(
            t[..., 0], t[..., 1], t[..., 2], t[..., 3], t[..., 0] + t[..., 1] + t[..., 4], t[..., 2] + t[..., 3] + t[..., 5], t[..., 6], t[..., 7],
            {q: t[..., first + 2 * i] for i, q in enumerate(self.quantities)},
            {q: t[..., first + 2 * i + 1] for i, q in enumerate(self.quantities)},
            None if self.curves is None else self.curves.positive, None if self.curves is None else self.curves.negative,
        )  # fmt: skip

    def rest(self) -> Groups:
        """The same for everyone outside each group."""
        everyone = self.moment.sum(axis=0) if self.all_moment is None else self.all_moment
        cross = self.moment if self.cross is None else self.cross
        moment = everyone - cross - np.swapaxes(cross, 1, 2) + self.moment
        units = self.units.sum() - self.units if self.units_rest is None else self.units_rest
        curves = None if self.curves is None else self.curves.rest()
        return Groups(
            _others(self.total), _others(self.square), _others(self.rows), moment, units, self.quantities, self.clustered, curves
        )  # fmt: skip


def _others(values: Floats) -> Floats:
    return np.asarray(np.maximum(values.sum(axis=0) - values, 0))


def estimate(metric: GroupMetric, groups: Groups) -> Estimates:
    """Value, variance and effective size of a metric for every group."""
    if metric.name == "auc":
        assert groups.curves is not None
        value, variance, size, freedom, rows = auc_estimate(groups.curves)
        return Estimates(value, variance, size, freedom, rows, True)
    value = np.asarray(metric.function(groups.counts()), dtype=float)
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
    variance = np.einsum("gi,gij,gj->g", gradient, moment, gradient)
    if groups.clustered or not metric.bounded or metric.mean_of:
        variance = variance * ratio(groups.units, groups.units - 1)
    size = _effective_size(at, variance, kish, groups, proportion)
    freedom = np.full(value.shape, np.inf)
    if groups.clustered or metric.mean_of or not metric.bounded:
        freedom = np.maximum(np.minimum(groups.units, rows) - 1, 0)
    found = Estimates(
        value, variance, size, freedom, rows, metric.bounded and metric.unit != "label", _correlation(groups, gradient)
    )
    return replace(found, composed=compose(metric, groups, variance)) if metric.name in COMPOSED else found


def compose(metric: GroupMetric, groups: Groups, variance: Floats) -> Callable[[float], tuple[Floats, Floats]]:
    """Limits of a metric that is made of shares, from their limits: these hold where a normal approximation does not.

    F1 is 2J / (1 + J) with J = TP / (TP + FP + FN), so its limits are those of J, transformed. Balanced accuracy is
    the mean of two shares, whose limits combine by MOVER; rows of one cluster correlate the two.
    """
    parts = [estimate(part, groups) for part in COMPOSED[metric.name]]

    def f1(c: float) -> tuple[Floats, Floats]:
        lower, upper = parts[0].limits(c)
        return 2 * lower / (1 + lower), 2 * upper / (1 + upper)

    def balanced(c: float) -> tuple[Floats, Floats]:
        a, b = parts
        r: Floats | float = 0.0
        if groups.clustered:
            both = 2 * np.sqrt(a.variance * b.variance)
            r = np.clip(np.nan_to_num(ratio(4 * variance - a.variance - b.variance, both)), -1, 1)
        low_b, up_b = b.limits(c)
        lower, upper = intervals.difference(a.value, a.limits(c), -b.value, (-up_b, -low_b), -r)
        return lower / 2, upper / 2

    return f1 if metric.name == "f1" else balanced


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
        if metric.name == "rmse":
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
    bucket, group, contribution = groups.shares
    influence = np.zeros((int(bucket.max()) + 1, len(gradient)))
    np.add.at(influence, (bucket, group), np.einsum("pi,pi->p", contribution, gradient[group]))
    covariance = influence.T @ influence
    scale = np.sqrt(np.diag(covariance))
    return np.nan_to_num(ratio(covariance, np.outer(scale, scale)))


def project(table: Table, group: Ints, size: int) -> Groups:
    """Sum the cells of the table by group: `group` is the group of each entry."""
    from evenhand.auditing.clusters import cluster_moments

    quantities, first = tuple(table.moments), len(CELLS)
    parts = first + 2 * len(quantities)
    total, square, rows = (np.zeros((size, parts)) for _ in range(3))
    moment = np.zeros((size, parts, parts))
    cell = group * first + table.outcome

    def by_cell(values: Floats) -> Floats:
        return np.bincount(cell, values, size * first).reshape(size, first)

    total[:, :first], square[:, :first], rows[:, :first] = by_cell(table.w), by_cell(table.w2), by_cell(table.n)
    moment[:, range(first), range(first)] = square[:, :first]
    for i, (name, (wv, w2v, w2v2)) in enumerate(table.moments.items()):
        a, b = first + 2 * i, first + 2 * i + 1
        covered = np.isin(table.outcome, COVERED.get(name, (6,)))

        def by_group(values: Floats, covered: Floats = covered) -> Floats:
            return np.bincount(group, values * covered, size)

        total[:, a], total[:, b] = by_group(wv), by_group(table.w)
        square[:, b], rows[:, b] = by_group(table.w2), by_group(table.n)
        moment[:, a, a], moment[:, a, b], moment[:, b, a], moment[:, b, b] = (
            by_group(w2v2),
            by_group(w2v),
            by_group(w2v),
            square[:, b],
        )
    curves = Curves.of(table, group, size) if len(table.scores) and (table.label >= 0).any() else None
    plain = Groups(total, square, rows, moment, rows[:, :first].sum(axis=1), quantities, False, curves)
    return plain if table.cluster is None else cluster_moments(plain, table, group)
