"""The sign recipe as a user runs it: what it tells beside the model, and the blindness that its sample has."""

import io
import json

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from evenhand_autonomy.signs.adaptation import Simulated
from evenhand_autonomy.signs.samples import PLANTED
from evenhand_autonomy.signs.section import _turn
from evenhand_autonomy.signs.sheets import ALLEY, GAP, TILE, sheet, side_by_side, stretched

QUICK = (
    'options.labels_per_class=["all"]',
    "options.labelled_passes=1",
    "options.least_steps=6",
    "options.simulated=86",
)


@pytest.fixture(scope="module")
def sample_run(run_apart):
    """The folder of a finished run on the sample, adapted in a few steps."""
    return run_apart("autonomy/traffic-sign", *QUICK).path


@pytest.fixture
def audit(sample_run):
    return json.loads((sample_run / "audit.json").read_text())


@pytest.mark.slow
def test_the_audit_finds_that_danger_signs_are_not_seen_at_night(audit):
    """Planted: PLANTED of their light is left, and no training picture shows one."""
    assert PLANTED < 0.1
    found = audit["slices"]["found"][0]
    assert {(part["column"], part["value"]) for part in found["slice"]} == {
        ("sign_family", "danger"),
        ("time_of_day", "night"),
    }
    assert found["direction"] == "higher"
    assert found["lower_simultaneous"] > 0.2
    (verdict,) = [v for v in audit["verdicts"] if (v["attribute"], v["metric"]) == ("time_of_day", "accuracy")]
    assert verdict["verdict"] == "exceeded"


@pytest.mark.slow
def test_other_signs_are_seen_at_night_and_danger_signs_by_day(sample_run):
    table = pl.read_parquet(sample_run / "predictions.parquet")
    right = pl.col("prediction") == pl.col("class_id")
    danger, night = pl.col("sign_family") == "danger", pl.col("time_of_day") == "night"
    shares = [
        table.filter(part).select(right.mean()).item() for part in (danger & night, danger & ~night, ~danger & night)
    ]
    assert shares[0] < 0.5 < 0.8 < min(shares[1:])


@pytest.mark.slow
def test_the_settings_stand_together_on_the_same_rows(sample_run):
    told = [m for m in json.loads((sample_run / "evaluation.json").read_text()) if m["name"] == "accuracy"]
    assert [m["model"] for m in told] == ["adapted", "simulation only", "no real label"]
    assert all(m["value"] > 0.8 for m in told)  # chance is 0.023
    report = (sample_run / "report.html").read_text()
    for name in ("all real labels", "simulation only", "no real label", "95 % interval"):
        assert name in report


def test_settings_are_told_in_order_even_by_a_manifest_that_sorted_them():
    names = [
        "20 real labels per class",
        "5 real labels per class",
        "all real labels",
        "no real label",
        "simulation only",
    ]
    told = sorted([(name, "column") for name in names], key=_turn)
    assert [name for name, _ in told] == [names[4], names[3], names[1], names[0], names[2]]


@pytest.mark.slow
def test_the_report_shows_simulated_beside_real_signs_and_its_errors(sample_run):
    report = (sample_run / "report.html").read_text()
    assert report.count("data:image/jpeg;base64") == 2
    assert "Simulated beside real" in report
    assert "From above: speed limit 20, " in report
    assert "that the kept model names wrongly" in report
    assert "brightness stands in for the hour" in report
    assert len((sample_run / "model" / "model" / "seen.jpg").read_bytes()) > 10_000


@pytest.mark.slow
def test_the_run_says_what_was_done_without_labels(sample_run):
    notes = json.loads((sample_run / "manifest.json").read_text())["stages"]["finetune"]["notes"]
    assert any("nothing was selected on real labels" in note for note in notes)


def test_a_sheet_has_its_pictures_where_they_belong_and_its_numbers_in_corners():
    tile = np.full((48, 48, 3), 90, np.uint8)
    found = np.asarray(Image.open(io.BytesIO(sheet([[tile] * 4] * 2, part=2, numbers=["1", "2", "3", "4"]))), int)
    assert found.shape == (2 * (TILE + GAP) + GAP, 4 * (TILE + GAP) + GAP + ALLEY, 3)
    alley = found[10:-10, 2 * (TILE + GAP) + GAP : 2 * (TILE + GAP) + ALLEY]
    assert alley.min() > 200
    corners = [found[GAP : GAP + 14, x : x + 12] for x in (GAP, GAP + 2 * (TILE + GAP) + ALLEY, GAP + TILE + GAP)]
    assert [corner.max() > 200 for corner in corners] == [True, True, False]  # the second tile of a part has none


def test_real_pictures_stand_on_the_right_even_beside_few_simulated_ones():
    light, dark = (torch.full((2, 3, 48, 48), value, dtype=torch.uint8) for value in (200, 20))
    labels = torch.tensor([7, 7])
    found = np.asarray(Image.open(io.BytesIO(side_by_side(Simulated(light, labels), dark, labels))), int)
    middle = found[GAP + TILE // 2]
    halves = middle[: 4 * (TILE + GAP)], middle[4 * (TILE + GAP) + ALLEY :]
    assert halves[0].min() > 150
    assert halves[1].min() < 40


def test_a_dark_picture_is_stretched_until_it_can_be_seen():
    dark = np.linspace(2, 12, 48 * 48 * 3).reshape(48, 48, 3).astype(np.uint8)
    assert np.ptp(stretched(dark)) > 240
    assert (stretched(np.zeros((48, 48, 3), np.uint8)) == 0).all()
