"""Rows of a cluster count as one unit when a curve's variance is estimated: sums of influences over clusters.

Each class is kept sorted by group, so that a group reads its own rows only, and everyone else's are all rows less them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evenhand.statistics.arrays import Floats, Ints, ratio

SPARSE, MOST_PAIRS = 16, 1 << 16  # possible pairs per entry, up to which each has a place


class Pairs(NamedTuple):
    """Groups and clusters that occur together, in order: `group` and `cluster` of each pair; the pair of each entry."""

    group: Ints
    cluster: Ints
    which: Ints

    @classmethod
    def of(cls, group: Ints, size: int, cluster: Ints, clusters: int) -> Pairs:
        """The pairs of entries."""
        code = group * clusters + cluster
        if size * clusters > max(SPARSE * len(code), MOST_PAIRS):
            pair, which = np.unique(code, return_inverse=True)
            return cls(pair // clusters, pair % clusters, np.asarray(which).reshape(-1))
        there = np.zeros(size * clusters, dtype=bool)
        there[code] = True
        pair = np.flatnonzero(there)
        place = np.empty(size * clusters, dtype=np.int32)
        place[pair] = np.arange(len(pair))
        return cls(pair // clusters, pair % clusters, place[code].astype(np.int64))

    def taken(self, entries: NDArray[np.bool_]) -> Pairs:
        """Those of some entries alone."""
        which = self.which[entries]
        there = np.bincount(which, minlength=len(self.group)) > 0
        return Pairs(self.group[there], self.cluster[there], (np.cumsum(there) - 1)[which])


@dataclass(frozen=True)
class ClusteredRows:
    """Rows of one class (or of both), sorted by group."""

    clusters: int
    cluster: Ints
    label: Ints
    level: Ints
    w: Floats
    edges: Ints  # [group + 1] where each group's rows begin
    pair_group: Ints  # per group and cluster that occur together
    pair_cluster: Ints
    pair_weight: Floats

    @classmethod
    def of(
        cls, group: Ints, size: int, clusters: int, pairs: Pairs, label: Ints, level: Ints, w: Floats
    ) -> ClusteredRows:
        """Sort the rows of `size` groups."""
        weight, cluster = np.bincount(pairs.which, w, len(pairs.group)), pairs.cluster[pairs.which]
        edges = np.cumsum(np.append(0, np.bincount(group, minlength=size)))
        if (np.diff(group) < 0).any():
            order = np.argsort(group, kind="stable")
            cluster, label, level, w = (values[order] for values in (cluster, label, level, w))
        return cls(clusters, cluster, label, level, w, edges, pairs.group, pairs.cluster, weight)

    def own(self, g: int) -> slice:
        """The rows of a group."""
        return slice(int(self.edges[g]), int(self.edges[g + 1]))

    def sums(self, g: int, others: bool, influence: Floats) -> Floats:
        """Per cluster the sum of weight · influence [level] over the rows of the group, or of everyone else."""
        own = self._sum(self.own(g), influence)
        return self._sum(slice(None), influence) - own if others else own

    def _sum(self, rows: slice, influence: Floats) -> Floats:
        return np.bincount(self.cluster[rows], influence[self.level[rows]] * self.w[rows], self.clusters)

    def units(self, others: bool) -> Floats:
        """Clusters with rows in each group, or outside it."""
        size = len(self.edges) - 1
        groups_of = np.bincount(self.pair_cluster, minlength=self.clusters)
        if not others:
            return np.bincount(self.pair_group, minlength=size).astype(float)
        return np.asarray((groups_of > 0).sum() - np.bincount(self.pair_group, groups_of[self.pair_cluster] == 1, size))

    def effective(self, others: bool) -> Floats:
        """As many clusters of equal weight as those of each group, or outside it, are worth (Kish); never more."""
        size = len(self.edges) - 1
        own = np.bincount(self.pair_group, self.pair_weight, size)
        weight = self.pair_weight.sum() - own if others else own
        return np.asarray(np.minimum(self.units(others), np.nan_to_num(ratio(weight**2, self.squares(others)))))

    def squares(self, others: bool) -> Floats:
        """Sum of the squared weights of the clusters of each group, or of everyone else."""
        size, w = len(self.edges) - 1, self.pair_weight
        own = np.bincount(self.pair_group, w**2, size)
        if not others:
            return own
        whole = np.bincount(self.pair_cluster, w, self.clusters)
        cross = np.bincount(self.pair_group, w * whole[self.pair_cluster], size)
        return np.asarray(np.maximum((whole**2).sum() - 2 * cross + own, 0))


def variance_of(
    classes: tuple[ClusteredRows, ClusteredRows],
    others: tuple[bool, bool],
    groups: range,
    influence: tuple[Floats, Floats],
) -> tuple[Floats, Floats]:
    """(variance, degrees of freedom) for some groups of a number with these influences of a positive and a negative
    row.

    The sum over clusters of their rows' influences, squared (Obuchowski 1997, Biometrics 53); few clusters of one
    class, or a few that carry the weight, are few degrees of freedom, and a single one says nothing about others.
    """
    variance, freedom = np.full(len(groups), np.nan), np.zeros(len(groups))
    units = [rows.effective(other) for rows, other in zip(classes, others, strict=True)]
    for i, g in enumerate(groups):
        u = [float(count[g]) for count in units]
        if min(u) == 0:
            continue
        sums = [r.sums(g, o, np.nan_to_num(psi[i])) for r, o, psi in zip(classes, others, influence, strict=True)]
        m, n = ((s**2).sum() * k / max(k - 1, 1) for s, k in zip(sums, u, strict=True))
        variance[i] = max(m + n + 2 * (sums[0] * sums[1]).sum(), 0.0)
        scatter = m**2 / max(u[0] - 1, 1) + n**2 / max(u[1] - 1, 1)
        few = min(variance[i] ** 2 / scatter if scatter > 0 else np.inf, u[0] + u[1] - 1)
        freedom[i] = few if min(u) > 1 else 0
    return variance, freedom
