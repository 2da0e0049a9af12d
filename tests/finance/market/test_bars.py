"""Bars as people have them: out of order, written as text, twice, or of something that nobody can buy."""

import re
import shlex

import numpy as np
import polars as pl
import pytest

from evenhand import BadInput
from evenhand_finance.market.bars import bars_of, tradable, untradable, variance_ratio
from evenhand_finance.market.data import divide, load, prepare
from evenhand_finance.market.features import FEATURES, with_features


def test_time_that_goes_backwards_is_sorted_and_said(recipe, bars):
    found, notes = bars_of(recipe("direction"), bars.reverse(), "bars.csv")
    plain, silent = bars_of(recipe("direction"), bars, "bars.csv")
    assert found.drop("row").equals(plain.drop("row"))
    assert any("went backwards" in note for note in notes)
    assert not any("went backwards" in note for note in silent)


def test_prices_as_text_with_separators_are_read(recipe, bars):
    priced = bars.with_columns(pl.col("close") * 100)
    text = priced.with_columns(pl.col("close").map_elements(lambda price: f"${price:,.2f}", pl.String))
    found, _ = bars_of(recipe("direction"), text, "bars.csv")
    plain, _ = bars_of(recipe("direction"), priced, "bars.csv")
    assert np.allclose(found["close"], plain["close"], atol=0.005)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda b: pl.concat([b, b.tail(1)]), r"more than one bar of b on .*options.instrument"),
        (lambda b: b.with_columns(close=pl.col("close") - 200), "is not above 0"),
        (lambda b: b.rename({"close": "price"}), "'close' is not in .*options.close"),
        (lambda b: b.with_columns(close=pl.when(pl.col("close") < 99).then("close")), "have no 'close'"),
        (lambda b: b.with_columns(open="close", low="close", high=pl.col("close") - 1), "outside its own low"),
    ],
)
def test_bars_that_cannot_be_are_refused_in_a_sentence(recipe, bars, change, says):
    with pytest.raises(BadInput, match=says):
        bars_of(recipe("direction"), change(bars), "bars.csv")


def test_an_index_of_volatility_is_refused_and_can_be_allowed_with_a_mark(recipe, bars):
    vix = bars.with_columns(instrument=pl.lit("VIX") + pl.col("instrument").replace({"a": "", "b": " (close)"}))
    found, _ = bars_of(recipe("direction"), vix, "bars")
    with pytest.raises(BadInput, match=r"VIX cannot be traded.*index of volatility.*options.allow"):
        tradable(recipe("direction"), found)
    notes = tradable(recipe("direction", 'options.allow=["VIX", "VIX (close)"]'), found)
    assert "no profit" in notes[0]


@pytest.mark.parametrize("name", ["VIX", "VIX d'Euro", 'VIX "x"; rm -rf ~', "VIX $(ls)\\"])
def test_what_the_refusal_says_to_type_allows_it(recipe, bars, name):
    vix, _ = bars_of(recipe("direction"), bars.filter(instrument="a").with_columns(instrument=pl.lit(name)), "bars")
    with pytest.raises(BadInput) as refused:
        tradable(recipe("direction"), vix)
    typed = shlex.split(str(refused.value).split("allow it with --set ")[1].removesuffix(", and trust no profit on it"))
    assert tradable(recipe("direction", *typed), vix)


def test_a_number_whose_moves_take_themselves_back_is_no_price():
    """A spot index that returns to its mean shows a Sharpe ratio that nobody can have."""
    rng = np.random.default_rng(0)
    level, walk = np.zeros(2000), np.cumsum(rng.normal(0, 0.02, 2000))
    for day in range(1, 2000):
        level[day] = 0.8 * level[day - 1] + rng.normal(0, 0.07)
    assert "take themselves back" in untradable("fear", pl.Series(np.exp(level)))
    assert untradable("harbour", pl.Series(np.exp(walk))) == ""
    assert variance_ratio(pl.Series(np.exp(walk))) == pytest.approx(1, abs=0.3)


def test_borders_are_purged_and_under_embargo(recipe, bars):
    asked = recipe("volatility", "options.horizon=5", "options.embargo=7")
    found, _ = bars_of(asked, bars, "bars")
    made = with_features(found, 5).drop_nulls([*FEATURES, "regime", "next_variance"])
    parts, _ = divide(asked, made, "bars")
    days = made["date"].unique().sort().to_list()
    for before, after in (("train", "validation"), ("validation", "test")):
        border = days.index(parts[after]["date"].min()) - 7  # the first day after the border
        assert parts[before]["last"].max() < days[border]
        assert days[days.index(parts[before]["date"].max()) + 5] == parts[before]["last"].max()


def test_the_label_is_what_the_next_days_bring(bars, recipe):
    found, _ = bars_of(recipe("direction"), bars.filter(pl.col("instrument") == "a"), "bars")
    made = with_features(found, 3)
    moves = 100 * np.diff(np.log(found["close"].to_numpy()))
    assert made["next_return"][10] == pytest.approx(moves[10:13].sum())
    assert made["next_variance"][10] == pytest.approx((moves[10:13] ** 2).mean())
    assert made["last"][10] == made["date"][13]
    assert made["rv_5"][10] == pytest.approx((moves[5:10] ** 2).mean())


def test_new_bars_come_back_in_their_order(recipe, bars):
    mixed = bars.sample(fraction=1.0, shuffle=True, seed=1)
    made = prepare(recipe("direction"), mixed.lazy()).collect()
    assert made["date"].to_list() == mixed["date"].to_list()
    assert made["close"].to_list() == mixed["close"].to_list()
    one = made.filter(pl.col("instrument") == "b").sort("date")
    assert one["r_1"][1] == pytest.approx(100 * np.log(one["close"][1] / one["close"][0]))


@pytest.mark.parametrize(
    ("name", "setting", "says"),
    [
        ("direction", "schema.label=close", "forecasts next_return or next_variance"),
        ("direction", 'schema.input=["date","instrument","regime","r_1","rv_22","next_return"]', "may know what came"),
        ("direction", 'schema.input=["r_1","rv_22"]', "lacks 'date'"),
        ("direction", "options.horizon=5", "set it to 1"),
        ("volatility", "options.horizon=0", "options.horizon is 0"),
        ("volatility", "options.test=1.5", "share between 0 and 1"),
        ("volatility", "options.test=0.95", "days to learn from"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(recipe, bars, tmp_path, name, setting, says):
    bars.write_parquet(tmp_path / "bars.parquet")
    with pytest.raises(BadInput, match=re.escape(says)):
        load(recipe(name, setting), tmp_path / "bars.parquet")


def test_a_file_of_one_instrument_is_named_after_it(recipe, bars, tmp_path):
    bars.filter(pl.col("instrument") == "a").drop("instrument").write_csv(tmp_path / "harbour.csv")
    splits = load(recipe("volatility"), tmp_path / "harbour.csv")
    assert set(splits.test["instrument"]) == {"harbour"}
    assert any("past month's variance stands in its place" in note for note in splits.notes)
