"""Every slice that is tested, as arrays: which conditions it has, what its rows sum to, how strong its evidence is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from evenhand.auditing.counts import Floats, Ints
from evenhand.auditing.multiplicity import benjamini_hochberg
from evenhand.auditing.slice_counts import Cells, Moments, SliceMetric, tables
from evenhand.auditing.slice_evidence import Sides, cluster_effect, correlation_within, p_values

LEAST_CLUSTERS = 10  # a slice of fewer clusters is never called worse: too little tells how much clusters vary
MOST_EXAMINED = 1_500  # slices whose clusters are added up


@dataclass(frozen=True, slots=True)
class Family:
    """All slices tested, for all metrics; a slice is a row of `conditions`.

    metric: [slice] index into `metrics`. conditions: [slice, depth] numbers from 1 in rising order, then 0; `starts` holds
    the number before the first level of each column. inside, everyone: sums per slice, and per metric over all rows.
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

    @property
    def outside(self) -> Moments:
        """Sums over everyone else, per slice."""
        return _all_rows(self.everyone, self.metric) - self.inside

    @property
    def mean(self) -> bool:
        return self.metrics[0].mean

    def pairs(self, which: int) -> list[tuple[int, int]]:
        """(column, level) of each condition of a slice."""
        numbers = self.conditions[which][self.conditions[which] > 0]
        columns = np.searchsorted(self.starts, numbers - 1, side="right") - 1
        return [(int(c), int(v - 1 - self.starts[c])) for c, v in zip(columns, numbers, strict=True)]


def _all_rows(everyone: Sequence[Moments], metric: Ints) -> Moments:
    return Moments.joined(list(everyone))[metric]


def family_of(cells: Cells, metrics: Sequence[SliceMetric], depth: int, least: int, level: float) -> Family:
    """Count and test every slice of up to `depth` conditions that has, like its rest, at least `least` rows.

    level: what adjusted p-values will be held against; with clusters, slices above it anyway are not looked at again.
    A slice with the same rows as one of fewer conditions is that slice, and is not tested twice.
    """
    everyone = tuple(Moments(*(np.array([v.sum()]) for v in cells.moments(metric))) for metric in metrics)
    starts = np.concatenate([[0], np.cumsum([len(c.levels) for c in cells.columns])]).astype(np.int64)
    rows_of: dict[tuple[tuple[int, ...], int], Floats] = {}
    parts: list[tuple[Ints, Ints, Moments]] = []
    for combo, found in tables(cells, metrics, depth):
        for k, moments in enumerate(found):
            rows_of[combo, k] = moments.n
            rest = everyone[k].n - moments.n
            good = (moments.n >= least) & (rest >= least) & (moments.w > 0) & (everyone[k].w - moments.w > 0)
            for j in range(len(combo) if len(combo) > 1 else 0):
                good &= moments.n < np.expand_dims(rows_of[combo[:j] + combo[j + 1 :], k], j)
            places = np.nonzero(good)
            conditions = np.zeros((len(places[0]), depth), dtype=np.int64)
            for j, (column, place) in enumerate(zip(combo, places, strict=True)):
                conditions[:, j] = starts[column] + place + 1
            parts.append((np.full(len(places[0]), k), conditions, moments[places]))
    metric, conditions = (np.concatenate([part[i] for part in parts]) for i in range(2))
    inside = Moments.joined([part[2] for part in parts])
    outside = _all_rows(everyone, metric) - inside
    p = np.asarray(p_values(inside, outside, metrics[0].mean), dtype=float)
    family = Family(tuple(metrics), metric, conditions, starts, inside, everyone, np.ones(len(p)), p)
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

    def side(self, metric: int, at: Ints | slice) -> Sides:
        """The same with the sums of each cluster."""
        assert self.cells.cluster is not None
        values = [v[at] for v in self._values[metric]]
        cluster = self.cells.cluster[at]
        w, wv = (np.bincount(cluster, values[i], self.cells.clusters) for i in (1, 3))
        return Sides(Moments(*(np.array([v.sum()]) for v in values)), w, wv)


def _with_clusters(family: Family, cells: Cells, level: float) -> Family:
    """The family with clusters reckoned with.

    Clusters only ever raise a p-value, so slices without evidence when rows count as independent have none. Those that
    are not looked at are given 1, which can only make the correction stricter.
    """
    members = Members(cells, family)
    whole = [members.side(k, slice(None)) for k in range(len(family.metrics))]
    within = [correlation_within(side) for side in whole]
    order = np.argsort(family.p, kind="stable")
    enough = int((benjamini_hochberg(family.p) < level).sum())
    looked_at = order[: min(max(enough, 20), MOST_EXAMINED)]
    effect = np.ones(len(family.p))
    p = np.ones(len(family.p))
    for which in looked_at.tolist():
        k = int(family.metric[which])
        inside = members.side(k, np.flatnonzero(members.flags(which)))
        outside = whole[k] - inside
        if min((inside.w > 0).sum(), (outside.w > 0).sum()) < LEAST_CLUSTERS:
            effect[which] = np.inf
            continue
        effect[which] = cluster_effect(inside, outside, within[k])
    seen = looked_at[np.isfinite(effect[looked_at])]
    outside = family.outside
    p[seen] = p_values(family.inside[seen], outside[seen], family.mean, effect[seen])
    return Family(
        family.metrics, family.metric, family.conditions, family.starts, family.inside, family.everyone, effect, p
    )


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
