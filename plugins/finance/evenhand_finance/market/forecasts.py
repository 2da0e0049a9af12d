"""Whether one forecast of variance is better than another: QLIKE, and the Diebold-Mariano test with HAC errors.

Diebold & Mariano 1995, J. Business & Economic Statistics 13(3); Newey & West 1994, Review of Economic Studies 61(4);
Patton 2011, J. Econometrics 160(1), on losses that noise in the measured variance does not mislead.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Z = 1.959964  # 97.5 % quantile of the normal distribution
LEAST = 1e-8  # percent squared: a realised variance of none at all


class Difference(NamedTuple):
    """Mean loss of a rival minus that of ours with its limits; `t` of Diebold and Mariano, above 0 where ours wins."""

    value: float
    lower: float
    upper: float
    t: float
    days: int


def qlike(realised: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """realised/forecast - log(realised/forecast) - 1 of each row: 0 where the forecast is right."""
    ratio = np.maximum(realised, LEAST) / forecast
    return np.asarray(ratio - np.log(ratio) - 1)


def by_day(values: np.ndarray, day: np.ndarray) -> np.ndarray:
    """The mean over the rows of each day, in the order of days: instruments of one day are no independent evidence."""
    _, place = np.unique(day, return_inverse=True)
    return np.asarray(np.bincount(place, values) / np.bincount(place))


def diebold_mariano(rival: np.ndarray, ours: np.ndarray, horizon: int) -> Difference:
    """Losses of each day, in order. Forecasts `horizon` days ahead overlap: HAC errors have at least that lag."""
    d = rival - ours
    n = len(d)
    mean, error = float(d.mean()), float(np.sqrt(long_run_variance(d, horizon - 1) / n)) if n > 1 else float("nan")
    t = mean / error if error > 0 else 0.0
    return Difference(mean, mean - Z * error, mean + Z * error, t, n)


def long_run_variance(values: np.ndarray, least: int = 0) -> float:
    """Variance of √n times the mean of a series, with Bartlett weights up to 4 (n/100)^(2/9) lags, or `least`."""
    n = len(values)
    lags = min(max(least, int(4 * (n / 100) ** (2 / 9))), n - 1)
    centred = values - values.mean()
    total = float(centred @ centred) / n
    for lag in range(1, lags + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(centred[lag:] @ centred[:-lag]) / n
    return max(total, 0.0)
