"""The walk forward learns what it may know, forgets as it is told, and cannot see ahead."""

import json

import numpy as np
import polars as pl
import pytest

from evenhand.testing import past_ignores_the_future
from evenhand_finance.market.bars import bars_of
from evenhand_finance.market.data import load, prepare
from evenhand_finance.market.features import FEATURES, with_features
from evenhand_finance.market.memory import Memory, rows_of
from evenhand_finance.market.models import HAR, about_of, fit, settings
from evenhand_finance.market.walk import Setting, Walk, weights_of


@pytest.fixture(scope="module")
def made(recipe, bars):
    """The bars with features and the label of the next five days."""
    found, _ = bars_of(recipe("volatility"), bars, "bars")
    return with_features(found, 5).drop_nulls([*FEATURES, "regime", "next_variance"]).sort("date", "instrument")


@pytest.fixture(scope="module")
def about(recipe):
    return about_of(recipe("volatility"))


@pytest.mark.parametrize("name", ["direction", "volatility"])
def test_features_of_the_past_ignore_the_future(recipe, bars, name):
    past_ignores_the_future(
        lambda rows: prepare(recipe(name), rows.lazy()).collect().select(FEATURES),
        bars.sort("date"),
        "date",
        keep=("instrument",),
        what="the feature table",
    )


@pytest.mark.parametrize("name", ["direction", "volatility"])
def test_forecasts_from_bars_ignore_the_future(recipe, bars, tmp_path, name):
    """From raw bars to forecasts by one fitted model: what comes later reaches neither features nor refits."""
    asked = recipe(name, "options.refit=66")  # fewer refits, so that it is quick
    bars.write_parquet(tmp_path / "bars.parquet")
    model = fit(asked, load(asked, tmp_path / "bars.parquet")).model
    past_ignores_the_future(
        lambda rows: model.walked(prepare(asked, rows.lazy()).collect())[0], bars, "date", keep=("instrument",)
    )


def test_a_walk_that_knew_tomorrow_would_be_caught(made, about):
    walk = Walk.new([Setting(HAR, 1.0, 0.0, 0.0)], about | {"embargo": -40}, ("a", "b"))
    with pytest.raises(AssertionError, match="looks ahead"):
        past_ignores_the_future(lambda rows: walk.walked(rows)[0], made, "date", keep=("instrument",))


def test_labels_are_those_that_later_rows_tell(made, about):
    rows = rows_of(made, HAR, about)
    assert np.isfinite(rows.y).sum() == made.height - 10  # the last five days of each have none yet
    some = np.isfinite(rows.y)
    assert np.allclose(rows.y[some], made["next_variance"].to_numpy()[some])
    days = made["last"].cast(pl.Date).cast(pl.Int64).to_numpy()
    assert (rows.known[some] == days[some]).all()


def test_unweighted_and_without_a_pull_coefficients_are_those_of_least_squares(made, about):
    rows = rows_of(made, HAR, about)
    some = np.flatnonzero(np.isfinite(rows.y))
    memory = Memory.empty(0.0, 0.0, ("a", "b"), 4).learn(rows, some, 22)
    found = memory.coefficients([0, 1, 2, 3], 0.0, 0.0)
    for place, key in enumerate(("a", "b")):
        mine = some[rows.key[some] == key]
        expected = np.linalg.lstsq(rows.x[mine], rows.y[mine], rcond=None)[0]
        assert np.allclose(found[place], expected, atol=1e-5)
    assert np.allclose(found[2], np.linalg.lstsq(rows.x[some], rows.y[some], rcond=None)[0], atol=1e-5)
    held = memory.coefficients([0, 1, 2, 3], 1e12, 0.0)
    assert np.allclose(held[0], held[2], atol=1e-6)


def test_a_memory_forgets_half_in_its_half_life(made, about):
    rows = rows_of(made, HAR, about)
    some = np.flatnonzero(np.isfinite(rows.y))
    once = Memory.empty(0.0, 100.0, ("a", "b"), 4).learn(rows, some, 0)
    later = once.learn(rows, np.array([], int), 100)
    assert later.n == pytest.approx(once.n / 2)
    assert later.mean == pytest.approx(once.mean)


def test_a_setting_that_loses_counts_less():
    assert weights_of(np.array([0.0, 0.0])).tolist() == [0.5, 0.5]
    assert weights_of(np.array([3.0, 0.0]))[1] > 0.9


def test_rows_without_history_and_instruments_never_seen_get_a_forecast(made, about):
    walk = Walk.new([Setting(HAR, 1.0, 0.0, 200.0)], about, ("a", "b")).walked(made)[1]
    strange = made.tail(20).with_columns(
        instrument=pl.lit("never seen"),
        rv_22=pl.when(pl.int_range(pl.len()) < 5).then(None).otherwise("rv_22"),
    )
    found = walk.walked(strange)[0]
    assert np.isfinite(found).all()
    assert (found > 0).all()


def test_a_stored_walk_forecasts_the_same_to_the_last_bit(recipe, made, about, tmp_path):
    walk = Walk.new(settings(recipe("volatility")), about, ("a", "b")).walked(made.head(600), 100)[1]
    walk.save(tmp_path)
    read = Walk.load(tmp_path)
    assert (read.walked(made.tail(300))[0] == walk.walked(made.tail(300))[0]).all()
    assert json.loads((tmp_path / "walk.json").read_text())["about"]["horizon"] == 5
