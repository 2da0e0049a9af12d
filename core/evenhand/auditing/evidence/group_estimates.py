"""One metric on some groups: values, variances, and limits at any critical value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats

Limits = Callable[[Any], tuple[Floats, Floats]]  # at a critical value, or at several [critical value, 1]
# critical values at which intervals are tried to find a p-value: p = 0.000 000 6 is reached in small steps
GRID = np.concatenate([np.linspace(0.0, 5.0, 51), np.linspace(5.5, 9.0, 8)])
FAR_GRID = tuple(c for c in GRID.tolist() if c >= intervals.FAR)
# places in the grid that are tried at once, all of them near or all of them far
GRID_PARTS = [
    places[first : first + 10]
    for places in np.split(np.arange(1, len(GRID)), [int(np.searchsorted(GRID, intervals.FAR)) - 1])
    for first in range(0, len(places), 10)
]


@dataclass(frozen=True)
class GroupEstimates:
    """One metric on some groups: arrays [group].

    size: the effective number of rows (shares). freedom: degrees of freedom of the variance (infinite where it
    needs none). rows: rows in the denominator. correlation: between groups, when clusters span them.
    """

    value: Floats
    variance: Floats
    size: Floats
    freedom: Floats
    rows: Floats
    bounded: bool
    correlation: Floats | None = None
    composed: Limits | None = None  # limits that come from those of its parts
    remembered: tuple[Remembered, slice] | None = field(default=None, repr=False, compare=False)  # and its part of them

    def limits(self, c: Floats | float) -> tuple[Floats, Floats]:
        """Lower and upper limit at the critical value c; a single row never narrows anything.

        c: a number, or several of them [critical value, 1], for limits [critical value, group].
        """
        if self.remembered is None:
            return self._limits(c)
        (every, mine) = self.remembered
        lower, upper = every.limits(c)
        return lower[..., mine], upper[..., mine]

    def deciding(self, c: Floats | float) -> tuple[Floats, Floats]:
        """Limits at c that hold on each side by itself: shares by exact tails however near c is.

        A score interval is right on the average of its two sides; a verdict looks at one of them.
        """
        return self._limits(c, one_sided=True)

    def _limits(self, c: Floats | float, one_sided: bool = False) -> tuple[Floats, Floats]:
        wide = intervals.student(c, self.freedom) if np.isfinite(self.freedom).any() else c + np.zeros_like(self.value)
        if self.composed is not None:
            (lower, upper), ends = self.composed(c), (0.0, 1.0) if self.bounded else (-np.inf, np.inf)
        elif self.bounded:
            lower, upper = self._each_side(wide) if one_sided else self._share(c, wide)
            ends = (0.0, 1.0)
        else:
            half = wide * np.sqrt(self.variance)
            lower, upper = self.value - half, self.value + half
            ends = (-np.inf, np.inf)
        undefined, alone = np.isnan(self.value), self.rows < 2
        lower, upper = np.where(alone, ends[0], lower), np.where(alone, ends[1], upper)
        return np.where(undefined, np.nan, lower), np.where(undefined, np.nan, upper)

    def _share(self, c: Floats | float, wide: Floats) -> tuple[Floats, Floats]:
        """Limits of a share: pointwise the score interval, far out exact tails; those of the grid are found
        together."""
        if np.all(np.asarray(c) < intervals.FAR):
            return intervals.share(self.value * self.size, self.size, wide)
        return self._on_grid[float(c)] if np.ndim(c) == 0 and c in FAR_GRID else self._far(wide)

    def _each_side(self, wide: Floats) -> tuple[Floats, Floats]:
        return intervals.each_side(self.value * self.size, self.size, wide, self.freedom)

    def _far(self, wide: Floats) -> tuple[Floats, Floats]:
        near = intervals.student(intervals.FAR, self.freedom)
        return intervals.far_share(self.value * self.size, self.size, wide, near)

    @cached_property
    def _on_grid(self) -> dict[float, tuple[Floats, Floats]]:
        lower, upper = self._far(intervals.student(np.array(FAR_GRID)[:, None], self.freedom))
        return {c: (lower[i], upper[i]) for i, c in enumerate(FAR_GRID)}

    def complement(self) -> GroupEstimates:
        """The share of everyone else: 1 - p, known exactly as well as p."""
        composed = self.composed

        def turned(c: float) -> tuple[Floats, Floats]:
            assert composed is not None
            lower, upper = composed(c)
            return 1 - upper, 1 - lower

        return replace(self, value=1 - self.value, composed=None if composed is None else turned, remembered=None)

    @cached_property
    def spread(self) -> Floats:
        """A standard error that is never 0: of the share pulled slightly to the middle, as Agresti & Coull do."""
        if not self.bounded:
            alone = np.nanmax(np.append(self.variance, 1e-12))
            return np.sqrt(np.where(self.rows < 2, alone, np.maximum(self.variance, 1e-300)))
        p = (self.value * self.size + 2) / (self.size + 4)
        return np.asarray(np.sqrt(p * (1 - p) / (self.size + 4)))


class Remembered:
    """The limits of estimates at each critical value that was asked for."""

    def __init__(self, estimates: GroupEstimates) -> None:
        self.estimates = estimates
        self.found: dict[Any, tuple[Floats, Floats]] = {}

    def limits(self, c: Floats | float) -> tuple[Floats, Floats]:
        """Those at c, found once."""
        several = tuple(np.ravel(c).tolist()) if np.ndim(c) else None
        asked = c if several is None else several
        if asked not in self.found:
            found = self.found[asked] = self.estimates.limits(c)
            self.found |= zip(several or (), zip(*found, strict=True), strict=False)
        return self.found[asked]
