"""Makes questions.py importable by the tests beside it, and rows to ask about."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    n = 900
    y = rng.integers(0, 2, n)
    return pl.DataFrame(
        {
            "y": y,
            "s": np.round(np.clip(0.4 * y + 0.6 * rng.random(n), 0, 1), 3),
            "sex": rng.choice(["f", "m"], n),
            "age": rng.integers(18, 80, n),
            "home": np.arange(n) // 3,
            "site": rng.choice(["north", "south"], n),
        }
    )
