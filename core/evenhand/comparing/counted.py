"""Both sides from rows: the engine's estimate on each side, and how the two move together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations

import numpy as np

from evenhand.auditing.counting.clusters import BUCKETS
from evenhand.auditing.counting.groups import Groups
from evenhand.auditing.counting.projection import project
from evenhand.auditing.evidence import of_plugins
from evenhand.auditing.evidence.estimation import estimate
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.table.group_names import JOIN, group_names, numbered
from evenhand.comparing.both_sides import BothSides, Pair
from evenhand.comparing.influence import covered, influence, members, row_value
from evenhand.comparing.limits import paired_error, paired_shares, trusted_correlation
from evenhand.comparing.pairing import Samples
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats, Ints, ratio

EVERYONE = "all rows"


@dataclass(frozen=True)
class Division:
    """One way to divide the rows of both sides into groups of the same names."""

    samples: Samples
    attribute: str | None
    names: list[str]
    group: tuple[Ints, Ints]  # of each row of each side

    @cached_property
    def groups(self) -> tuple[Groups, Groups]:
        one, two = (side.table for side in (self.samples.one, self.samples.two))
        return project(one, self.group[0], len(self.names)), project(two, self.group[1], len(self.names))

    @cached_property
    def members(self) -> tuple[Ints, Ints, Ints]:
        """(place of each row of each side among the pairs of group and unit that occur, group of each such pair)."""
        keys = [group * self.samples.units + unit for group, unit in zip(self.group, self.samples.unit, strict=True)]
        found, where = np.unique(np.concatenate(keys), return_inverse=True)
        where = where.reshape(-1)
        return where[: len(keys[0])], where[len(keys[0]) :], found // max(self.samples.units, 1)

    @cached_property
    def bucket(self) -> tuple[Ints, Ints, int]:
        """(bucket of each row of each side, buckets): units dealt at random, so that correlations can be kept in
        memory."""
        units = self.samples.units
        deal = np.random.default_rng(0).permutation(units) % BUCKETS
        if self.samples.shared:
            return deal[self.samples.unit[0]], deal[self.samples.unit[1]], min(units, BUCKETS)
        # sides that share nothing are dealt each by itself, so that neither comes first
        codes = [np.unique(unit, return_inverse=True)[1].reshape(-1) for unit in self.samples.unit]
        most = max(int(code.max(initial=0)) + 1 for code in codes)
        deal = np.random.default_rng(0).permutation(most) % BUCKETS
        return deal[codes[0]], deal[codes[1]], min(most, BUCKETS)


def divisions(samples: Samples, columns: list[str], depth: int) -> Iterator[Division]:
    """All rows, every column, and every intersection to the depth."""
    nobody = (np.zeros(len(samples.one.row), dtype=np.int64), np.zeros(len(samples.two.row), dtype=np.int64))
    yield Division(samples, None, [EVERYONE], nobody)
    codes, levels = {}, {}
    for column in columns:
        codes[column], levels[column] = _joint(samples, column)
    for size in range(1, depth + 1):
        for chosen in combinations(columns, size):
            rows = np.stack([codes[column] for column in chosen], axis=1)
            found, group = np.unique(rows, axis=0, return_inverse=True)
            group = group.reshape(-1)
            values = [tuple(levels[c][int(v)] for c, v in zip(chosen, row, strict=True)) for row in found]
            names = group_names(chosen, values, [levels[c] for c in chosen])
            first = len(samples.one.row)
            yield Division(samples, JOIN.join(chosen), numbered(names), (group[:first], group[first:]))


def _joint(samples: Samples, column: str) -> tuple[Ints, list[str]]:
    """Codes of a column's groups over the rows of both sides, and their names."""
    sides = [(s.table, s.table.columns.index(column)) for s in (samples.one, samples.two)]
    names = list(dict.fromkeys(name for table, place in sides for name in table.names[place]))
    names.sort(key=lambda name: (max(t.names[p].index(name) if name in t.names[p] else -1 for t, p in sides), name))
    where = {name: i for i, name in enumerate(names)}
    codes = [
        np.array([where[n] for n in table.names[place]], dtype=np.int64)[table.groups[:, place]]
        for table, place in sides
    ]
    return np.concatenate(codes), names


def both_sides_of(
    division: Division, metric: GroupMetric, reference: str | None, foreign: bool = False
) -> BothSides | None:
    """The metric on both sides of a division; None where rows are shared and how they act on the metric is not known.

    foreign: it is a plugin's; what it does wrong is a MetricFault.
    """
    if not foreign:
        return _both_sides(division, metric, reference, estimate)
    try:
        return _both_sides(division, metric, reference, of_plugins.estimated)
    except of_plugins.MetricFault:
        raise
    except Exception as error:
        raise of_plugins.fault_of(metric, error) from None


def _both_sides(
    division: Division,
    metric: GroupMetric,
    reference: str | None,
    estimate: Callable[[GroupMetric, Groups], GroupEstimates],
) -> BothSides | None:
    samples, groups = division.samples, division.groups
    one, two = (estimate(metric, g) for g in groups)
    moves = [
        influence(metric, side.table, group, g)
        for side, group, g in zip((samples.one, samples.two), division.group, groups, strict=True)
    ]
    if moves[0] is None or moves[1] is None:
        if samples.shared:
            return None
        return _levels(division, metric, reference, one, two, _apart(one, two, 0.0), np.zeros(len(one.value)), None)
    a, b, place = division.members
    of_units = np.bincount(a, moves[0], len(place)), np.bincount(b, moves[1], len(place))
    r = _correlation(of_units, place, one, two) if samples.shared else np.zeros(len(one.value))
    at = _apart(one, two, _trusted(metric, r, one, two))
    if samples.paired:
        at = _paired(division, metric, one, two, of_units, at)
    *buckets, size = division.bucket
    sums = [
        np.bincount(bucket * len(one.value) + group, moved, size * len(one.value)).reshape(size, -1)
        for bucket, group, moved in zip(buckets, division.group, (moves[0], moves[1]), strict=True)
    ]
    return _levels(division, metric, reference, one, two, at, r, (sums[0], sums[1]))


def _levels(
    division: Division,
    metric: GroupMetric,
    reference: str | None,
    one: GroupEstimates,
    two: GroupEstimates,
    at: Callable[[float], Pair],
    r: Floats,
    sums: Pair | None,
) -> BothSides:
    samples = division.samples
    return BothSides(
        division.attribute,
        division.names,
        reference,
        metric,
        one,
        two,
        cache(at),
        r,
        sums,
        samples.shared,
        samples.clustered,
    )


def _correlation(of_units: Pair, place: Ints, one: GroupEstimates, two: GroupEstimates) -> Floats:
    """Correlation of the two sides' numbers, [group], from the units that they share."""
    size = len(one.value)
    together, first, second = (
        np.bincount(place, x * y, size)
        for x, y in ((of_units[0], of_units[1]), (of_units[0], of_units[0]), (of_units[1], of_units[1]))
    )
    return np.asarray(np.clip(np.nan_to_num(ratio(together, np.sqrt(first * second))), -1, 1))


def _trusted(metric: GroupMetric, r: Floats, one: GroupEstimates, two: GroupEstimates) -> Floats:
    rows = np.nan_to_num(np.minimum(one.size, two.size))
    value = np.where(np.abs(one.value - 0.5) > np.abs(two.value - 0.5), one.value, two.value)
    return trusted_correlation(r, rows, value if one.bounded and two.bounded else None)


def _apart(one: GroupEstimates, two: GroupEstimates, r: Floats | float) -> Callable[[float], Pair]:
    """Limits of the change from those of both sides (Newcombe 1998; with a correlation, Zou & Donner 2008)."""
    return lambda c: intervals.difference(two.value, two.limits(c), one.value, one.limits(c), r)


def _paired(
    division: Division,
    metric: GroupMetric,
    one: GroupEstimates,
    two: GroupEstimates,
    of_units: Pair,
    otherwise: Callable[[float], Pair],
) -> Callable[[float], Pair]:
    """Limits that look at each pair of rows, where that is possible; `otherwise` those from the limits of both
    sides."""
    if metric.numerator and not metric.terms:
        return _by_score(division, metric, one, two, of_units, otherwise)
    if metric.curve is not None or (metric.mean_of is not None and not metric.terms):
        return _by_differences(division, metric, one, two, of_units, otherwise)
    return otherwise


def _by_differences(
    division: Division,
    metric: GroupMetric,
    one: GroupEstimates,
    two: GroupEstimates,
    of_units: Pair,
    otherwise: Callable[[float], Pair],
) -> Callable[[float], Pair]:
    """By the differences of the units, as in a paired t-test; in groups where neither side varies, `otherwise`."""
    place, size = division.members[2], len(one.value)
    acts, raw = _raw_differences(division, metric, of_units)
    alone = np.minimum(*(np.bincount(place, moved**2, size) for moved in of_units))
    error, few = paired_error((of_units[1] - of_units[0])[acts], raw[acts], place[acts], size, alone)
    freedom = np.minimum(one.freedom, two.freedom)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = error * np.sqrt(np.where(np.isfinite(freedom), (freedom + 1) / freedom, 1.0))
    change, freedom = two.value - one.value, np.minimum(freedom, few)

    def at(c: float) -> Pair:
        low, high = otherwise(c)
        with np.errstate(invalid="ignore"):
            half = intervals.student(c, freedom) * error
        return np.where(alone > 0, change - half, low), np.where(alone > 0, change + half, high)

    return at


def _raw_differences(division: Division, metric: GroupMetric, of_units: Pair) -> tuple[Floats, Floats]:
    """For each pair of group and unit: whether the metric is about it, and what the second side says of it less the
    first.

    Of a score that is ranks, which others move too: its influence, where its own score is another.
    """
    tables, size = (division.samples.one.table, division.samples.two.table), len(division.members[2])
    inside = [covered(metric, table) for table in tables]
    values = [np.where(mine, row_value(metric, table), 0.0) for mine, table in zip(inside, tables, strict=True)]
    places = division.members[:2]
    acts = np.bincount(places[0], inside[0], size) + np.bincount(places[1], inside[1], size) > 0
    if metric.curve is None:
        return acts, np.bincount(places[1], values[1], size) - np.bincount(places[0], values[0], size)
    other = (values[0] != values[1]) | (tables[0].label != tables[1].label)
    differs = np.bincount(places[0], other, size) + np.bincount(places[1], other, size) > 0
    return acts, np.where(differs, of_units[1] - of_units[0], 0.0)


def _by_score(
    division: Division,
    metric: GroupMetric,
    one: GroupEstimates,
    two: GroupEstimates,
    of_units: Pair,
    otherwise: Callable[[float], Pair],
) -> Callable[[float], Pair]:
    """By the rows that only one side counts, in groups where both sides are shares of the same rows."""
    tables, size = (division.samples.one.table, division.samples.two.table), len(one.value)
    (hit_1, in_1), (hit_2, in_2) = (members(metric, table) for table in tables)
    other = (in_1 != in_2) | (in_1 & ((tables[0].w != tables[1].w) | (division.group[0] != division.group[1])))
    same = np.bincount(division.group[0], other, size) + np.bincount(division.group[1], other, size) == 0
    group, w = division.group[0], tables[0].w * in_1
    total, square = np.bincount(group, w, size), np.bincount(group, w * w, size)
    up, down = (
        np.nan_to_num(ratio(np.bincount(group, w * moved, size), total)) for moved in (hit_2 & ~hit_1, hit_1 & ~hit_2)
    )
    rows = _effective_rows(division, up, down, ratio(total**2, square), of_units, one)

    def at(c: float) -> Pair:
        low, high = otherwise(c)
        wide = np.minimum(intervals.student(c, np.minimum(one.freedom, two.freedom)), 1e6)
        lower, upper = paired_shares(up * rows, down * rows, rows, wide)
        return np.where(same, lower, low), np.where(same, upper, high)

    return at


def _effective_rows(
    division: Division, up: Floats, down: Floats, kish: Floats, of_units: Pair, one: GroupEstimates
) -> Floats:
    """How many independent rows of equal weight would tell as much about the change."""
    place, size, samples = division.members[2], len(up), division.samples
    weighted = samples.one.table.w.min(initial=1.0) != samples.one.table.w.max(initial=1.0)
    if not (samples.clustered or weighted):
        return kish
    variance = np.bincount(place, (of_units[1] - of_units[0]) ** 2, size)
    units = np.where(np.isfinite(one.freedom), one.freedom + 1, kish)
    variance = variance * ratio(units, units - 1)
    spread = up + down - (up - down) ** 2
    effect = np.maximum(ratio(variance * kish, spread), 1)
    if not samples.clustered:
        return np.asarray(kish / np.where(np.isfinite(effect), effect, 1))
    # where nothing varies, the rows of a cluster may all be one
    return np.asarray(kish / np.where(np.isfinite(effect), effect, np.maximum(ratio(kish, units), 1)))
