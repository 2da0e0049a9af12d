"""The look-ahead test lets what is known at its time pass, and names what is not."""

import random
import sys
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from evenhand import Adapted, Recipe, splits_from_rows
from evenhand.testing import CHECKS, past_ignores_the_future, scores_ignore_the_future

from .test_kit import RECIPE, fault, plugin, rows

ROWS = pl.DataFrame({"t": range(40), "who": ["a", "b"] * 20, "x": np.random.default_rng(0).normal(size=40)})


@pytest.mark.parametrize(
    "compute",
    [
        lambda rows: rows.select(pl.col("x").cum_sum()),
        lambda rows: rows["x"].rolling_mean(5).to_numpy(),
        lambda rows: rows.select(pl.col("x").shift().over("who"), said=pl.col("who") + "!"),
    ],
)
def test_what_looks_back_passes(compute):
    past_ignores_the_future(compute, ROWS, "t", keep=("who",))


@pytest.mark.parametrize(
    "compute",
    [
        lambda rows: rows.select(pl.col("x").shift(-1)),
        lambda rows: rows["x"].rolling_mean(5, center=True).to_numpy(),
        lambda rows: (rows["x"] - rows["x"].max()).to_numpy(),
        lambda rows: rows.select(pl.col("who").shift(-1)),
    ],
)
def test_what_looks_ahead_is_named_with_its_first_row(compute):
    with pytest.raises(AssertionError, match=r"the feature table looks ahead: shuffling the rows after \d+ changes"):
        past_ignores_the_future(compute, ROWS, "t", what="the feature table")


def test_an_answer_for_other_rows_than_were_given_is_refused():
    with pytest.raises(AssertionError, match="gave 39 values of x for 40 rows"):
        past_ignores_the_future(lambda rows: rows.select("x").head(39), ROWS, "t")


class Scaled:
    """A model that scales a batch by a number that each test chooses."""

    def scores(self, rows):
        x = np.array(rows["x"], dtype=float)
        p = 1 / (1 + np.exp(-x / self.of(x)))
        return np.stack([1 - p, p], axis=1)

    def of(self, x):
        return 1.0

    def save(self, folder):
        (folder / "nothing").write_text("")

    @classmethod
    def load(cls, folder):
        return cls()


def dated(recipe, source):
    """The kit's rows, each of a day of its own."""
    table = rows(random.Random(recipe.seed))
    days = [(date(2026, 1, 1) + timedelta(day)).isoformat() for day in range(len(table["x"]))]
    return splits_from_rows(recipe, table | {"day": days}, "made rows")


def with_model(monkeypatch, of):
    """A plugin whose recipe has a time, and whose model scales by `of` of the values it is shown."""
    asked = RECIPE.replace('label = "y"', 'label = "y", time = "day"')
    module = plugin(
        recipes=lambda: [Recipe.from_toml(asked, "made.toml")],
        load_data=dated,
        finetune=lambda: Adapted(Scaled(), classes=(0, 1), strategy="own"),
    )
    monkeypatch.setattr(Scaled, "of", lambda self, x: of(x))
    monkeypatch.setattr(Scaled, "__module__", "made")
    monkeypatch.setitem(sys.modules, "made", module)
    module.Scaled = Scaled
    return module


def test_the_check_is_one_of_the_kit_and_passes_a_model_that_reads_row_by_row(monkeypatch):
    assert scores_ignore_the_future in CHECKS
    scores_ignore_the_future(with_model(monkeypatch, lambda x: 2.0))


def test_a_model_that_lets_later_rows_reach_earlier_ones_fails_the_check(monkeypatch):
    said = fault(scores_ignore_the_future, with_model(monkeypatch, lambda x: 1 + np.arange(len(x)) @ x))
    assert "the model of recipe 'made/job' looks ahead" in said
