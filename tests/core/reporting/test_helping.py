"""The sentence that says whether adapting helped: never empty, and about the measure that says most."""

import polars as pl
import pytest

from evenhand.predicting.evaluation import performance
from evenhand.reporting import render_run
from evenhand.reporting.helping import helps
from evenhand.schema import Schema
from evenhand.values import Predictions


def measured(name, value=0.5, lower=None, upper=None, model="adapted", says="", n=100):
    return {"name": name, "value": value, "lower": lower, "upper": upper, "model": model, "says": says, "n": n}


RIVAL = "accuracy of the adapted model minus that of the best baseline (trees), row by row"


@pytest.mark.parametrize(
    ("evaluation", "says"),
    [
        ([], "It cannot be said: nothing was measured"),
        ([measured("accuracy")], "It cannot be said: the recipe has no baseline"),
        ([measured("accuracy"), measured("accuracy", model="b")], "no baseline was compared with it row by row"),
        (
            [measured("accuracy_gain", 0.2, 0.1, 0.3, says=RIVAL)],
            "Yes: the adapted model is right more often than the best baseline (trees), by 20.0 points of accuracy"
            " (10.0 to 30.0).",
        ),
        (
            [measured("mae_gain", -1.5, -2.0, -1.0)],
            "No: the best baseline errs less, by 1.500 of mean absolute error (1.000 to 2.000).",
        ),
        (
            [measured("accuracy_gain", -0.01, -0.03, 0.01), measured("auc_gain", 0.02, 0.01, 0.03, "logistic")],
            "Yes: the adapted model tells positive rows from others better than the best baseline (logistic)",
        ),
        (
            [measured("auc_gain", 0.3, 0.2, 0.4, "first"), measured("auc_gain", 0.1, -0.1, 0.3, "second")],
            "Not shown: the difference to the best baseline (second) could be chance, 10.0 points of AUC for the"
            " adapted model (-10.0 to 30.0). A true gain of 28.6 points of AUC would show on 100 such rows",
        ),
    ],
)
def test_whether_adapting_helped_is_always_said(evaluation, says):
    assert says in helps(evaluation)


def test_a_run_without_measures_says_so_on_its_page():
    assert "nothing was measured" in render_run(None, [], {"recipe": "a/b"}, [], [])


@pytest.mark.parametrize("cluster", [None, "g"])
def test_the_errors_of_numbers_are_compared_row_by_row(tmp_path, cluster):
    frame = pl.DataFrame(
        {"y": [0.0, 0, 0, 0], "p": [1.0, 2, 0, 1], "b": [2.0, 2, 3, 1], "c": [9.0, 9, 9, 9], "g": [1, 1, 2, 2]}
    )
    frame.write_parquet(tmp_path / "p.parquet")
    schema = Schema(label="y", prediction="p", group_id=cluster)
    found = performance(Predictions(tmp_path / "p.parquet", schema, "regression", baselines={"near": "b", "far": "c"}))
    [gain] = [m for m in found if m.name == "mae_gain"]
    assert gain.value == pytest.approx(1.0)  # errors less by 1, 0, 3, 0
    sums = [0, -1, 2, -1] if cluster is None else [-1, 1]
    variance = sum(one**2 for one in sums) * len(sums) / (len(sums) - 1) / 4**2
    assert gain.upper - gain.lower == pytest.approx(2 * 1.96 * variance**0.5, rel=1e-3)
    assert "(near)" in gain.says
