"""How much each row moves a metric of its group: the influence function of every kind of metric.

The sum of the squared influences of independent units is the variance of the metric, and the sum of the products of
its influences on two audits their covariance; a change is as certain as what its units add to the difference of both.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evenhand.auditing.counting.aggregation import Table
from evenhand.auditing.counting.counts import CELLS
from evenhand.auditing.counting.curves import Block
from evenhand.auditing.counting.groups import CELL, COVERED, PARTS, Groups
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.metrics.parts import Pair
from evenhand.statistics.arrays import Floats, Ints, ratio

Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


def members(metric: GroupMetric, table: Table) -> tuple[Flags, Flags]:
    """(entries that a share counts, entries that it is a share of)."""
    return _any_of(metric.numerator, table), _any_of(metric.denominator, table)


def _any_of(cells: tuple[str, ...], table: Table) -> Flags:
    return np.isin(table.outcome, [CELL[part] for cell in cells for part in PARTS.get(cell, (cell,))])


def covered(metric: GroupMetric, table: Table) -> Flags:
    """Entries that a mean, or what a curve reads, is about."""
    if metric.curve is not None:
        return np.asarray(table.label >= 0)
    return np.isin(table.outcome, COVERED.get(str(metric.mean_of), (6,)))


def row_value(metric: GroupMetric, table: Table) -> Floats:
    """What a row brings to a mean, its weighted value, or to what a curve reads: its score."""
    return table.moments[str(metric.mean_of)][0] if metric.curve is None else table.scores[table.level]


def influence(metric: GroupMetric, table: Table, group: Ints, groups: Groups) -> Floats | None:
    """The influence of each row on the metric of its group, [row]; 0 where the group has no such number.

    None for metrics read from curves that say no influence. table: one entry per row.
    Shares and means: Särndal, Swensson & Wretman 1992, section 5.5; AUC: DeLong, DeLong & Clarke-Pearson 1988.
    """
    if metric.curve is not None:
        return None if metric.influence is None else _of_levels(metric.influence, table, group, groups)
    if metric.terms:
        parts = [(k, influence(term, table, group, groups)) for k, term in metric.terms]
        return np.asarray(sum(k * part for k, part in parts if part is not None))
    if metric.numerator:
        hit, inside = members(metric, table)
        value, total = _share(table.w * hit, table.w * inside, group, len(groups.total))
        return np.nan_to_num(ratio(table.w * inside * (hit - value[group]), total[group]))
    if metric.mean_of is not None:
        return _of_mean(metric, table, group, len(groups.total))
    return np.asarray(_gradient(metric, groups)[group, table.outcome] * table.w)


def _share(top: Floats, bottom: Floats, group: Ints, size: int) -> tuple[Floats, Floats]:
    total = np.bincount(group, bottom, size)
    return np.nan_to_num(ratio(np.bincount(group, top, size), total)), total


def _of_mean(metric: GroupMetric, table: Table, group: Ints, size: int) -> Floats:
    """Of a mean, or of its root."""
    inside = covered(metric, table)
    summed = table.moments[str(metric.mean_of)][0] * inside
    value, total = _share(summed, table.w * inside, group, size)
    found = ratio(summed - value[group] * table.w * inside, total[group])
    if metric.root:
        found = found * ratio(np.full(len(group), 0.5), np.sqrt(value)[group])
    return np.nan_to_num(found)


def _of_levels(of: Callable[[Block], Pair], table: Table, group: Ints, groups: Groups) -> Floats:
    assert groups.curves is not None
    found = np.zeros(len(group))
    for block in groups.curves.blocks():
        positive, negative = of(block)
        for label, by_level in ((1, positive), (0, negative)):
            mine = (table.label == label) & (group >= block.first) & (group < block.first + len(by_level))
            found[mine] = (by_level[group[mine] - block.first, table.level[mine]]) * table.w[mine]
    return np.nan_to_num(found)


def _gradient(metric: GroupMetric, groups: Groups) -> Floats:
    """Gradient [group, cell] of any function of the cells, by central differences; defined at empty cells too."""
    cells = len(CELLS)
    unit = np.nan_to_num(ratio(groups.square[:, :cells].sum(axis=1), groups.total[:, :cells].sum(axis=1)), nan=1.0)
    base = groups.total.copy()
    base[:, :4] += 1e-3 * unit[:, None]  # a cell without rows has a slope as well
    step = 1e-5 * np.maximum(base[:, :cells], unit[:, None])
    slopes = np.zeros((len(base), cells))
    for i in range(cells):
        ahead, behind = base.copy(), base.copy()
        ahead[:, i] += step[:, i]
        behind[:, i] -= step[:, i]
        rise = metric.function(groups.counts(ahead)) - metric.function(groups.counts(behind))
        slopes[:, i] = np.asarray(rise, dtype=float) / (2 * step[:, i])
    return np.nan_to_num(slopes)
