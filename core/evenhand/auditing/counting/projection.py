"""The cells of the table, summed by group."""

from __future__ import annotations

import numpy as np

from evenhand.auditing.counting.aggregation import Table
from evenhand.auditing.counting.clusters import cluster_moments
from evenhand.auditing.counting.counts import CELLS
from evenhand.auditing.counting.curves import Curves
from evenhand.auditing.counting.groups import COVERED, Groups
from evenhand.statistics.arrays import Floats, Ints


def project(table: Table, group: Ints, size: int) -> Groups:
    """Sum the cells of the table by group: `group` is the group of each entry. Asked again, the answer is the same one."""
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
        of_cells = by_cell(w2v * covered), by_cell(table.w2 * covered)
        for j, cells in zip((a, b), of_cells, strict=True):
            moment[:, j, :first], moment[:, :first, j] = cells, cells
    curves = Curves.of(table, group, size) if len(table.scores) and (table.label >= 0).any() else None
    plain = Groups(total, square, rows, moment, rows[:, :first].sum(axis=1), quantities, False, curves)
    return plain if table.cluster is None else cluster_moments(plain, table, group)
