"""A small table with a planted gap, as every library has it, and names that attack a page."""

import numpy as np
import polars as pl
import pytest

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "&" * 4_000,
    "a\x1b[31mb\u202ec",
    "🙂" * 500,
]


@pytest.fixture(scope="session")
def loans():
    rng = np.random.default_rng(3)
    n = 600
    sex = rng.choice(["f", "m"], n)
    y = rng.integers(0, 2, n)
    score = np.clip(0.3 * y + 0.25 * (sex == "m") + 0.4 * rng.random(n), 0, 1).round(3)
    return pl.DataFrame({"y": y, "s": score, "sex": sex, "site": rng.choice(["a", "b", "c"], n)})


@pytest.fixture(scope="session")
def asked():
    return {"label": "y", "score": "s", "sensitive": ["sex", "site"], "metrics": ["tpr", "auc"], "replicates": 200}


@pytest.fixture(scope="session")
def hostile():
    """Rows whose every name attacks: columns, groups."""
    n = 30 * len(HOSTILE)
    columns = {
        HOSTILE[0]: [i % 2 for i in range(n)],
        HOSTILE[1]: [((i * 37) % 100) / 100 for i in range(n)],
        **{f"{name}!": [HOSTILE[(i + k) % len(HOSTILE)] for i in range(n)] for k, name in enumerate(HOSTILE)},
    }
    return pl.DataFrame(columns), {
        "label": HOSTILE[0],
        "score": HOSTILE[1],
        "sensitive": [f"{name}!" for name in HOSTILE],
        "replicates": 200,
    }
