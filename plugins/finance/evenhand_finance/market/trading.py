"""What a forecast of direction would have earned: positions by its sign, costs of turning over, and luck taken off.

The deflated Sharpe ratio is that of Bailey & López de Prado 2014, Journal of Portfolio Management 40(5): the chance
that the true ratio is above what the best of so many worthless trials would have shown.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

YEAR = 252
REPLICATES, BLOCK = 500, 22  # draws of months of days, since days in a row are alike
EULER = 0.5772156649
ENOUGH = 0.95  # of the deflated ratio


class Traded(NamedTuple):
    """Of each day, mean over instruments: net and gross return in percent, and turnover (2 is from long to short)."""

    days: np.ndarray
    net: np.ndarray
    gross: np.ndarray
    turnover: np.ndarray


class Sharpe(NamedTuple):
    """Net Sharpe ratio of a year with its limits, and the probability that luck over `trials` does not explain it."""

    value: float
    lower: float
    upper: float
    deflated: float
    trials: int

    @property
    def edge(self) -> bool:
        """Whether there is one: the interval lies above 0 and the deflated probability is high enough."""
        return self.lower > 0 and self.deflated >= ENOUGH


def traded(day: np.ndarray, instrument: np.ndarray, forecast: np.ndarray, came: np.ndarray, cost_bp: float) -> Traded:
    """Long where the forecast is above 0, short below, flat at 0; `cost_bp` hundredths of a percent of each unit."""
    order = np.lexsort((day, instrument))
    position, what = np.sign(forecast[order]), instrument[order]
    first = np.append(True, what[1:] != what[:-1])[: len(what)]
    before = np.where(first, 0.0, np.append(0.0, position[:-1])[: len(what)])
    turned = np.abs(position - before)
    gross = position * came[order]
    net = gross - cost_bp / 100 * turned
    days, place = np.unique(day[order], return_inverse=True)
    count = np.bincount(place)
    net, gross, turned = (np.bincount(place, part) / count for part in (net, gross, turned))
    return Traded(days, net, gross, turned)


def sharpe(returns: np.ndarray, trials: int, seed: int = 0) -> Sharpe:
    """The ratio of a year, its limits by blocks of days drawn again, and its deflation by the number of trials."""
    ratios = np.array([ratio(returns[draw]) for draw in blocks(len(returns), seed)])
    low, high = np.quantile(ratios, [0.025, 0.975])
    return Sharpe(ratio(returns), float(low), float(high), deflated(returns, trials), trials)


def ratio(returns: np.ndarray) -> float:
    """Mean over standard deviation, of a year; 0 where nothing moves."""
    spread = float(returns.std())
    return float(returns.mean()) / spread * YEAR**0.5 if spread > 1e-12 else 0.0


def blocks(n: int, seed: int, replicates: int = REPLICATES) -> np.ndarray:
    """Rows drawn again in runs of BLOCK days that go round the end, [replicates, n]."""
    rng = np.random.default_rng([seed, 22])
    start = rng.integers(0, n, (replicates, -(-n // BLOCK)))
    return (start[:, :, None] + np.arange(BLOCK)).reshape(replicates, -1)[:, :n] % n


def deflated(returns: np.ndarray, trials: int) -> float:
    """Probability that the true Sharpe ratio is above the best that `trials` worthless ones are expected to show."""
    n, spread = len(returns), float(returns.std())
    if n < 3 or spread <= 1e-12:
        return 0.0
    z = (returns - returns.mean()) / spread
    daily = float(returns.mean()) / spread
    skewness, kurtosis = float((z**3).mean()), float((z**4).mean())
    variance = 1 - skewness * daily + (kurtosis - 1) / 4 * daily**2
    luck = expected_best(trials) / (n - 1) ** 0.5  # ratios of worthless trials spread by 1/√(n - 1)
    return NormalDist().cdf((daily - luck) * (n - 1) ** 0.5 / max(variance, 1e-12) ** 0.5)


def expected_best(trials: int) -> float:
    """The highest of so many standard normal values, as expected; 0 of one."""
    if trials < 2:
        return 0.0
    quantile = NormalDist().inv_cdf
    return (1 - EULER) * quantile(1 - 1 / trials) + EULER * quantile(1 - 1 / (trials * np.e))
