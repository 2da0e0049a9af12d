"""Whether groups are further apart than they were: the change of each gap to the reference, and that of the largest
gap.

The largest of several estimated gaps is too large on average, in both audits, and the pair that it is found in was
chosen after looking. So its change is bounded by those pairs that may truly have been the largest, at limits that hold
for every
pair: between the least that a candidate of the first audit grew and the most that a candidate of the second did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evenhand.comparing.both_sides import BothSides, Pair, SideEstimates
from evenhand.comparing.comparison import GapChange, verdict_on_change
from evenhand.comparing.limits import change_of_size
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats


@dataclass(frozen=True)
class _Matrix:
    """Every ordered pair of the groups that have the metric on both sides."""

    both: BothSides

    @cached_property
    def places(self) -> Floats:
        return self.both.defined

    def _square(self, values: Floats, limits: Pair, r: Floats | float | None) -> Pair:
        value, (lower, upper) = values[self.places], (limit[self.places] for limit in limits)
        together = r[np.ix_(self.places, self.places)] if isinstance(r, np.ndarray) else 0.0
        with np.errstate(invalid="ignore"):
            return intervals.difference(
                value[:, None], (lower[:, None], upper[:, None]), value[None], (lower[None], upper[None]), together
            )

    def sizes(self, c: float) -> Pair:
        """Limits of the change of each gap's size."""
        both = self.both
        grown = self._square(both.change, both.limits(c), both.between(-1))
        added = self._square(both.one.value + both.two.value, both.sum_limits(c), both.between(1))
        lower, upper = change_of_size(added, grown)
        end = 1.0 if both.metric.bounded else np.inf
        return np.maximum(lower, -end), np.minimum(upper, end)

    def gap(self, side: SideEstimates, c: float) -> Pair:
        """Limits of the size of each gap on one side."""
        lower, upper = self._square(side.value, side.limits(c), side.correlation)
        low = np.maximum(np.nan_to_num(np.maximum(lower, -upper), nan=0.0), 0)
        return low, np.nan_to_num(np.maximum(np.abs(lower), np.abs(upper)), nan=np.inf)

    def largest(self, c: float) -> tuple[float, float]:
        """Limits of the change of the largest gap."""
        lower, upper = self.sizes(c)
        off = ~np.eye(len(lower), dtype=bool)
        then, now = (_candidates(*self.gap(side, c)) & off for side in (self.both.one, self.both.two))
        return float(lower[then].min()), float(upper[now].max())  # NaN of an unknown limit stays NaN


def _candidates(lower: Floats, upper: Floats) -> Floats:
    """Pairs that no other pair is surely further apart than."""
    return np.asarray(upper >= lower.max())


def gap_changes(both: BothSides, pointwise: float, family: float, joint: float) -> Iterator[GapChange]:
    """The change of the gap of every group to the reference, then that of the largest."""
    matrix, names = _Matrix(both), both.names
    places = list(matrix.places)
    if both.attribute is None or len(places) < 2:
        return
    gaps = [side.value[places][:, None] - side.value[places][None] for side in (both.one, both.two)]
    if both.reference in names and names.index(both.reference) in places:
        column = places.index(names.index(both.reference))
        alone, together = matrix.sizes(pointwise), matrix.sizes(joint)
        for row, place in enumerate(places):
            if row != column:
                pair = names[place], names[places[column]]
                limits = [float(limit[row, column]) for limit in (*alone, *together)]
                before, after = (float(gap[row, column]) for gap in gaps)
                yield _gap(both, "difference", (pair, pair), (before, after), limits)
    pairs = [tuple(names[places[i]] for i in np.unravel_index(int(np.argmax(gap)), gap.shape)) for gap in gaps]
    limits = [*matrix.largest(family), *matrix.largest(joint)]
    yield _gap(both, "largest", (pairs[0], pairs[1]), (float(gaps[0].max()), float(gaps[1].max())), limits)


def _gap(
    both: BothSides,
    kind: str,
    pairs: tuple[tuple[str, ...], tuple[str, ...]],
    gaps: tuple[float, float],
    limits: list[float],
) -> GapChange:
    limits[2:] = np.minimum(limits[0], limits[2]), np.maximum(limits[1], limits[3])  # never narrower where MOVER bends
    lower, upper, least, most = (float(limit) if np.isfinite(limit) else None for limit in limits)
    return GapChange(
        str(both.attribute),
        both.metric.name,
        kind,
        pairs[0][0],
        pairs[0][1],
        pairs[1][0],
        pairs[1][1],
        gaps[0],
        gaps[1],
        abs(gaps[1]) - abs(gaps[0]),
        lower,
        upper,
        least,
        most,
        verdict_on_change("lower", limits[2], limits[3]),
    )
