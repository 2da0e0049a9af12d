"""Twelve years of simulated daily bars of three instruments, so that the market recipes run offline without data.

Planted: directions are drawn by chance, so nobody has an edge and market-direction must say so. Variance follows its
own past and reacts to losses twice as much as to gains, and `vix` sees more of it than past returns do, so that a
forecast with both is better than plain HAR. "island" jumps without warning: every forecast is worse there, and the
audit by instrument should find it.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

INSTRUMENTS = ("harbour", "valley", "island")
DAYS = 3000
JUMPS = 0.04  # share of the island's days with a jump
SIZE = 4.0  # of a jump, in the day's standard deviations


def bars(seed: int = 0) -> pl.DataFrame:
    """date, instrument, open, high, low, close, volume, vix of each trading day."""
    import polars as pl

    rng = np.random.default_rng([seed, 12])
    days = pl.date_range(date(2012, 1, 2), date(2026, 1, 1), "1d", eager=True)
    days = days.filter(days.dt.weekday() <= 5)[:DAYS]
    return pl.concat(_instrument(rng, days, name) for name in INSTRUMENTS)


def _instrument(rng: np.random.Generator, days: pl.Series, name: str) -> pl.DataFrame:
    import polars as pl

    n = len(days)
    shock, level = rng.standard_normal(n), np.zeros(n)
    returns = np.zeros(n)
    for day in range(1, n):  # a recursion, a value a day
        level[day] = 0.96 * level[day - 1] + 0.06 * (abs(shock[day - 1]) - 0.8) - 0.09 * shock[day - 1]
        level[day] += 0.10 * rng.standard_normal()
        returns[day] = np.exp(level[day]) * shock[day]
    if name == "island":
        returns = returns + (rng.random(n) < JUMPS) * SIZE * np.exp(level) * rng.choice([-1.0, 1.0], n)
    close = 100 * np.exp(np.cumsum(returns) / 100)
    spread = np.exp(level) * np.abs(rng.standard_normal(n)) * 0.4
    frame = pl.DataFrame(
        {
            "date": days,
            "instrument": [name] * n,
            "open": np.append(100.0, close[:-1]),
            "close": close,
            "volume": rng.integers(10_000, 90_000, n),
            "vix": np.exp(level + 0.15 * rng.standard_normal(n)) * np.sqrt(252),
        }
    )
    top = pl.max_horizontal("open", "close") * (1 + pl.Series(spread) / 100)
    low = pl.min_horizontal("open", "close") * (1 - pl.Series(spread) / 100)
    return frame.with_columns(high=top, low=low).select(
        "date", "instrument", "open", "high", "low", "close", "volume", "vix"
    )
