"""The strategies of tables: what they read, what they choose, what they refuse, and that they come back from disk."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand import BadInput, splits_from_rows
from evenhand.adapting import finetune, scores
from evenhand.adapting.rows_inside import holds_rows
from evenhand.adapting.store import load_model, save_model
from evenhand.adapting.tables.choosing import losses
from evenhand.adapting.tables.members import design

from .conftest import recipe

INPUTS = ("income", "job", "since", "known")


def customers(rows=240, seed=0, classes=2):
    """Mixed columns with missing cells; the label follows income and job."""
    rng = np.random.default_rng(seed)
    income, job = rng.normal(40, 12, rows), rng.integers(0, 3, rows)
    drawn = income / 12 + 1.5 * (job == 1) + rng.normal(0, 0.7, rows)
    label = np.digitize(drawn, np.quantile(drawn, np.arange(1, classes) / classes))
    days = pl.Series(rng.integers(0, 3000, rows)).cast(pl.Int32).cast(pl.Date)
    return {
        "income": [None if hidden else float(v) for v, hidden in zip(income, rng.random(rows) < 0.1, strict=True)],
        "job": [("office", "shop", None)[j] for j in job],
        "since": days.to_list(),
        "known": rng.random(rows).round(1).tolist(),
        "who": [f"c{i // 2}" for i in range(rows)],
        "label": [("no", "yes", "maybe")[i] for i in label],
    }


def splits_of(job, table):
    return splits_from_rows(job, table, "customers")


@pytest.mark.parametrize(
    ("strategy", "task", "classes"),
    [
        ("auto", "binary", 2),
        ("in-context", "multiclass", 3),
        ("trees", "multiclass", 3),
        ("linear", "binary", 2),
    ],
)
def test_a_strategy_of_tables_learns_and_survives_the_disk(strategy, task, classes, run, tmp_path):
    job = recipe("table", task, INPUTS, strategy=strategy)
    splits = splits_of(job, customers(classes=classes))
    adapted = finetune(job, splits, None, run)
    said = scores(adapted.model, splits.test, splits.schema)
    assert said.shape == (len(splits.test), classes)
    np.testing.assert_allclose(said.sum(1), 1)
    right = np.array(adapted.classes)[said.argmax(1)] == np.array(splits.test["label"])
    assert right.mean() > (0.7 if classes == 2 else 0.5)
    save_model(adapted, tmp_path / "model")
    again = load_model(tmp_path / "model", job, None)
    np.testing.assert_array_equal(scores(again.model, splits.test, splits.schema), said)
    assert again.strategy == adapted.strategy
    assert holds_rows(adapted.model) == ("in-context" in adapted.strategy)
    assert not any(str(tmp_path) in f.read_text("utf-8", "ignore") for f in (tmp_path / "model").rglob("*.json"))


def test_the_choice_is_said_and_few_rows_are_compared_by_cross_validation(run):
    job = recipe("table", "binary", INPUTS)
    adapted = finetune(job, splits_of(job, customers()), None, run)
    assert adapted.notes[0].startswith(f"cross-validation of train and validation chose {adapted.strategy} (")
    assert adapted.notes[0].count(",") == 6  # seven candidates
    assert set(adapted.validation) == {"accuracy", "log_loss"}


def test_validation_rows_are_scored_by_models_that_have_not_seen_them(run):
    job = recipe("table", "binary", INPUTS, strategy="trees")
    splits = splits_of(job, customers())
    unseen = finetune(job, splits, None, run).validation_scores
    model = finetune(job, splits, None, run).model
    label = np.array(splits.validation["label"]) == "yes"
    told = scores(model, splits.validation, splits.schema)
    assert unseen.shape == told.shape
    assert (
        np.log(unseen[np.arange(len(label)), label.astype(int)]).mean()
        < np.log(told[np.arange(len(label)), label.astype(int)]).mean()
    )


def test_numbers_are_predicted_by_trees_and_a_line(run, tmp_path):
    job = recipe("table", "regression", INPUTS[1:])
    table = customers(1500)
    table["label"] = [
        (0.0 if v is None else v) / 10 + 3 * (job == "shop")
        for v, job in zip(table["known"], table["job"], strict=True)
    ]
    splits = splits_of(job, table)
    adapted = finetune(job, splits, None, run)
    said = scores(adapted.model, splits.test, splits.schema)
    assert said.shape == (len(splits.test),)
    assert np.sqrt(np.mean((said - np.array(splits.test["label"])) ** 2)) < 0.2
    assert set(adapted.validation) == {"rmse"}
    assert adapted.notes[0].startswith("validation chose")  # more than a thousand rows
    save_model(adapted, tmp_path / "model")
    np.testing.assert_array_equal(
        scores(load_model(tmp_path / "model", job, None).model, splits.test, splits.schema), said
    )


def test_test_rows_change_nothing(run):
    job = recipe("table", "binary", INPUTS)
    splits = splits_of(job, customers())
    from dataclasses import replace

    fewer = replace(splits, test=splits.test.select(range(5)))
    one, other = finetune(job, splits, None, run), finetune(job, fewer, None, run)
    assert (one.strategy, one.notes) == (other.strategy, other.notes)
    np.testing.assert_array_equal(
        scores(one.model, fewer.test, splits.schema), scores(other.model, fewer.test, splits.schema)
    )


@pytest.mark.parametrize(
    ("modality", "task", "strategy", "said"),
    [
        ("table", "binary", "lora", "is about a table; use --set finetune.strategy= with one of auto, in-context"),
        ("table", "regression", "in-context", "tells classes apart, and the task is regression; use trees or linear"),
        ("text", "binary", "auto", "names no backbone; set one with --set backbone=NAME"),
    ],
)
def test_what_cannot_be_done_is_said(modality, task, strategy, said, run):
    job = recipe(modality, task, INPUTS if modality == "table" else ("job",), strategy=strategy)
    table = customers()
    if task == "regression":
        table["label"] = table["known"]
    with pytest.raises(BadInput, match=said):
        finetune(job, splits_of(job, table), None, run)


def test_a_class_with_a_single_row_is_learnt_without_a_fault(run):
    job = recipe("table", "multiclass", INPUTS)
    table = customers(60)
    splits = splits_of(job, table)
    rare = ["rare", *splits.train["label"][1:]]
    from dataclasses import replace

    splits = replace(splits, train=splits.train.remove_columns("label").add_column("label", rare))
    adapted = finetune(job, splits, None, run)
    assert scores(adapted.model, splits.test, splits.schema).shape == (len(splits.test), 3)


@given(
    st.lists(st.lists(st.floats(allow_infinity=False, width=32), min_size=2, max_size=2), min_size=1, max_size=9),
    st.integers(0, 4),
)
def test_what_the_linear_model_sees_is_finite_and_tells_missing_from_median(rows, levels):
    matrix = np.array(rows, dtype=np.float32)
    seen = design(matrix, np.array([0, levels]))
    assert np.isfinite(seen).all()
    assert seen.shape == (len(rows), 2 + (levels or 1) + 1)
    np.testing.assert_array_equal(seen[:, 1] == 1, np.isnan(matrix[:, 0]))


def test_losses_are_those_of_the_right_class():
    said = np.array([[0.2, 0.8], [1.0, 0.0]])
    np.testing.assert_allclose(losses(said, np.array([1, 1]), "binary"), [-np.log(0.8), -np.log(1e-12)])
    np.testing.assert_allclose(losses(np.array([[2.0]]), np.array([5.0]), "regression"), [9.0])
