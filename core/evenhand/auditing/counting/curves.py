"""Weights of positive and negative rows by group and score level, in blocks of groups that fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.counting.aggregation import BINS, Table
from evenhand.auditing.counting.clustered_curves import ClusteredRows, Pairs, variance_of
from evenhand.statistics.arrays import Floats, Ints, once_each

T = TypeVar("T")
MOST_CELLS = 4_000_000  # groups × levels that are held at once


class Reading(NamedTuple):
    """A number read from curves, [group]: its value, variance, effective rows, degrees of freedom and rows.

    correlation: [group, group], where the groups' numbers share rows. limits: its limits at a critical value [group],
    where neither a share's nor a normal number's hold.
    """

    value: Floats
    variance: Floats
    size: Floats
    freedom: Floats
    rows: Floats
    correlation: Floats | None = None
    limits: Callable[[Floats], tuple[Floats, Floats]] | None = None


@dataclass(frozen=True)
class Curves:
    """The labelled rows of every group by score level.

    others: whether the positive and the negative rows are those of everyone outside the group.
    """

    scores: Floats  # [level]
    size: int  # groups
    group: Ints  # per entry, as the rest:
    level: Ints
    label: Ints
    n: Floats
    w: Floats
    w2: Floats
    cluster: Ints | None
    binned: bool  # scores of a level may differ
    others: tuple[bool, bool] = (False, False)
    _made: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)  # what is the same for others, once

    @classmethod
    def of(cls, table: Table, group: Ints, size: int, pairs: Pairs | None = None) -> Curves:
        """The curves of `size` groups; `group` is that of each entry of the table. pairs: those of its clusters."""
        known = table.label >= 0
        pick: Callable[[Any], Any] = (lambda values: values) if known.all() else (lambda values: values[known])
        n, w, w2 = once_each((table.n, table.w, table.w2), pick)
        cluster = None if table.cluster is None else pick(table.cluster)
        level, label = pick(table.level), pick(table.label)
        found = cls(table.scores, size, pick(group), level, label, n, w, w2, cluster, table.binned)
        if pairs is not None and known.all():
            found._made["pairs"] = pairs
        return found

    def rest(self) -> Curves:
        """Curves of everyone outside each group."""
        return replace(self, others=(not self.others[0], not self.others[1]))

    def crossed(self, positive: bool) -> Curves:
        """The positive (else the negative) rows exchanged for those of everyone else; of one group alone, itself."""
        if self.size == 1:
            return self
        a, b = self.others
        return replace(self, others=(not a, b) if positive else (a, not b))

    def _once(self, key: Any, make: Callable[[], T]) -> T:
        """What `make` gives, made once for these rows, whoever is the others."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    @property
    def everyone(self) -> Floats:
        """Weight of all groups together by level."""
        return self._once("everyone", lambda: np.bincount(self.level, self.w, len(self.scores)))

    @cached_property
    def whole(self) -> Block:
        """All groups at once."""
        return self._block(0, self.size)

    @property
    def clustered(self) -> tuple[ClusteredRows, ClusteredRows]:
        """The positive and the negative rows by group and cluster."""
        return self._once("both", lambda: (self._by_cluster(self.label == 1), self._by_cluster(self.label == 0)))

    @property
    def clustered_all(self) -> ClusteredRows:
        """The rows of both classes by group and cluster."""
        return self._once("all", lambda: self._by_cluster(self.label >= 0))

    def _by_cluster(self, mine: NDArray[np.bool_]) -> ClusteredRows:
        assert self.cluster is not None
        clusters = int(self.cluster.max(initial=-1)) + 1
        pairs = self._once("pairs", lambda: Pairs.of(self.group, self.size, np.asarray(self.cluster), clusters))
        entries = (a[mine] for a in (self.label, self.level, self.w))
        return ClusteredRows.of(self.group[mine], self.size, clusters, pairs.taken(mine), *entries)

    @property
    def fits(self) -> bool:
        """Whether all groups are held at once."""
        return self.size * len(self.scores) <= MOST_CELLS

    def blocks(self) -> Iterator[Block]:
        """The groups in order, as many at a time as fit in memory."""
        if self.fits:
            yield self.whole
            return
        step = max(MOST_CELLS // len(self.scores), 1)
        for first in range(0, self.size, step):
            yield self._block(first, min(first + step, self.size))

    def read(self, block: Callable[[Block], Reading]) -> Reading:
        """One reading of all groups, block by block."""
        found = [block(b) for b in self.blocks()]
        value, variance, size, freedom, rows = (np.concatenate([np.asarray(r[i]) for r in found]) for i in range(5))
        whole = Reading(value, variance, size, freedom, rows)
        made = [(r.limits, len(r.value)) for r in found if r.limits is not None]
        if not made:
            return whole
        edges = np.cumsum([0, *(size for _, size in made)])

        def limits(c: Floats) -> tuple[Floats, Floats]:
            parts = [f(c[..., a:b]) for (f, _), a, b in zip(made, edges, edges[1:], strict=False)]
            return np.concatenate([low for low, _ in parts], -1), np.concatenate([high for _, high in parts], -1)

        return whole._replace(limits=limits)

    def coarse(self) -> Curves:
        """The same in equal bins where the levels are too many to hold for all groups at once."""
        if self.fits:
            return self
        levels = min(BINS, max(MOST_CELLS // self.size, 64))
        level = np.minimum((self.scores[self.level] * levels).astype(np.int64), levels - 1)
        return replace(self, scores=(np.arange(levels) + 0.5) / levels, level=level, binned=True, _made={})

    def _block(self, first: int, last: int) -> Block:
        sums: list[Floats] = []
        rows = []
        for label, other in ((1, self.others[0]), (0, self.others[1])):
            held = self.fits  # one block, not many
            own, count = (
                self._once(label, partial(self._own, first, last, label)) if held else self._own(first, last, label)
            )
            if other:
                whole, everyone = self._once(("whole", label), partial(self._whole, label))
                sums += [_without(whole[0], own[0])]
                sums += [sums[-1] if own[1] is own[0] else _without(whole[1], own[1])]
                rows.append(everyone - count)
            else:
                sums += own
                rows.append(count)
        return Block(sums[0], sums[2], sums[1], sums[3], np.stack(rows, axis=1), first, self)

    def _own(self, first: int, last: int, label: int) -> tuple[list[Floats], Floats]:
        """([weights, squared weights] by group and level, rows by group) of one label in some groups."""
        size, levels = last - first, len(self.scores)
        mine = self.label == label
        if size < self.size:
            mine &= (self.group >= first) & (self.group < last)
        here = np.flatnonzero(mine)
        group = self.group[here] - first
        cell = group * levels + self.level[here]

        def by_cell(values: Floats) -> Floats:
            return np.bincount(cell, values[here], size * levels).reshape(size, levels)

        return once_each((self.w, self.w2), by_cell), np.bincount(group, self.n[here], size)

    def _whole(self, label: int) -> tuple[list[Floats], float]:
        """([weights, squared weights] by level, rows) of one label in all groups."""
        mine = np.flatnonzero(self.label == label)
        level, size = self.level[mine], len(self.scores)
        both = once_each((self.w, self.w2), lambda values: np.bincount(level, values[mine], size))
        return both, float(self.n[mine].sum())


def _without(total: Floats, own: Floats) -> Floats:
    """What is left of each level; rounding leaves nothing behind where nobody is left."""
    left = total - own
    return np.where(left > 1e-9 * total, left, 0.0)


@dataclass(frozen=True)
class Block:
    """Some groups, dense: weights and squared weights [group, level], rows [group, 2] by label."""

    positive: Floats
    negative: Floats
    positive2: Floats
    negative2: Floats
    rows: Floats
    first: int
    curves: Curves

    @property
    def groups(self) -> range:
        """Places of the block's groups among all."""
        return range(self.first, self.first + len(self.rows))

    def variance(self, positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
        """(variance, degrees of freedom) of a number whose influence per unit of weight is given by label and level.

        Satterthwaite's degrees of freedom, because few positives are few degrees.
        """
        if self.curves.cluster is not None:
            return variance_of(self.curves.clustered, self.curves.others, self.groups, (positive, negative))
        return self.of_rows(positive, negative)

    def of_rows(self, positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
        """The same as if every row were a cluster of its own; rows that weigh little are few."""
        with np.errstate(invalid="ignore", divide="ignore"):
            kish = self.positive.sum(axis=1) ** 2 / self.positive2.sum(axis=1)
            other = self.negative.sum(axis=1) ** 2 / self.negative2.sum(axis=1)
            rows_m, rows_n = np.fmin(self.rows[:, 0], kish), np.fmin(self.rows[:, 1], other)
            from_m = np.nansum(self.positive2 * positive**2, axis=1) * rows_m / np.maximum(rows_m - 1, 1)
            from_n = np.nansum(self.negative2 * negative**2, axis=1) * rows_n / np.maximum(rows_n - 1, 1)
            variance = from_m + from_n
            spread = from_m**2 / np.maximum(rows_m - 1, 1) + from_n**2 / np.maximum(rows_n - 1, 1)
            return variance, np.where(spread > 0, variance**2 / spread, np.inf)

    def kish(self) -> tuple[Floats, Floats]:
        """Effective positive and negative rows: as many equal ones, or clusters, as the weights are worth."""
        with np.errstate(invalid="ignore", divide="ignore"):
            m, n = self.positive.sum(axis=1) ** 2, self.negative.sum(axis=1) ** 2
            if self.curves.cluster is None:
                return m / self.positive2.sum(axis=1), n / self.negative2.sum(axis=1)
            yes, no = self.curves.clustered
            other, inside = self.curves.others, slice(self.first, self.first + len(self.rows))
            return m / yes.squares(other[0])[inside], n / no.squares(other[1])[inside]
