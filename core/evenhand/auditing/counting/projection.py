"""The cells of the table, summed by group."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.counting.aggregation import Table
from evenhand.auditing.counting.clustered_curves import Pairs
from evenhand.auditing.counting.clusters import cluster_moments
from evenhand.auditing.counting.counts import CELLS
from evenhand.auditing.counting.curves import Curves
from evenhand.auditing.counting.groups import COVERED, Groups
from evenhand.statistics.arrays import Floats, Ints, once_each


def project(table: Table, group: Ints, size: int) -> Groups:
    """Sum the cells of the table by group: `group` is that of each entry. Asked again, the answer is the same one."""
    for before, found in table.projected:
        if len(found.total) == size and np.array_equal(before, group):
            return found  # type: ignore[no-any-return]
    found = _projected(table, group, size)
    table.projected.append((group, found))
    return found


def _projected(table: Table, group: Ints, size: int) -> Groups:
    quantities, first = tuple(table.moments), len(CELLS)
    parts = first + 2 * len(quantities)
    total, square, rows = (np.zeros((size, parts)) for _ in range(3))
    moment = np.zeros((size, parts, parts))
    cell = group * first + table.outcome

    def by_cell(values: Floats) -> Floats:
        return np.bincount(cell, values, size * first).reshape(size, first)

    of_cells = once_each((table.w, table.w2, table.n), by_cell)
    total[:, :first], square[:, :first], rows[:, :first] = of_cells
    moment[:, range(first), range(first)] = square[:, :first]
    weights: dict[tuple[int, ...], list[Floats]] = {}
    for i, (name, (wv, w2v, w2v2)) in enumerate(table.moments.items()):
        a, b = first + 2 * i, first + 2 * i + 1
        covers = tuple(COVERED.get(name, (6,)))
        covered = np.isin(np.arange(first), covers)[table.outcome]
        if covers not in weights:
            weights[covers] = once_each((table.w, table.w2, table.n), partial(_by_group, group, size, covered))
        total[:, b], square[:, b], rows[:, b] = weights[covers]
        some = np.flatnonzero(covered & ((wv != 0) | (w2v2 != 0)))
        total[:, a] = np.bincount(group[some], wv[some], size)
        moment[:, a, a] = np.bincount(group[some], w2v2[some], size)
        moment[:, a, b] = moment[:, b, a] = np.bincount(group[some], w2v[some], size)
        moment[:, b, b] = square[:, b]
        with_value = np.bincount(cell[some], w2v[some], size * first).reshape(size, first)
        alone = np.where(np.isin(np.arange(first), covers), square[:, :first], 0.0)
        for j, cells in zip((a, b), (with_value, alone), strict=True):
            moment[:, j, :first], moment[:, :first, j] = cells, cells
    pairs = None if table.cluster is None else Pairs.of(group, size, table.cluster, table.clusters)
    curves = Curves.of(table, group, size, pairs) if len(table.scores) and (table.label >= 0).any() else None
    plain = Groups(total, square, rows, moment, rows[:, :first].sum(axis=1), quantities, False, curves)
    return plain if pairs is None else cluster_moments(plain, table, pairs)


def _by_group(group: Ints, size: int, covered: NDArray[np.bool_], values: Floats) -> Floats:
    return np.bincount(group, values * covered, size)
