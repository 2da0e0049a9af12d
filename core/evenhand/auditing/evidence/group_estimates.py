"""One metric on some groups: values, variances, and limits at any critical value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats

Limits = Callable[[Any], tuple[Floats, Floats]]  # at a critical value, or at several [critical value, 1]


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

    def _limits(self, c: Floats | float) -> tuple[Floats, Floats]:
        wide = intervals.student(c, self.freedom) if np.isfinite(self.freedom).any() else c + np.zeros_like(self.value)
        if self.composed is not None:
            (lower, upper), ends = self.composed(c), (0.0, 1.0) if self.bounded else (-np.inf, np.inf)
        elif self.bounded:
            lower, upper = intervals.share(self.value * self.size, self.size, np.minimum(wide, 1e6))
            ends = (0.0, 1.0)
        else:
            half = wide * np.sqrt(self.variance)
            lower, upper = self.value - half, self.value + half
            ends = (-np.inf, np.inf)
        undefined, alone = np.isnan(self.value), self.rows < 2
        lower, upper = np.where(alone, ends[0], lower), np.where(alone, ends[1], upper)
        return np.where(undefined, np.nan, lower), np.where(undefined, np.nan, upper)

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
