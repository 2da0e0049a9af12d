"""What the tests of the market recipes share: recipes, a short history of bars, and one run of each on its sample."""

from datetime import date

import numpy as np
import polars as pl
import pytest

import evenhand
import evenhand_finance


@pytest.fixture(scope="session")
def recipe():
    """recipe("direction", "seed=1") -> market-direction with these settings."""
    known = {found.name: found for found in evenhand_finance.recipes()}
    return lambda name, *settings: known[f"market-{name}"].with_settings(settings)


@pytest.fixture(scope="session")
def bars():
    """Two instruments over 1,000 days, by chance."""
    days = pl.date_range(date(2020, 1, 1), date(2022, 9, 26), eager=True)[:1000]
    rng = np.random.default_rng(0)
    moves = rng.normal(0, 1, (2, 1000)) * np.exp(np.sin(np.arange(1000) / 60))
    closes = 100 * np.exp(np.cumsum(moves, axis=1) / 100)
    frames = [
        pl.DataFrame({"date": days, "instrument": name, "close": close})
        for name, close in zip(("a", "b"), closes, strict=True)
    ]
    return pl.concat(frames)


@pytest.fixture(scope="session")
def ran(tmp_path_factory):
    """ran(name) -> the run of a market recipe on its sample, made once."""
    made = {}

    def of(name):
        if name not in made:
            made[name] = evenhand.run(f"finance/market-{name}", out=tmp_path_factory.mktemp(name) / "run")
        return made[name]

    return of
