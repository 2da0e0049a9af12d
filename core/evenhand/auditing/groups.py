"""The counts of every group of one attribute: sums over rows, and the moments that variances are made of.

Counts of a group are a vector T of sums over units (rows, or clusters of rows), and M is the sum over units of the
outer products of their contributions. Rows, weights and clusters differ in M alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.auditing.counts import CELLS, Floats, Ints, Table
from evenhand.auditing.curves import Curves
from evenhand.auditing.kinds import Counts

COVERED = {
    "score": range(9),
    "labelled_score": range(4),
    "squared_miss": range(4),
    "surprise": range(4),
    "overconfidence": (6, 7),
}


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
            *self._levels(),
        )  # fmt: skip

    def _levels(self) -> tuple[Floats | None, Floats | None, Floats | None]:
        if self.curves is None:
            return None, None, None
        coarse = self.curves.coarse()
        return coarse.whole.positive, coarse.whole.negative, coarse.scores

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
        of_cells = by_cell(w2v * covered), by_cell(table.w2 * covered)
        for j, cells in zip((a, b), of_cells, strict=True):
            moment[:, j, :first], moment[:, :first, j] = cells, cells
    curves = Curves.of(table, group, size) if len(table.scores) and (table.label >= 0).any() else None
    plain = Groups(total, square, rows, moment, rows[:, :first].sum(axis=1), quantities, False, curves)
    return plain if table.cluster is None else cluster_moments(plain, table, group)
