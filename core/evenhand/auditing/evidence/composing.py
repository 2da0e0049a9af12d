"""Limits of numbers that are made of others: they come from the limits of the parts, which hold where rare events do.

A normal approximation to the whole does not: where nobody with a rare label was seen, the variance of the whole
knows nothing of them, but the interval of their share does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evenhand.auditing.evidence.group_estimates import GroupEstimates, Limits
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats, ratio

ODD_ONE_OUT: dict[str, Callable[[Floats], Floats]] = {  # the loss of a row of the other class, where all rows lose v
    "squared_miss": lambda v: (1 - np.sqrt(v)) ** 2,
    "surprise": lambda v: -np.log(np.maximum(-np.expm1(-v), 1e-16)),
}
HEAVY = {"abs_error": 1.0, "squared_error": 2.5}  # (sd / mean)² of |e| and √ of e² where tails are exponential
FEW = 10  # rows of a class, below which its mean loss is hardly known


def of_f1(jaccard: GroupEstimates) -> Limits:
    """F1 is 2J / (1 + J) with J = TP / (TP + FP + FN), so its limits are those of J, transformed."""

    def limits(c: Floats | float) -> tuple[Floats, Floats]:
        lower, upper = jaccard.limits(c)
        return 2 * lower / (1 + lower), 2 * upper / (1 + upper)

    return limits


def of_sum(a: float, one: GroupEstimates, b: float, other: GroupEstimates, r: Floats | float) -> Limits:
    """Limits of a·one + b·other by MOVER; `r` is the correlation of a·one and b·other."""

    def limits(c: Floats | float) -> tuple[Floats, Floats]:
        first, second = _scaled(a, one.limits(c)), _scaled(-b, other.limits(c))
        return intervals.difference(a * one.value, first, -b * other.value, second, -r)

    return limits


def _scaled(k: Floats | float, limits: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    one, other = (k * end for end in limits)
    return np.minimum(one, other), np.maximum(one, other)


def trusted(r: Floats, part: GroupEstimates) -> Floats:
    """A correlation that narrows a sum, as far as it is known: a few events of a share tell little about it."""
    events = part.size * np.minimum(part.value, 1 - part.value)
    return np.where(r < 0, r * events / (events + 4), r)


def cost_of_label(mean: Floats, share: GroupEstimates, seen: Floats, quantity: str) -> Floats:
    """How much more loss a positive row has than a negative one: as seen, or where one class has few rows at least
    what a score that was right about the others would have promised."""
    promised = ODD_ONE_OUT[quantity](mean) - mean
    side = np.where(share.value <= 0.5, 1.0, -1.0)
    few = share.rows * np.minimum(share.value, 1 - share.value) < FEW
    return np.where(few, side * np.fmax(side * seen, promised), seen)


def of_loss(loss: GroupEstimates, share: GroupEstimates, beta: Floats, sd: Floats, r: Floats) -> Limits:
    """Limits of a mean loss v whose rows cost `beta` more when their label is positive.

    It is the mean of v - beta·label, with the standard error `sd`, plus beta times the base rate `share`; `r` is the
    correlation of these two.
    """

    def limits(c: Floats | float) -> tuple[Floats, Floats]:
        with np.errstate(invalid="ignore"):  # of a single row nothing is known
            half, labelled = intervals.student(c, loss.freedom) * sd, beta * share.value
        low, high = _scaled(beta, share.limits(c))
        middle = loss.value - labelled
        lower, upper = intervals.difference(middle, (middle - half, middle + half), -labelled, (-high, -low), -r)
        above = upper - loss.value  # losses are skewed: the upper limit is as on the scale of their logarithm
        upper = upper + above * np.minimum(np.nan_to_num(ratio(above, loss.value)), 1) / 2
        return np.maximum(lower, 0), np.minimum(upper, 1) if loss.bounded else upper

    return limits


def of_size(error: GroupEstimates, quantity: str) -> Limits:
    """Limits of the mean size of an error, on the scale of its logarithm: a few large errors make it skewed.

    Few rows do not show how large errors get, so ten imagined ones with heavy tails join the squared coefficient of
    variation.
    """
    rows = np.maximum(np.minimum(error.rows, error.freedom + 1), 1)
    relative = np.nan_to_num(ratio(error.variance, error.value**2)) * rows
    sd = np.sqrt((relative * rows + HEAVY[quantity] * 10) / (rows + 10) / rows)

    def limits(c: Floats | float) -> tuple[Floats, Floats]:
        factor = np.exp(np.minimum(intervals.student(c, error.freedom) * sd, 50))
        return error.value / factor, error.value * factor

    return limits
