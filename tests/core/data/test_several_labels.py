"""Multi-label columns as they are read: lists and JSON lists become 0 and 1, rare labels stay on every side."""

import json

import polars as pl
import pytest

from evenhand.data.loading import read_splits
from evenhand.errors import BadInput
from evenhand.recipe import Recipe

JOB = {"name": "job", "domain": "test", "title": "Job", "task": "multilabel", "modality": "table"}


def job(**schema):
    return Recipe.build({**JOB, "schema": {"input": "x", **schema}}, {}, "test")


def topics(n):
    return [[["a"], ["a", "b"], [], ["b"], ["a"]][i % 5] + (["rare"] if i % 25 == 0 else []) for i in range(n)]


@pytest.mark.parametrize("kind", ["lists", "json", "csv"])
def test_lists_are_read_however_they_are_written(kind, tmp_path):
    each = topics(200)
    frame = pl.DataFrame({"x": range(200), "t": each if kind == "lists" else [json.dumps(row) for row in each]})
    file = tmp_path / f"rows.{'csv' if kind == 'csv' else 'parquet'}"
    frame.write_csv(file) if kind == "csv" else frame.write_parquet(file)
    splits = read_splits(job(label="t"), file)
    assert splits.schema.labels == ("a", "b", "rare")
    assert splits.schema.label is None
    for rows in (splits.train, splits.validation, splits.test):
        assert sum(rows["rare"]) >= 1
        assert [[n for n in splits.schema.labels if row[n]] for row in rows] == [sorted(each[i]) for i in rows["x"]]


def test_a_label_that_is_named_like_another_column_gets_a_name_of_its_own(tmp_path):
    pl.DataFrame({"x": range(60), "t": [["x"], ["y"], []] * 20}).write_parquet(tmp_path / "rows.parquet")
    assert read_splits(job(label="t"), tmp_path / "rows.parquet").schema.labels == ("t: x", "y")


def test_labels_that_differ_in_spaces_or_capitals_are_said(tmp_path):
    pl.DataFrame({"x": range(60), "t": [["Refund"], ["refund "], ["pin"]] * 20}).write_parquet(
        tmp_path / "rows.parquet"
    )
    notes = " ".join(read_splits(job(label="t"), tmp_path / "rows.parquet").notes)
    assert "differ in spaces or capitals alone are taken as different classes: 'Refund' and 'refund '" in notes


def test_a_label_that_no_training_row_has_is_left_out_and_said(tmp_path):
    split = ["train"] * 60 + ["test"] * 20
    flags = {"a": [0, 1] * 40, "b": [1, 0] * 40, "late": [0] * 79 + [1]}
    pl.DataFrame({"x": range(80), "split": split, **flags}).write_parquet(tmp_path / "rows.parquet")
    splits = read_splits(job(labels=["a", "b", "late"], split="split"), tmp_path / "rows.parquet")
    assert splits.schema.labels == ("a", "b")
    assert any("labels left out, as no training row has them: late" in note for note in splits.notes)


def test_label_and_labels_together_are_refused(tmp_path):
    pl.DataFrame({"x": range(60), "t": [0, 1] * 30}).write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(BadInput, match="names both label 't' and labels t; keep one"):
        read_splits(job(label="t", labels=["t"]), tmp_path / "rows.parquet")


def test_labels_in_another_task_are_refused(tmp_path):
    pl.DataFrame({"x": range(60), "t": [0, 1] * 30}).write_parquet(tmp_path / "rows.parquet")
    recipe = job(labels=["t"]).model_copy(update={"task": "binary"})
    with pytest.raises(BadInput, match="1 label columns, and the task is binary; use --set task=multilabel"):
        read_splits(recipe, tmp_path / "rows.parquet")
