"""The market recipes as a user runs them, on samples whose planted truth is known."""

import json

import numpy as np
import polars as pl
import pytest

import evenhand
from evenhand import BadInput
from evenhand_finance.market import tested
from evenhand_finance.market.metrics import _earned
from evenhand_finance.market.models import about_of, settings
from evenhand_finance.market.report import _edge, verdict
from evenhand_finance.market.samples import bars as simulated
from evenhand_finance.market.trading import Sharpe


def found(run, name, model="adapted"):
    (metric,) = [one for one in run.evaluation if (one.name, one.model) == (name, model)]
    return metric


@pytest.mark.parametrize("name", ["direction", "volatility"])
def test_the_audit_finds_the_instrument_that_jumps(ran, name):
    told = json.loads((ran(name).path / "audit.json").read_text())
    (instrument,) = [one for one in told["verdicts"] if one["attribute"] == "instrument"]
    assert (instrument["metric"], instrument["group"], instrument["verdict"]) == ("mae", "island", "exceeded")


def test_directions_drawn_by_chance_have_no_edge_and_that_is_said(ran):
    ratio = found(ran("direction"), "net_sharpe")
    assert ratio.lower < 0 < ratio.upper
    assert ratio.says.startswith("no edge")
    assert "There is no edge" in ran("direction").report.read_text()
    assert {one.model for one in ran("direction").evaluation} == {"adapted", "buy_and_hold", "last_sign"}


def test_a_forecast_that_sees_what_options_see_is_better_than_har(ran):
    run = ran("volatility")
    gain = found(run, "qlike_gain_over_har")
    assert 0 < gain.lower < gain.value
    assert found(run, "diebold_mariano_over_har").value > 3
    assert found(run, "diebold_mariano_over_har_fading").value > 3
    assert "it is better than HAR" in run.report.read_text()


def test_the_report_shows_the_walk(ran):
    for name, title in (("direction", "Net return, summed"), ("volatility", "Volatility, forecast and come")):
        page = ran(name).report.read_text()
        assert "The walk forward" in page
        assert title in page


def test_numbers_by_instrument_and_regime_are_in_the_audit(ran):
    told = json.loads((ran("volatility").path / "audit.json").read_text())
    assert "qlike_gain_over_har" in json.dumps(told)
    assert "instrument=island" in json.dumps(told)


def test_new_bars_are_scored_with_their_history(ran, tmp_path):
    new = simulated(0).filter(pl.col("date") >= pl.date(2022, 1, 1)).sample(fraction=1.0, shuffle=True, seed=2)
    new.write_csv(tmp_path / "new.csv")
    scored = evenhand.predict(ran("volatility").path, tmp_path / "new.csv", tmp_path / "scored.parquet")
    table = pl.read_parquet(scored.path)
    assert table["instrument"].to_list() == new["instrument"].to_list()
    assert (table["prediction"] > 0).all()


def test_the_sample_is_the_same_again_and_nobody_has_an_edge_in_it():
    one = simulated(0)
    assert one.equals(simulated(0))
    moves = one.sort("instrument", "date").with_columns(r=pl.col("close").log().diff().over("instrument"))
    both = moves.with_columns(sign=pl.col("r").sign(), before=pl.col("r").sign().shift().over("instrument"))
    assert abs(both.select((pl.col("sign") * pl.col("before")).mean()).item()) < 0.03


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Sharpe(0.1, -0.4, 0.6, 0.6, 12), "its interval holds 0"),
        (Sharpe(0.9, 0.1, 1.6, 0.5, 12), "that is below 0.95"),
        (Sharpe(-0.9, -1.6, -0.1, 0.0, 12), "loses money"),
        (Sharpe(1.9, 1.1, 2.6, 0.99, 12), "had an edge"),
    ],
)
def test_the_verdict_is_one_plain_sentence(found, says):
    assert says in verdict(found)


def test_a_profit_on_what_nobody_can_hold_is_marked(recipe):
    rows = tested.Tested(np.arange(60), np.ones(60), {"instrument": np.array(["VIX"] * 60)}, {"adapted": np.ones(60)})
    allowed = recipe("direction", 'options.allow=["VIX"]')
    assert _edge(allowed, rows).text.startswith("None of this could have been had: VIX cannot be traded.")
    ratio = next(metric for metric in _earned(allowed, rows, "adapted") if metric.name == "net_sharpe")
    assert ratio.says.startswith("of an instrument that nobody can hold")
    assert not _edge(recipe("direction"), rows).text.startswith("None")


def test_what_adapts_is_an_instrument_or_a_regime(recipe):
    assert about_of(recipe("volatility", "options.adapt=regime"))["adapt"] == "regime"
    with pytest.raises(BadInput, match=r"options.adapt is 'colour'"):
        about_of(recipe("volatility", "options.adapt=colour"))
    read = {column for setting in settings(recipe("volatility")) for column in setting.columns}
    assert "implied" in read
