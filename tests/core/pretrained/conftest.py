"""Rows of people for the tests of the tabular backbone."""

import datetime as dt

import numpy as np
import polars as pl
import pytest


@pytest.fixture(scope="session")
def people():
    """people(seed, rows) -> frame, label: rows of every kind of column, and labels that hang on three of them."""
    return draw


def draw(seed, rows, signal=2.0):
    """One table."""
    rng = np.random.default_rng(seed)
    income = rng.lognormal(10, 1, rows)
    town = rng.choice(["north", "south", "east", "far"], rows, p=[0.4, 0.3, 0.25, 0.05])
    member = rng.random(rows) < 0.5
    since = [dt.date(2015, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 3_000, rows)]
    score = signal * (np.log(income) - 10) + signal * (town == "north") - member
    label = (score + rng.logistic(0, 1, rows) > 0.3).astype(int)
    frame = pl.DataFrame({"income": income, "town": town, "member": member, "since": since, "noise": rng.random(rows)})
    lost = pl.Series(rng.random(rows) < 0.1)
    columns = [pl.when(lost).then(None).otherwise(pl.col(c)).alias(c) for c in ("income", "town")]
    return frame.with_columns(columns), label
