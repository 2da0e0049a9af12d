"""One metric of every group of one attribute on both sides, and the limits of its change at any critical value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats, Ints

Pair = tuple[Floats, Floats]


class SideEstimates(Protocol):
    """What a side says of the metric, [group]: an GroupEstimates of the engine, or what audit.json recorded."""

    @property
    def value(self) -> Floats: ...
    @property
    def rows(self) -> Floats: ...
    @property
    def correlation(self) -> Floats | None: ...
    def limits(self, c: float) -> Pair: ...


@dataclass(frozen=True)
class BothSides:
    """The metric on both sides. error: the standard error of the change that its limits amount to.

    sums: influences of both sides summed over buckets of units [bucket, group]; None where they are not known.
    shared: whether a bucket is the same units on both sides. clustered: whether groups may share units.
    """

    attribute: str | None
    names: list[str]
    reference: str | None
    metric: GroupMetric
    one: SideEstimates
    two: SideEstimates
    at: Callable[[float], Pair]
    r: Floats  # correlation of the two sides
    sums: Pair | None
    shared: bool
    clustered: bool

    @property
    def change(self) -> Floats:
        return np.asarray(self.two.value - self.one.value)

    @property
    def defined(self) -> Ints:
        """Groups that have the metric on both sides."""
        return np.flatnonzero(~np.isnan(self.change))

    def limits(self, c: float) -> Pair:
        """Limits of the change, never beyond what two shares can differ by; [-1, 1] or none where a single row
        speaks."""
        lower, upper = self.at(c)
        alone = np.minimum(self.one.rows, self.two.rows) < 2
        end = 1.0 if self.metric.bounded else np.inf
        lower, upper = np.where(alone, -end, np.maximum(lower, -end)), np.where(alone, end, np.minimum(upper, end))
        gone = np.isnan(self.change)
        return np.where(gone, np.nan, np.fmin(lower, self.change)), np.where(gone, np.nan, np.fmax(upper, self.change))

    def sum_limits(self, c: float) -> Pair:
        """Limits of first plus second."""
        (low_1, high_1), (low_2, high_2) = self.one.limits(c), self.two.limits(c)
        return intervals.difference(self.two.value, (low_2, high_2), -self.one.value, (-high_1, -low_1), -self.r)

    def error(self, c: float) -> Floats:
        """The standard error that the width of the limits at c stands for; endless limits have none."""
        lower, upper = self.limits(c)
        with np.errstate(invalid="ignore"):
            half = (upper - lower) / (2 * c)
        return np.where(np.isfinite(half), half, np.nan)

    def moved(self) -> Pair | None:
        """The columns [bucket, group] whose products are covariances of changes, one array per independent set of
        buckets."""
        if self.sums is None:
            return None
        one, two = self.sums
        return (two - one, np.zeros_like(one)) if self.shared else (one, two)

    def between(self, sign: float) -> Floats | float:
        """Correlation [group, group] of second - first (sign -1) or second + first (sign 1); 0 where groups share no
        unit."""
        if self.sums is None or not self.clustered:
            return 0.0
        one, two = self.sums
        if self.shared:
            both = two + sign * one
            covariance = both.T @ both
        else:
            covariance = one.T @ one + two.T @ two
        scale = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
        return np.asarray(np.clip(covariance / np.outer(scale, scale), -1, 1))
