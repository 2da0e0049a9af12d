"""Features of transactions: windows agree with counting by hand, and nothing of the future changes the past."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from evenhand_finance.fraud.features import COMPUTED, HANDBOOK, features
from evenhand_finance.fraud.windows import DAY, Past, latest

START = datetime(2026, 1, 1)
DELAY = 7


@st.composite
def streams(draw):
    """A stream of some dozens of transactions over two months, in time order."""
    n = draw(st.integers(5, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    seconds = np.sort(rng.integers(0, 60 * 24, n)) * 3600
    return pl.DataFrame(
        {
            "customer": rng.integers(0, 3, n),
            "terminal": rng.integers(0, 3, n),
            "time": [START + timedelta(seconds=int(s)) for s in seconds],
            "amount": rng.gamma(2.0, 20.0, n).round(2) + 0.5,
            "fraud": pl.Series(rng.choice([0, 1, None], n, p=[0.5, 0.4, 0.1]).tolist(), dtype=pl.Int8),
        }
    )


@given(streams(), st.floats(0.01, 80))
def test_a_window_ends_where_counting_by_hand_says(stream, days):
    seconds = stream["time"].dt.epoch("s").to_numpy().astype(float)
    entity = stream["customer"].to_numpy()
    past = Past(entity, seconds)
    found = past.back(past.rows_by(days) - past.first)
    by_hand = [((entity == e) & (seconds <= s - days * DAY)).sum() for e, s in zip(entity, seconds, strict=True)]
    assert found.tolist() == by_hand


def test_the_latest_flag_never_crosses_to_another_entity():
    past = Past(np.array([0, 0, 1, 1]), np.array([0.0, 1, 2, 3]))
    assert latest(np.array([True, False, False, True]), past).tolist() == [0, 0, -1, 3]


@given(streams(), st.integers(0, 59), st.randoms(use_true_random=False))
def test_the_future_does_not_change_the_past(stream, at, random):
    """Whatever comes after a moment may be shuffled, changed or gone: features up to it stay as they are."""
    at = min(at, stream.height - 1)
    moment = stream["time"][at]
    past, future = stream.filter(pl.col("time") <= moment), stream.filter(pl.col("time") > moment)
    order = list(range(future.height))
    random.shuffle(order)
    changed = future.with_columns(
        future.select("customer", "terminal", "amount", "fraud")[order].with_columns(pl.col("amount") * 9)
    )
    whole = features(stream, DELAY).head(past.height)
    assert_frame_equal(features(pl.concat([past, changed]), DELAY).head(past.height), whole)
    assert_frame_equal(features(past, DELAY), whole)


@given(streams(), st.integers(0, 59))
def test_a_label_is_used_only_after_the_delay(stream, at):
    at = min(at, stream.height - 1)
    young = pl.col("time") > stream["time"][at] - timedelta(days=DELAY)
    flipped = stream.with_columns(fraud=pl.when(young).then(1 - pl.col("fraud").fill_null(0)).otherwise("fraud"))
    until = pl.col("time") <= stream["time"][at]
    columns = list(COMPUTED)
    ours, theirs = (features(one, DELAY).filter(until).select(columns) for one in (stream, flipped))
    assert_frame_equal(ours, theirs)


def test_an_old_label_is_used_so_the_test_above_could_fail():
    rows = [(0, 0), (1, 0), (20, 0)]
    stream = pl.DataFrame(
        {
            "customer": [0, 1, 2],
            "terminal": [5, 5, 5],
            "time": [START + timedelta(days=day) for day, _ in rows],
            "amount": [10.0, 10.0, 10.0],
            "fraud": pl.Series([0, 0, 0], dtype=pl.Int8),
        }
    )
    flipped = stream.with_columns(fraud=pl.Series([0, 1, 0], dtype=pl.Int8))
    one, other = features(stream, DELAY), features(flipped, DELAY)
    changed = {name for name in COMPUTED if not one[name].equals(other[name], null_equal=True)}
    assert {"terminal_risk_15d", "streak_age", "streak_end", "terminal_odd_15d"} <= changed
    assert other["streak_age"][2] == pytest.approx(19)


@settings(max_examples=25)
@given(streams())
def test_the_handbooks_features_are_those_of_plain_rolling_windows(stream):
    made = features(stream, DELAY)
    rows = stream.with_columns(fraud=pl.col("fraud").fill_null(0)).to_dicts()
    for i, row in enumerate(rows):
        mine = [r for r in rows[: i + 1] if r["customer"] == row["customer"]]
        week = [r["amount"] for r in mine if r["time"] > row["time"] - timedelta(days=7)]
        assert made["customer_n_7d"][i] == len(week)
        assert made["customer_mean_7d"][i] == pytest.approx(sum(week) / len(week), rel=1e-5)
        end, begin = row["time"] - timedelta(days=7), row["time"] - timedelta(days=14)
        known = [r for r in stream.to_dicts() if r["terminal"] == row["terminal"] and begin < r["time"] <= end]
        said = [r["fraud"] for r in known if r["fraud"] is not None]
        assert made["terminal_n_7d"][i] == len(said)
        assert made["terminal_risk_7d"][i] == pytest.approx(sum(said) / len(said) if said else 0)


def test_every_input_of_the_recipe_is_computed():
    import evenhand_finance

    (recipe,) = [recipe for recipe in evenhand_finance.recipes() if recipe.name == "fraud"]
    assert set(recipe.schema.input) == set(COMPUTED)
    assert set(HANDBOOK) <= set(COMPUTED)


def test_rows_without_labels_have_features_too():
    """New transactions have no labels yet: shares of fraud are then those of no evidence."""
    stream = pl.DataFrame(
        {
            "customer": [1, 1],
            "terminal": [1, 1],
            "time": [START, START + timedelta(days=30)],
            "amount": [5.0, 50.0],
            "fraud": pl.Series([None, None], dtype=pl.Int8),
        }
    )
    made = features(stream, DELAY)
    assert made["amount_ratio"].to_list() == pytest.approx([float("nan"), 10.0], nan_ok=True)
    assert made["terminal_risk_30d"].to_list() == [0, 0]
