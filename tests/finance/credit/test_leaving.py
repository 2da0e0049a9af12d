"""A credit model that leaves says what it said here: LightGBM's trees from their text, a scorecard as a network."""

import numpy as np
import onnxruntime
import polars as pl
import pytest

from evenhand import Portable
from evenhand.deploying.exporting.reading import Numbers
from evenhand.deploying.exporting.tree_graph import tree_model
from evenhand_finance.credit.inputs import Inputs
from evenhand_finance.credit.leaving import trees_in
from evenhand_finance.credit.model import CreditModel
from evenhand_finance.credit.models import Scorecard, Task, fit_boosting, fit_scorecard, sigmoid


def applicants(seed, rows=800, unknown=False):
    rng = np.random.default_rng(seed)
    purposes = ["car", "home", "travel", "trade", "school"] + (["never seen"] if unknown else [])
    income = np.where(rng.random(rows) < 0.1, np.nan, rng.normal(30, 9, rows))
    frame = pl.DataFrame({"income": income, "debt": rng.exponential(9, rows), "purpose": rng.choice(purposes, rows)})
    frame = frame.with_columns(pl.col("income").fill_nan(None))
    score = np.nan_to_num(income, nan=25) / 10 - frame["debt"].to_numpy() / 9
    score = score + frame["purpose"].is_in(["car", "trade"]).to_numpy()
    return frame, (score + rng.normal(0, 0.5, rows) < 2.2).astype(float)


@pytest.fixture
def task():
    frame, late = applicants(0)
    inputs = Inputs.learn(frame, frame.columns)
    return Task(inputs.matrix(frame), late, np.ones(len(late)), inputs, {"income": -1})


@pytest.mark.parametrize("place", [0, 1])
def test_boosted_trees_say_the_same_of_rows_with_gaps_and_values_never_seen(task, place):
    fitted, _ = fit_boosting(task, 15, 40)
    model = CreditModel("boosting", task.inputs, fitted, place)
    portable = model.portable()
    rows, _ = applicants(1, unknown=True)
    (_, inputs), *_ = Numbers(portable.reads, None).batches(rows)
    np.testing.assert_array_equal(inputs["matrix"], task.inputs.matrix(rows))
    session = onnxruntime.InferenceSession(tree_model(portable, 3).SerializeToString())
    chance = sigmoid(fitted.log_odds(task.inputs.matrix(rows)))
    said = session.run(None, inputs)[0]
    np.testing.assert_allclose(said[:, place], chance, atol=2e-7)
    np.testing.assert_allclose(said.sum(axis=1), 1)


def test_where_no_gap_was_seen_in_training_a_gap_is_read_as_lightgbm_reads_it(task):
    whole = Task(np.nan_to_num(task.x, nan=20.0), task.y, task.weight, task.inputs)
    fitted, _ = fit_boosting(whole, 4, 20)
    portable = Portable({}, trees=trees_in(fitted.text), base=(fitted.base,))
    asked = task.x.copy()
    asked[:50, 0] = np.nan
    session = onnxruntime.InferenceSession(tree_model(portable, 3).SerializeToString())
    said = session.run(None, {"matrix": asked})[0][:, 1]
    np.testing.assert_allclose(said, sigmoid(fitted.log_odds(asked)), atol=2e-7)


def test_a_scorecard_says_the_same_as_a_network(task):
    import torch

    fitted = fit_scorecard(task)
    assert isinstance(fitted, Scorecard)
    portable = CreditModel("logistic", task.inputs, fitted, 1).portable()
    rows, _ = applicants(2, unknown=True)
    matrix = task.inputs.matrix(rows)
    with torch.inference_mode():
        said = portable.network(torch.from_numpy(matrix)).numpy()
    np.testing.assert_allclose(said[:, 1], sigmoid(fitted.log_odds(matrix)), atol=1e-12)
