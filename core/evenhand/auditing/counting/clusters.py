"""Rows that belong together count as one unit: M is summed over clusters instead of rows.

Within a group a cluster contributes the sum of its rows. Where clusters have rows in several groups, the groups'
estimates are correlated, and the rest of a group is not independent of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evenhand.auditing.counting.aggregation import Table
from evenhand.auditing.counting.counts import CELLS
from evenhand.auditing.counting.groups import COVERED, Groups
from evenhand.statistics.arrays import Floats, Ints

BUCKETS = 2_048  # clusters are dealt into at most this many buckets when correlations between groups are measured


def cluster_moments(plain: Groups, table: Table, group: Ints) -> Groups:
    """`plain` with its moments over clusters."""
    assert table.cluster is not None
    size, parts = plain.total.shape
    pair, which = np.unique(group * table.clusters + table.cluster, return_inverse=True)
    contribution = np.zeros((len(pair), parts))
    cells = np.bincount(which * len(CELLS) + table.outcome, table.w, len(pair) * len(CELLS))
    contribution[:, : len(CELLS)] = cells.reshape(len(pair), len(CELLS))
    for i, (name, (wv, _, _)) in enumerate(table.moments.items()):
        covered = np.isin(table.outcome, COVERED.get(name, (6,)))
        first = len(CELLS) + 2 * i
        contribution[:, first] = np.bincount(which, wv * covered, len(pair))
        contribution[:, first + 1] = np.bincount(which, table.w * covered, len(pair))
    pair_group, pair_cluster = pair // table.clusters, pair % table.clusters
    whole = np.column_stack([np.bincount(pair_cluster, contribution[:, j], table.clusters) for j in range(parts)])
    moment, cross = np.zeros((size, parts, parts)), np.zeros((size, parts, parts))
    edges = np.searchsorted(pair_group, np.arange(size + 1))
    for g in range(size):
        mine = contribution[edges[g] : edges[g + 1]]
        moment[g] = mine.T @ mine
        cross[g] = whole[pair_cluster[edges[g] : edges[g + 1]]].T @ mine
    units = np.diff(edges).astype(float)
    spans = len(pair) > np.count_nonzero(np.bincount(pair_cluster))
    return replace(
        plain,
        moment=moment,
        units=units,
        clustered=True,
        all_moment=whole.T @ whole,
        cross=cross,
        units_rest=_rest_units(pair_group, pair_cluster, size, table.clusters),
        shares=(_buckets(table.clusters)[pair_cluster], pair_group, contribution) if spans else None,
    )


def _rest_units(pair_group: Ints, pair_cluster: Ints, size: int, clusters: int) -> Floats:
    """Clusters that have rows outside each group."""
    groups_of = np.bincount(pair_cluster, minlength=clusters)
    only_here = np.bincount(pair_group, groups_of[pair_cluster] == 1, size)
    return np.asarray((groups_of > 0).sum() - only_here)


def _buckets(clusters: int) -> Ints:
    return np.random.default_rng(0).permutation(clusters) % BUCKETS
