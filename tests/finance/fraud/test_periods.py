"""Six simulated months drift as they say they do, and what that does to a model is told by period and group."""

from datetime import date

import numpy as np
import polars as pl
import pytest

import evenhand_finance
from evenhand import BadInput
from evenhand_finance.fraud.data import with_features
from evenhand_finance.fraud.periods import MODELS, Period, ends, periods, table
from evenhand_finance.fraud.samples import DAYS, THEFT_FACTORS, card_transactions
from evenhand_finance.fraud.stream import stream_of

(RECIPE,) = [recipe for recipe in evenhand_finance.recipes() if recipe.name == "fraud"]
RECIPE = RECIPE.with_settings(["options.models=1"])


@pytest.fixture(scope="module")
def whole():
    rows = card_transactions(0)
    return with_features(RECIPE, rows, stream_of(RECIPE, rows, "sample"), RECIPE.schema, "sample")


@pytest.fixture(scope="module")
def found(whole):
    return periods(RECIPE, whole, "sample", every=16)


def test_thefts_move_from_north_to_south_and_hide_in_smaller_amounts():
    rows = card_transactions(0).with_columns(day=pl.col("TX_DATETIME").dt.ordinal_day() - 5)
    usual = rows.filter(pl.col("TX_FRAUD") == 0).group_by("CUSTOMER_ID").agg(usual=pl.col("TX_AMOUNT").median())
    stolen = rows.filter(pl.col("TX_FRAUD") == 1).join(usual, on="CUSTOMER_ID")
    stolen = stolen.with_columns(ratio=pl.col("TX_AMOUNT") / pl.col("usual")).filter(pl.col("ratio") > 2)
    early, late = (stolen.filter(side) for side in (pl.col("day") < DAYS / 2, pl.col("day") >= DAYS / 2))
    share = [{name: (part["region"] == name).mean() for name in ("north", "south")} for part in (early, late)]
    assert share[0]["north"] > 0.5 > 0.3 > share[0]["south"]
    assert share[1]["south"] > 0.5 > 0.3 > share[1]["north"]
    first, last = (stolen.filter(side) for side in (pl.col("day") < 30, pl.col("day") >= DAYS - 30))
    assert first["ratio"].median() / last["ratio"].median() == pytest.approx(
        THEFT_FACTORS[0] / THEFT_FACTORS[1], rel=0.2
    )


def test_each_model_is_tested_on_each_period_with_every_group(found):
    assert [one.model for one in found] == list(MODELS) * 2
    for one in found:
        assert set(one.false_alarms) == {"coast", "inland", "north", "south"}
        assert 0 < one.average_precision <= 1
    assert found[0][1:] == found[1][1:]  # in the first weeks the model of the first weeks is the new one
    assert found[-1][1:] == found[-2][1:]


def test_a_model_that_nobody_touched_again_bears_harder_on_the_coast_as_months_pass(found):
    """Drift: the budget of the first weeks stops more later, and those who travel bear it."""
    first, fresh = found[-3], found[-2]
    assert (first.model, fresh.model) == MODELS[:2]
    assert first.gap > fresh.gap + 5
    assert first.false_alarms["coast"] == max(first.false_alarms.values())


def test_the_table_has_a_line_for_each_model_and_period(found):
    lines = list(table(found))
    assert len(lines) == 2 + len(found)
    assert len({line.count("|") for line in lines}) == 1


def test_a_group_without_fraud_has_no_share_that_was_caught():
    one = Period("fitted anew", date(2026, 1, 1), 0.5, {"a": 0.5}, {"a": 1.0, "b": 3.0})
    assert one.gap == 2
    assert "| 50% | – |" in list(table([one]))[-1]


@pytest.mark.parametrize(
    ("changes", "says"), [({"every": 30}, "too few for two windows"), ({"column": "colour"}, "'colour' to compare")]
)
def test_what_cannot_be_is_refused_in_a_sentence(whole, changes, says):
    with pytest.raises(BadInput, match=says):
        periods(RECIPE, whole, "sample", **changes)


def test_windows_end_so_many_weeks_apart_and_leave_a_history(whole):
    days = ends(RECIPE, whole, 4, "sample")
    assert set(np.diff(days)) == {np.timedelta64(28, "D").astype(object)}
    assert (days[0] - whole["(day)"].min()).days >= 30 + 21 - 1
