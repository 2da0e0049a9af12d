"""AUC and shares of rows in clusters: a value and each row's influence on it, whose sums by cluster give the variance.

Rows of one patient count as one observation (Obuchowski 1997, Biometrics 53). Without clusters the AUC's variance is
that of DeLong, DeLong & Clarke-Pearson (1988, Biometrics 44).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evenhand.statistics.arrays import Floats


@dataclass(frozen=True, slots=True)
class Influenced:
    """A value and how far each row moves it, [rows]; the influences sum to zero."""

    value: float
    influence: Floats

    def __sub__(self, other: Influenced) -> Influenced:
        """The difference of two values of the same rows, paired."""
        return Influenced(self.value - other.value, self.influence - other.influence)

    def error(self, cluster: np.ndarray | None = None) -> float:
        """The standard error: rows that share a value of `cluster` move together; nan where there is one only."""
        moved = self.influence
        if cluster is not None:
            _, place = np.unique(cluster, return_inverse=True)
            moved = np.bincount(place, weights=moved)
        many = len(moved)
        return math.sqrt(float((moved**2).sum()) * many / (many - 1)) if many > 1 else math.nan


def auc(positive: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> Influenced:
    """Chance that a positive row scores above a negative one, ties counting half; nan where one of the two is lacking.

    positive: bool [rows]; score: any numbers [rows]; weight: 0 or more [rows], None: 1 each.
    """
    positive = np.asarray(positive, dtype=bool)
    each = np.ones(len(positive)) if weight is None else np.asarray(weight, dtype=float)
    good, bad = each * positive, each * ~positive
    if good.sum() <= 0 or bad.sum() <= 0:
        return Influenced(math.nan, np.full(len(positive), math.nan))
    below_bad, below_good = _below(score, bad) / bad.sum(), _below(score, good) / good.sum()
    value = float((good * below_bad).sum() / good.sum())
    above = np.where(positive, below_bad - value, (1 - below_good) - value)
    return Influenced(value, above * np.where(positive, good / good.sum(), bad / bad.sum()))


def _below(score: np.ndarray, weight: Floats) -> Floats:
    """For each row, the weight of the rows that score less, and half of the weight of those that score the same."""
    _, place = np.unique(score, return_inverse=True)
    level = np.bincount(place, weights=weight)
    return np.asarray((np.cumsum(level) - level / 2)[place])


def share(hit: np.ndarray, among: np.ndarray, weight: np.ndarray | None = None) -> Influenced:
    """The share of the rows `among` that are `hit`; nan where there are none."""
    each = np.asarray(among, dtype=float) * (1.0 if weight is None else np.asarray(weight, dtype=float))
    total = float(each.sum())
    if total <= 0:
        return Influenced(math.nan, np.full(len(each), math.nan))
    value = float((each * hit).sum() / total)
    return Influenced(value, each * (np.asarray(hit, dtype=float) - value) / total)


def inside_unit(value: float, error: float, c: float) -> tuple[float, float]:
    """The interval of a number in (0, 1) on the logit scale, so that it stays inside; the value itself at 0 and 1."""
    if not (0 < value < 1 and math.isfinite(error)):
        return value, value
    logit, half = math.log(value / (1 - value)), c * error / (value * (1 - value))
    lower, upper = (1 / (1 + math.exp(-min(max(logit + side * half, -700), 700))) for side in (-1, 1))
    return lower, upper
