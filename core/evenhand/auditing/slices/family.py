"""Every slice that is tested, as arrays: which conditions it has, what its rows sum to, how strong its evidence is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from evenhand.auditing.slices.cells import Cells, Moments, SliceMetric, tables
from evenhand.auditing.slices.evidence import Sides, certain_gap, cluster_effect, correlation_within, p_values
from evenhand.statistics.arrays import Floats, Ints
from evenhand.statistics.multiplicity import benjamini_hochberg

LEAST_CLUSTERS = 10  # a slice of fewer clusters is never called worse: too little tells how much clusters vary
MOST_EXAMINED = 350  # slices whose clusters are added up, of each kind: the smallest p-values and the largest gaps


@dataclass(frozen=True, slots=True)
class Family:
    """All slices tested, for all metrics; a slice is a row of `conditions`.

    metric: [slice] index into `metrics`. conditions: [slice, depth] numbers from 1 in rising order, then 0; `starts`
    holds the number before the first level of each column. inside, everyone: sums per slice, and per metric over all
    rows.
    effect: [slice] how much clusters inflate the variance (1 without). p: [slice] one-sided.
    """

    metrics: tuple[SliceMetric, ...]
    metric: Ints
    conditions: Ints
    starts: Ints
    inside: Moments
    everyone: tuple[Moments, ...]
    effect: Floats
    p: Floats
    unseen: int = 0  # slices with evidence but for their clusters, which were too many to be added up

    @property
    def tests(self) -> int:
        """How many comparisons the search made."""
        return int(np.isfinite(self.p).sum())

    @property
    def searched(self) -> int:
        """How many slices they were of."""
        powers = (int(self.starts[-1]) + 1) ** np.arange(self.conditions.shape[1], dtype=np.int64)
        return len(np.unique(self.conditions @ powers))

    def sides(self, which: Ints) -> tuple[Moments, Moments]:
        """Sums over some slices and over everyone else."""
        inside = self.inside[which]
        return inside, Moments.joined(list(self.everyone))[self.metric[which]] - inside

    @property
    def mean(self) -> bool:
        return self.metrics[0].mean

    def pairs(self, which: int) -> list[tuple[int, int]]:
        """(column, level) of each condition of a slice."""
        numbers = self.conditions[which][self.conditions[which] > 0]
        columns = np.searchsorted(self.starts, numbers - 1, side="right") - 1
        return [(int(c), int(v - 1 - self.starts[c])) for c, v in zip(columns, numbers, strict=True)]


def family_of(cells: Cells, metrics: Sequence[SliceMetric], depth: int, least: int, level: float) -> Family:
    """Count and test every slice of up to `depth` conditions that has, like its rest, at least `least` rows.

    level: what adjusted p-values will be held against; with clusters, slices above it anyway are not looked at again.
    A slice with the same rows as one of fewer conditions is that slice, and is not tested twice.
    """
    everyone = tuple(Moments(*(np.array([v.sum()]) for v in cells.moments(metric))) for metric in metrics)
    starts = np.concatenate([[0], np.cumsum([len(c.values) for c in cells.columns])]).astype(np.int64)
    rows_of: dict[tuple[tuple[int, ...], int], Floats] = {}
    parts: list[tuple[Ints, Ints, Moments]] = []
    for combo, found in tables(cells, metrics, depth):
        for k, moments in enumerate(found):
            rows_of[combo, k] = moments.n
            rest = everyone[k].n - moments.n
            good = (moments.n >= least) & (rest >= least) & (moments.w > 0) & (everyone[k].w - moments.w > 0)
            for j in range(len(combo) if len(combo) > 1 else 0):
                good &= moments.n < np.expand_dims(rows_of[combo[:j] + combo[j + 1 :], k], j)
            places: Any = np.nonzero(good)
            conditions = np.zeros((len(places[0]), depth), dtype=np.int64)
            for j, (column, place) in enumerate(zip(combo, places, strict=True)):
                conditions[:, j] = starts[column] + place + 1
            parts.append((np.full(len(places[0]), k), conditions, moments[places]))
    metric, conditions = (np.concatenate([part[i] for part in parts]) for i in range(2))
    inside = Moments.joined([part[2] for part in parts])
    unknown = np.ones(len(metric))
    family = Family(tuple(metrics), metric, conditions, starts, inside, everyone, unknown, unknown)
    family = replace(family, p=p_values(*family.sides(np.arange(len(metric))), family.mean))
    return family if cells.cluster is None else _with_clusters(family, cells, level)


@dataclass(slots=True)
class Members:
    """Finds the cells of slices, and adds up what they and their clusters hold."""

    cells: Cells
    family: Family
    _values: dict[int, tuple[Floats, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._values = {k: self.cells.moments(m) for k, m in enumerate(self.family.metrics)}

    def flags(self, which: int) -> Floats:
        """[cell] whether the cell belongs to the slice."""
        first, *others = self.family.pairs(which)
        flags = self.cells.codes[first[0]] == first[1]
        for column, level in others:
            flags &= self.cells.codes[column] == level
        return np.asarray(flags)

    def moments(self, metric: int, at: Floats | Ints) -> Moments:
        """Sums over the cells at these places (or where true)."""
        return Moments(*(np.array([v[at].sum()]) for v in self._values[metric]))

    def side(self, metric: int, moments: Moments, at: Ints | slice) -> Sides:
        """The same with the sums of each cluster; `moments` are those of the cells."""
        assert self.cells.cluster is not None
        cluster, (_, weights, _, values, *_) = self.cells.cluster[at], self._values[metric]
        w, wv = (np.bincount(cluster, v[at], self.cells.clusters) for v in (weights, values))
        return Sides(moments, w, wv)


def _with_clusters(family: Family, cells: Cells, level: float) -> Family:
    """The family with clusters reckoned with.

    Clusters only ever raise a p-value, so slices without evidence when rows count as independent have none. Those that
    are not looked at are given 1, which can only make the correction stricter.
    """
    members = Members(cells, family)
    whole = [members.side(k, m, slice(None)) for k, m in enumerate(family.everyone)]
    within = [correlation_within(side) for side in whole]
    looked_at = _worth_a_look(family, level)
    effect, p = np.ones(len(family.p)), np.ones(len(family.p))
    for which in looked_at.tolist():
        k = int(family.metric[which])
        inside = members.side(k, family.inside[np.array([which])], np.flatnonzero(members.flags(which)))
        outside = whole[k] - inside
        if min((inside.w > 0).sum(), (outside.w > 0).sum()) < LEAST_CLUSTERS:
            effect[which] = np.inf
        else:
            effect[which] = cluster_effect(inside, outside, within[k])
    seen = looked_at[np.isfinite(effect[looked_at])]
    p[seen] = p_values(*family.sides(seen), family.mean, effect[seen])
    unseen = int((benjamini_hochberg(family.p) < level).sum()) - len(looked_at)
    return replace(family, effect=effect, p=p, unseen=max(unseen, 0))


def _worth_a_look(family: Family, level: float) -> Ints:
    """The slices that have evidence when rows count as independent: if too many, those that would be listed, and their
    wholes."""
    order = np.argsort(family.p, kind="stable")
    enough = order[: max(int((benjamini_hochberg(family.p) < level).sum()), 20)]
    if len(enough) <= 2 * MOST_EXAMINED:
        return np.asarray(enough)
    gaps = certain_gap(*family.sides(enough), family.mean, 1.0, level / family.tests)
    return np.union1d(enough[:MOST_EXAMINED], enough[np.argsort(-gaps, kind="stable")[:MOST_EXAMINED]])


def ids_of(family: Family) -> tuple[Ints, Ints]:
    """(a number for each slice and metric, the numbers [slice, subset] of its ancestors or -1).

    An ancestor is a slice of some, but not all, of the conditions.
    """
    base, depth = int(family.starts[-1]) + 1, family.conditions.shape[1]
    power = base ** np.arange(depth + 1, dtype=np.int64)
    tag = family.metric * power[depth]
    ids = family.conditions @ power[:depth] + tag
    length = (family.conditions > 0).sum(axis=1)
    ancestors = []
    for size in range(1, depth):
        for chosen in combinations(range(depth), size):
            exists = (chosen[-1] < length) & (size < length)
            number = family.conditions[:, list(chosen)] @ power[:size] + tag
            ancestors.append(np.where(exists, number, -1))
    shape = (len(ids), len(ancestors))
    return ids, np.stack(ancestors, axis=1) if ancestors else np.zeros(shape, dtype=np.int64)
