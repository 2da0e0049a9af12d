"""Rows that belong together count as one unit: M is summed over clusters instead of rows.

Within a group a cluster contributes the sum of its rows. Where clusters have rows in several groups, the groups'
estimates are correlated, and the rest of a group is not independent of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evenhand.auditing.counting.aggregation import Table
from evenhand.auditing.counting.clustered_curves import Pairs
from evenhand.auditing.counting.counts import CELLS
from evenhand.auditing.counting.groups import COVERED, Groups
from evenhand.statistics.arrays import Floats, Ints

BUCKETS = 2_048  # clusters are dealt into at most this many buckets when correlations between groups are measured


def cluster_moments(plain: Groups, table: Table, pairs: Pairs) -> Groups:
    """`plain` with its moments over clusters."""
    size, parts = plain.total.shape
    pair_group, pair_cluster, which = pairs
    used, contribution = _contributions(table, which, len(pair_group), parts)
    whole = _summed(pair_cluster, contribution, table.clusters)
    moment, cross = (np.zeros((size, parts, parts)) for _ in range(2))
    edges, inside = np.searchsorted(pair_group, np.arange(size + 1)), np.ix_(used, used)
    for g in range(size):
        here = slice(edges[g], edges[g + 1])
        mine = contribution[:, here]
        moment[g][inside] = mine @ mine.T
        cross[g][inside] = whole[:, pair_cluster[here]] @ mine.T
    everyone = np.zeros((parts, parts))
    everyone[inside] = whole @ whole.T
    spans = len(pair_group) > np.count_nonzero(np.bincount(pair_cluster))
    return replace(
        plain,
        moment=moment,
        units=np.diff(edges).astype(float),
        clustered=True,
        all_moment=everyone,
        cross=cross,
        units_rest=_rest_units(pair_group, pair_cluster, size, table.clusters),
        shares=_shares(pair_group, pair_cluster, contribution, table.clusters, used) if spans else None,
    )


def _contributions(table: Table, which: Ints, pairs: int, parts: int) -> tuple[Ints, Floats]:
    """(the parts that occur, what each pair of group and cluster brings to them [part, pair])."""
    found: dict[int, Floats] = {}
    for cell in np.flatnonzero(np.bincount(table.outcome)).tolist():
        mine = np.flatnonzero(table.outcome == cell)
        found[cell] = np.bincount(which[mine], table.w[mine], pairs)
    for i, (name, (wv, _, _)) in enumerate(table.moments.items()):
        covers = COVERED.get(name, (6,))
        first = len(CELLS) + 2 * i
        found[first] = np.bincount(which, wv * np.isin(np.arange(len(CELLS)), covers)[table.outcome], pairs)
        found[first + 1] = np.sum([found[cell] for cell in covers if cell in found] or [np.zeros(pairs)], axis=0)
    used = np.array(sorted(found), dtype=np.int64)
    return used, np.stack([found[part] for part in used.tolist()])


def _summed(place: Ints, values: Floats, size: int) -> Floats:
    """Sums of each row of `values` by place."""
    return np.stack([np.bincount(place, row, size) for row in values])


def _shares(
    pair_group: Ints, pair_cluster: Ints, contribution: Floats, clusters: int, used: Ints
) -> tuple[Ints, Ints, Floats, Ints]:
    """(bucket, group, t of the bucket's rows in the group, parts of t), for buckets and groups that occur together."""
    size = int(pair_group.max()) + 1
    bucket = np.random.default_rng(0).permutation(clusters) % BUCKETS
    group, bucket, which = Pairs.of(pair_group, size, bucket[pair_cluster], BUCKETS)
    return bucket, group, _summed(which, contribution, len(group)).T, used


def _rest_units(pair_group: Ints, pair_cluster: Ints, size: int, clusters: int) -> Floats:
    """Clusters that have rows outside each group."""
    groups_of = np.bincount(pair_cluster, minlength=clusters)
    only_here = np.bincount(pair_group, groups_of[pair_cluster] == 1, size)
    return np.asarray((groups_of > 0).sum() - only_here)
