"""What the limits of a metric are made of: its own estimates, those of its parts, and how these move together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from evenhand.statistics.arrays import Floats, ratio

Pair = tuple[Floats, Floats]
Limits = Callable[[float], Pair]  # lower and upper limits [group] at a critical value of the normal distribution


class Estimates(Protocol):
    """One metric on some groups, [group]; size: effective rows. freedom: degrees of freedom of the variance."""

    @property
    def value(self) -> Floats: ...
    @property
    def variance(self) -> Floats: ...
    @property
    def size(self) -> Floats: ...
    @property
    def freedom(self) -> Floats: ...
    @property
    def rows(self) -> Floats: ...
    @property
    def bounded(self) -> bool: ...
    def limits(self, c: float) -> Pair: ...


@dataclass(frozen=True)
class Evidence:
    """The metric on some groups, and its parts on the same.

    own: the metric's estimates, with the variance of its influence. parts: those of `GroupMetric.parts`, in their
    order.
    influence: [group, sum] how far one more unit of weight in each sum of the group moves the metric;
    influences: the same of the parts. moment: [group, sum, sum] what the units (rows or clusters) add to the variance
    of the sums.
    units: rows, or clusters, of each group. clustered: whether they are clusters.
    """

    own: Estimates
    parts: tuple[Estimates, ...]
    influence: Floats
    influences: tuple[Floats, ...]
    moment: Floats
    units: Floats
    clustered: bool

    def covariance(self, one: Floats, other: Floats) -> Floats:
        """Of two numbers of the same group, from their influences."""
        return covariance(one, other, self.moment)

    def correlation(self, one: Floats, other: Floats) -> Floats:
        """Of two numbers of the same group, from their influences; 0 where one of them does not vary."""
        return correlation(one, other, self.moment)


def covariance(one: Floats, other: Floats, moment: Floats) -> Floats:
    """Of two numbers of each group with these influences [group, sum]: g'Mh."""
    return np.asarray(np.einsum("gi,gij,gj->g", one, moment, other))


def correlation(one: Floats, other: Floats, moment: Floats) -> Floats:
    """The same as a correlation, 0 where one of the two does not vary."""
    both, first, second = (covariance(a, b, moment) for a, b in ((one, other), (one, one), (other, other)))
    return np.asarray(np.clip(np.nan_to_num(ratio(both, np.sqrt(np.maximum(first * second, 0)))), -1, 1))
