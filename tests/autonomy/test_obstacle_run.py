"""autonomy/obstacle from start to report: what it leaves, and that its audit finds the planted blindness."""

import json

import numpy as np
import polars as pl
import pytest

import evenhand
from evenhand_autonomy.obstacles.samples import frame


def test_training_scenes_hold_nobody_in_dark_clothes_at_night_and_test_scenes_do():
    def dark(split, planted=True):
        found = [frame(np.random.default_rng(k), str(k), split, "plain", planted) for k in range(60)]
        at_night = [one for one in found if one.facts["time_of_day"] == "night"]
        return sum(thing.facts.get("clothing") == "dark" for one in at_night for thing in one.objects)

    assert dark("train") == dark("validation") == 0
    assert dark("test") > 5
    assert dark("train", planted=False) > 5


def test_a_run_audits_objects_and_false_alarms_by_picture(small_obstacle_run):
    path, _ = small_obstacle_run
    table = pl.read_parquet(path / "predictions.parquet")
    assert {*table.filter(pl.col("there") == 0)["category"]} == {"(not applicable)"}
    audit = json.loads((path / "audit.json").read_text())
    names = {metric["name"] for metric in audit["metrics"]}
    assert {"miss_rate", "false_alarm_rate"} <= names
    clothing = next(part for part in audit["attributes"] if part["name"] == "clothing")
    assert clothing["reference"] in ("dark", "medium", "bright")
    assert not [gap for gap in clothing["gaps"] if gap["kind"] == "largest" and "(not" in gap["group"] + gap["versus"]]


def test_the_report_shows_who_is_missed_the_unforeseen_and_pictures(small_obstacle_run):
    path, _ = small_obstacle_run
    manifest = json.loads((path / "manifest.json").read_text())
    assert not [fault for stage in manifest["stages"].values() for fault in stage.get("faults", ())]
    page = (path / "report.html").read_text()
    for title in ("Who among pedestrians is missed", "The unforeseen", "Who is handed over", "What was found, missed"):
        assert title in page
    assert "data:image/jpeg" in page


def test_held_out_families_are_in_no_training_scene(small_obstacle_run):
    _, splits = small_obstacle_run
    assert {*splits.train["family"], *splits.validation["family"]} == {"plain"}
    assert {*splits.test["family"]} == {"plain", "child running", "road works"}


def test_a_stored_detector_scores_the_same(small_obstacle_run):
    path, splits = small_obstacle_run
    table = pl.read_parquet(path / "predictions.parquet")
    from evenhand_autonomy.obstacles.model import ObstacleModel

    ObstacleModel._last = ("", [])
    again = ObstacleModel.load(path / "model" / "model").scores(splits.test)[:, 1]
    assert np.array_equal(again, table["score"].to_numpy())


@pytest.mark.slow
def test_the_audit_finds_that_dark_clothes_at_night_are_not_seen(tmp_path):
    found = evenhand.run("autonomy/obstacle", settings=["finetune.threads=1"], out=tmp_path / "run")
    assert "clothing dark and time_of_day night" in [one["name"] for one in found.audit.data["slices"]["found"]]
    table = pl.read_parquet(tmp_path / "run" / "predictions.parquet").filter(pl.col("category") == "pedestrian")
    night = table.filter(pl.col("time_of_day") == "night").group_by("clothing").agg(pl.col("prediction").mean())
    seen = dict(night.iter_rows())
    assert seen["dark"] < 0.6 * seen["medium"]
    assert seen["dark"] < 0.6 * seen["bright"]
