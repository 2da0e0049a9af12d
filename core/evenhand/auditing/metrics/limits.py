"""Limits of numbers that are made of others: they come from the limits of the parts, which hold where rare events do.

A normal approximation to the whole does not: where nobody with a rare label was seen, the variance of the whole
knows nothing of them, but the interval of their share does. Each function here answers `GroupMetric.limits`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evenhand.auditing.metrics.parts import Estimates, Evidence, Limits, Pair
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats, ratio

IMAGINED = 30  # errors that join those of a group
FEW = 10  # rows of a class, below which its mean loss is hardly known


def of_part(rising: Callable[[Floats], Floats]) -> Callable[[Evidence], Limits]:
    """Of a rising function of the one part: that part's limits, transformed."""

    def limits(evidence: Evidence) -> Limits:
        def at(c: float) -> Pair:
            lower, upper = evidence.parts[0].limits(c)
            return rising(lower), rising(upper)

        return at

    return limits


def of_middle(evidence: Evidence) -> Limits:
    """Of the mean of two parts that have no row in common, which only clusters can correlate."""
    a, b = evidence.parts
    r: Floats | float = 0.0
    if evidence.clustered:
        both = 2 * np.sqrt(a.variance * b.variance)
        r = np.clip(np.nan_to_num(ratio(4 * evidence.own.variance - a.variance - b.variance, both)), -1, 1)
    return of_sum(0.5, a, 0.5, b, r)


def of_sum(a: float, one: Estimates, b: float, other: Estimates, r: Floats | float) -> Limits:
    """Limits of a·one + b·other by MOVER; `r` is the correlation of a·one and b·other."""

    def limits(c: float) -> Pair:
        first, second = _scaled(a, one.limits(c)), _scaled(-b, other.limits(c))
        return intervals.difference(a * one.value, first, -b * other.value, second, -r)

    return limits


def _scaled(k: Floats | float, limits: Pair) -> Pair:
    one, other = (k * end for end in limits)
    return np.minimum(one, other), np.maximum(one, other)


def trusted(r: Floats, part: Estimates) -> Floats:
    """A correlation that narrows a sum, as far as it is known: a few events of a share tell little about it."""
    events = part.size * np.minimum(part.value, 1 - part.value)
    return np.where(r < 0, r * events / (events + 4), r)


def of_mean(evidence: Evidence) -> Limits:
    """Of a mean between 0 and 1: as wide as the most skewed shape with this mean and spread asks for.

    That shape has two values, one of them an end of the scale, so each limit is that of the share of rows which lie
    there. Rows that lie elsewhere than at the ends only make it safer; a group that has seen no row far off is told
    what it may have missed.
    """
    mean = evidence.own
    rows = np.maximum(np.minimum(mean.rows, mean.freedom + 1), 1)

    def limits(c: float) -> Pair:
        below, above = (_above(value, mean.variance * rows, rows, c, mean.freedom) for value in _ends(mean.value))
        return 1 - below, above

    return limits


def _ends(value: Floats) -> Pair:
    """The mean of what is missing to the lower end, and that of what there is: each limit is an upper one of these."""
    return 1 - value, value


def _above(mean: Floats, variance: Floats, rows: Floats, c: float, freedom: Floats) -> Floats:
    """The upper limit of a mean whose rows lie at 1 or at one value below it. variance: of one row."""
    missing = 1 - mean
    at_end = ratio(variance, variance + missing**2)
    most = intervals.each_side(at_end * rows, rows, intervals.student(c, freedom), freedom)[1]
    step = missing + ratio(variance, missing)  # from the lower value to 1
    return np.where(missing > 0, 1 - step * (1 - most), 1.0)


def of_loss(odd_one_out: Callable[[Floats], Floats]) -> Callable[[Evidence], Limits]:
    """Of a mean loss whose one part is the base rate: rows of a rare class that was not seen lose much.

    odd_one_out: the loss of a row of the other class, where all rows lose v.
    It is the mean of v - beta·label plus beta times the base rate, beta being what a positive label costs.
    """

    def limits(evidence: Evidence) -> Limits:
        loss, share, of_label = evidence.own, evidence.parts[0], evidence.influences[0]
        among = evidence.covariance(of_label, of_label)
        seen = np.nan_to_num(ratio(evidence.covariance(evidence.influence, of_label), among))
        beta = _cost_of_label(loss.value, share, seen, odd_one_out)
        rest = evidence.influence - beta[:, None] * of_label
        units = evidence.units
        variance = np.maximum(evidence.covariance(rest, rest), 0) * ratio(units, units - 1)
        r = evidence.correlation(rest, of_label) * np.sign(beta)
        return _of_loss(loss, share, beta, np.sqrt(variance), r)

    return limits


def _cost_of_label(mean: Floats, share: Estimates, seen: Floats, odd_one_out: Callable[[Floats], Floats]) -> Floats:
    """How much more loss a positive row has than a negative one: as seen, or where one class has few rows at least
    what a score that was right about the others would have promised."""
    promised = odd_one_out(mean) - mean
    side = np.where(share.value <= 0.5, 1.0, -1.0)
    few = share.rows * np.minimum(share.value, 1 - share.value) < FEW
    return np.where(few, side * np.fmax(side * seen, promised), seen)


def _of_loss(loss: Estimates, share: Estimates, beta: Floats, sd: Floats, r: Floats) -> Limits:
    """sd: the standard error of the mean of v - beta·label; r: its correlation with beta times the base rate."""

    def limits(c: float) -> Pair:
        with np.errstate(invalid="ignore"):  # of a single row nothing is known
            half, labelled = intervals.student(c, loss.freedom) * sd, beta * share.value
        low, high = _scaled(beta, share.limits(c))
        middle = loss.value - labelled
        lower, upper = intervals.difference(middle, (middle - half, middle + half), -labelled, (-high, -low), -r)
        above = upper - loss.value  # losses are skewed: the upper limit is as on the scale of their logarithm
        upper = upper + above * np.minimum(np.nan_to_num(ratio(above, loss.value)), 1) / 2
        return np.maximum(lower, 0), np.minimum(upper, 1) if loss.bounded else upper

    return limits


def of_size(heavy: float) -> Callable[[Evidence], Limits]:
    """Of the mean size of an error, on the scale of its logarithm: a few large errors make it skewed.

    Few rows do not show how large errors get, so thirty imagined ones with heavy tails join the squared coefficient of
    variation. heavy: that of one error where tails are exponential.
    """

    def limits(evidence: Evidence) -> Limits:
        error = evidence.own
        rows = np.maximum(np.minimum(error.rows, error.freedom + 1), 1)
        relative = np.nan_to_num(ratio(error.variance, error.value**2)) * rows
        sd = np.sqrt((relative * rows + heavy * IMAGINED) / (rows + IMAGINED) / rows)

        def at(c: float) -> Pair:
            factor = np.exp(np.minimum(intervals.student(c, error.freedom) * sd, 50))
            return error.value / factor, error.value * factor

        return at

    return limits
