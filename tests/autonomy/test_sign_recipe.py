"""The sign recipe as a user runs it: what it tells beside the model, and the blindness that its sample has."""

import json

import polars as pl
import pytest

import evenhand
from evenhand_autonomy.signs.samples import PLANTED

QUICK = (
    'options.labels_per_class=["all"]',
    "options.labelled_passes=1",
    "options.least_steps=6",
    "options.simulated=86",
)


@pytest.fixture(scope="module")
def sample_run(tmp_path_factory):
    """The folder of a finished run on the sample, adapted in a few steps."""
    folder = tmp_path_factory.mktemp("signs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_CACHE", str(folder / "cache"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("OMP_NUM_THREADS", "1")
        evenhand.run("autonomy/traffic-sign", settings=list(QUICK), out=folder / "run")
    return folder / "run"


@pytest.fixture
def audit(sample_run):
    return json.loads((sample_run / "audit.json").read_text())


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


def test_other_signs_are_seen_at_night_and_danger_signs_by_day(sample_run):
    table = pl.read_parquet(sample_run / "predictions.parquet")
    right = pl.col("prediction") == pl.col("class_id")
    danger, night = pl.col("sign_family") == "danger", pl.col("time_of_day") == "night"
    shares = [
        table.filter(part).select(right.mean()).item() for part in (danger & night, danger & ~night, ~danger & night)
    ]
    assert shares[0] < 0.5 < 0.8 < min(shares[1:])


def test_the_settings_stand_together_on_the_same_rows(sample_run):
    told = [m for m in json.loads((sample_run / "evaluation.json").read_text()) if m["name"] == "accuracy"]
    assert [m["model"] for m in told] == ["adapted", "simulation only", "no real label"]
    assert all(m["value"] > 0.8 for m in told)  # chance is 0.023
    report = (sample_run / "report.html").read_text()
    for name in ("all real labels", "simulation only", "no real label", "95 % interval"):
        assert name in report


def test_the_report_shows_simulated_beside_real_signs_and_its_errors(sample_run):
    report = (sample_run / "report.html").read_text()
    assert report.count("data:image/jpeg;base64") == 2
    assert "Simulated beside real" in report
    assert "that the kept model names wrongly" in report
    assert "brightness stands in for the hour" in report
    assert len((sample_run / "model" / "model" / "seen.jpg").read_bytes()) > 10_000


def test_the_run_says_what_was_done_without_labels(sample_run):
    notes = json.loads((sample_run / "manifest.json").read_text())["stages"]["finetune"]["notes"]
    assert any("nothing was selected on real labels" in note for note in notes)
