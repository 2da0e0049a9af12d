"""Laws that every comparison obeys, whatever the rows."""

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenhand import audit_into, compare
from evenhand.comparing.limits import change_of_size

METRICS = ["tpr", "ppv", "f1", "auc", "brier"]
FEW = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
LIMITS = ("lower", "upper", "lower_simultaneous", "upper_simultaneous")
OPPOSITE = {"better": "worse", "worse": "better"}


@st.composite
def tables(draw):
    rows = draw(st.integers(4, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    same = draw(st.sampled_from([0.0, 0.5, 1.0]))  # share of rows of which both models say the same
    old = rng.integers(0, 11, rows) / 10
    new = np.where(rng.random(rows) < same, old, rng.integers(0, 11, rows) / 10)
    y = rng.integers(0, 2, rows)
    y[:2] = 0, 1
    sex = np.array(["f", "m", "x"])[rng.integers(0, draw(st.integers(1, 3)), rows)]
    return pl.DataFrame({"id": np.arange(rows), "y": y, "old": old, "new": new, "sex": sex, "w": np.ones(rows)})


def compared(one, two, paired=None, first=None, second=None):
    """The comparison of column `old` of one table with column `new` of the other."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for name, frame, choices in (("a", one, first or {}), ("b", two, second or {})):
            frame.write_parquet(Path(folder, f"{name}.parquet"))
            asked = {"label": "y", "score": "old" if name == "a" else "new", "sensitive": ["sex"], "metrics": METRICS}
            audit_into(Path(folder, name), Path(folder, f"{name}.parquet"), **{**asked, "positive": "1", **choices})
            names.append(Path(folder, name))
        return compare(*names, paired=paired)


def by_key(found):
    return {(c.attribute, c.group, c.metric): c for c in found}


def close(one, other):
    return one is other is None or one == pytest.approx(other, abs=1e-6)


@FEW
@given(tables(), st.booleans())
def test_swapping_the_sides_turns_every_sign(table, independent):
    swapped = {"old": pl.col("new"), "new": pl.col("old")}
    there = compared(table, table, False if independent else None)
    back = compared(table.with_columns(**swapped), table.with_columns(**swapped), False if independent else None)
    others = by_key(back.changes)
    assert by_key(there.changes).keys() == others.keys()
    for key, change in by_key(there.changes).items():
        other = others[key]
        assert (change.first, change.second) == (other.second, other.first)
        for name in LIMITS:
            end = getattr(change, name.replace("lower", "UP").replace("upper", "lower").replace("UP", "upper"))
            assert close(getattr(other, name), None if end is None else -end), (key, name)
        assert other.verdict == OPPOSITE.get(change.verdict, change.verdict)


@FEW
@given(tables(), st.booleans())
def test_weights_of_one_are_no_weights(table, independent):
    asked = False if independent else None
    plain, weighted = (compared(table, table, asked, w, w) for w in ({}, {"weight": "w"}))
    for change, other in zip(plain.changes, weighted.changes, strict=True):
        assert close(change.change, other.change)
        assert all(close(getattr(change, name), getattr(other, name)) for name in LIMITS), change
        assert change.verdict == other.verdict


@FEW
@given(tables(), st.integers(0, 10**6))
def test_the_order_of_rows_with_ids_does_not_matter(table, seed):
    asked = {"id": "id"}
    plain = compared(table, table, None, asked, asked)
    mixed = compared(table, table.sample(fraction=1, shuffle=True, seed=seed), True, asked, asked)
    for change, other in zip(plain.changes, mixed.changes, strict=True):
        assert all(close(getattr(change, name), getattr(other, name)) for name in ("change", *LIMITS)), change


@FEW
@given(tables())
def test_every_estimate_lies_within_its_limits(table):
    found = compared(table, table)
    for one in (*found.changes, *found.gaps):
        if one.lower is not None and one.upper is not None:
            assert one.lower - 1e-9 <= one.change <= one.upper + 1e-9, one
        if None not in (one.lower, one.lower_simultaneous, one.upper, one.upper_simultaneous):
            assert one.lower_simultaneous - 1e-9 <= one.lower, one
            assert one.upper <= one.upper_simultaneous + 1e-9, one


INTERVAL = st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(sorted)


@given(INTERVAL, INTERVAL, st.floats(0, 1), st.floats(0, 1))
def test_the_limits_of_a_change_of_size_hold_everything_that_may_be(sums, changes, at, there):
    """For any sum and change inside their limits, |second| - |first| is inside its own."""
    total, change = (low + k * (high - low) for (low, high), k in ((sums, at), (changes, there)))
    first, second = (total - change) / 2, (total + change) / 2
    lower, upper = change_of_size(*((np.array(low), np.array(high)) for low, high in (sums, changes)))
    assert lower - 1e-12 <= abs(second) - abs(first) <= upper + 1e-12
