"""People whom two models judge, and what a comparison says of them."""

import numpy as np
import polars as pl

ASKED = {"label": "y", "sensitive": ["sex"]}


def people(rows=300, seed=0, **columns):
    """Two models on the same people; the second is better, and for m more so."""
    rng = np.random.default_rng(seed)
    y = (rng.random(rows) < 0.45).astype(int)
    sex = np.where(rng.random(rows) < 0.6, "f", "m")
    first = np.clip(0.4 + 0.2 * y + 0.2 * rng.normal(size=rows), 0, 1)
    second = np.clip(first + 0.12 * (2 * y - 1) * (1 + (sex == "m")) + 0.08 * rng.normal(size=rows), 0, 1)
    return pl.DataFrame(
        {"id": [f"p{i}" for i in range(rows)], "y": y, "old": first, "new": second, "sex": sex, **columns}
    )


def change(found, metric, group="all rows", attribute=None):
    return next(c for c in found.changes if (c.attribute, c.group, c.metric) == (attribute, group, metric))


def gap(found, metric, kind="largest"):
    return next(g for g in found.gaps if (g.metric, g.kind) == (metric, kind))


def width(found):
    return found.upper - found.lower
