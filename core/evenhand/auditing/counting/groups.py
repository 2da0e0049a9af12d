"""The counts of every group of one attribute: sums over rows, and the moments that variances are made of.

Counts of a group are a vector T of sums over units (rows, or clusters of rows), and M is the sum over units of the
outer products of their contributions. Rows, weights and clusters differ in M alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.auditing.counting.counts import CELLS, Counts
from evenhand.auditing.counting.curves import Curves
from evenhand.statistics.arrays import Floats, Ints

CELL = {name: i for i, name in enumerate(CELLS)}
PARTS = {"selected": ("tp", "fp", "selected_unlabelled"), "rejected": ("fn", "tn", "rejected_unlabelled")}
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
    shares: tuple[Ints, Ints, Floats, Ints] | None = None  # clusters that span groups: (bucket, group, t, parts of t)

    def counts(self, total: Floats | None = None, levels: bool = True) -> Counts:
        """What metric functions see; without score levels where nobody looks at them."""
        t = self.total if total is None else total
        first = len(CELLS)
        return Counts(
            t[..., 0],
            t[..., 1],
            t[..., 2],
            t[..., 3],
            t[..., 0] + t[..., 1] + t[..., 4],
            t[..., 2] + t[..., 3] + t[..., 5],
            t[..., 6],
            t[..., 7],
            {q: t[..., first + 2 * i] for i, q in enumerate(self.quantities)},
            {q: t[..., first + 2 * i + 1] for i, q in enumerate(self.quantities)},
            *(self._levels() if levels else (None, None, None)),
        )

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
            _others(self.total),
            _others(self.square),
            _others(self.rows),
            moment,
            units,
            self.quantities,
            self.clustered,
            curves,
        )


def _others(values: Floats) -> Floats:
    return np.asarray(np.maximum(values.sum(axis=0) - values, 0))
