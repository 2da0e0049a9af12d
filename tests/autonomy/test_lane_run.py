"""autonomy/lane-following from start to report, on short drives."""

import json

import numpy as np
import polars as pl
import pytest
from PIL import Image

import evenhand
from evenhand_autonomy.lanes import closed_loop, samples
from evenhand_autonomy.lanes.data import load
from evenhand_autonomy.lanes.model import LaneModel


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(the folder of a finished run on few short drives, what it read)."""
    folder = tmp_path_factory.mktemp("lanes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "DRIVES", dict.fromkeys(samples.DRIVES, (4, 8)))
        patch.setattr(closed_loop, "EACH", 1)
        patch.setattr(closed_loop, "STEPS", 6)
        samples.simulated_drives.cache_clear()
        settings = ["options.steps=40", "options.labelled_frames=[0, 8]", "finetune.threads=1"]
        evenhand.run("autonomy/lane-following", settings=settings, out=folder / "run")
        recipe = next(recipe for recipe in __import__("evenhand_autonomy").recipes() if recipe.name == "lane-following")
        read = load(recipe, None)
    samples.simulated_drives.cache_clear()
    return folder / "run", read


@pytest.mark.slow
def test_every_setting_steers_the_same_test_rows(small):
    path, splits = small
    table = pl.read_parquet(path / "predictions.parquet")
    assert table.height == len(splits.test)
    assert {"baseline_0 labelled frames", "baseline_straight on"} <= {*table.columns}


@pytest.mark.slow
def test_the_policies_drove_the_same_routes(small):
    log = json.loads((small[0] / "model" / "exhibits" / "closed-loop.json").read_text())
    assert list(log) == ["0 labelled frames", "8 labelled frames"]
    roads = [[(one["road_type"], one["weather"], one["time_of_day"]) for one in drives] for drives in log.values()]
    assert roads[0] == roads[1]
    assert len({*roads[0]}) == 12


@pytest.mark.slow
def test_the_report_shows_the_settings_and_the_drive(small):
    manifest = json.loads((small[0] / "manifest.json").read_text())
    assert not [fault for stage in manifest["stages"].values() for fault in stage.get("faults", ())]
    page = (small[0] / "report.html").read_text()
    for title in ("To the new place, by labelled frames", "At the wheel", "The drive", "Lane position"):
        assert title in page
    assert "data:image/webp" in page
    assert 'class="still"' in page


@pytest.mark.slow
def test_a_stored_policy_steers_the_same(small):
    path, splits = small
    again = LaneModel.load(path / "model" / "model").scores(splits.test)
    assert np.array_equal(again, pl.read_parquet(path / "predictions.parquet")["prediction"].to_numpy())


@pytest.mark.slow
def test_the_picture_decides_and_not_its_neighbours(small):
    path, splits = small
    model = LaneModel.load(path / "model" / "model")
    assert np.array_equal(model.scores(splits.test.select([3])), model.scores(splits.test)[3:4])


def test_a_log_without_places_teaches_one_policy(tmp_path):
    (tmp_path / "IMG").mkdir()
    lines = ["center,steering,time,drive"]
    for k in range(60):
        noise = np.random.default_rng(k).integers(0, 255, (48, 80, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "IMG" / f"{k}.png")
        lines.append(f"{k}.png,{0.1 * (k % 5)},{k % 6},{k // 6}")
    (tmp_path / "log.csv").write_text("\n".join(lines))
    settings = ["options.steering_unit=normalised", "options.steps=3", "options.closed_loop=false"]
    found = evenhand.run("autonomy/lane-following", tmp_path / "log.csv", settings, out=tmp_path / "run")
    assert "At the wheel" not in found.report.read_text()
    assert "teach one policy" in found.report.read_text()


@pytest.mark.slow
def test_labelled_frames_of_the_country_help_there(tmp_path):
    evenhand.run("autonomy/lane-following", settings=["finetune.threads=1"], out=tmp_path / "run")
    table = pl.read_parquet(tmp_path / "run" / "predictions.parquet").filter(pl.col("road_type") == "rural")
    error = [(table[name] - table["steering"]).abs().mean() for name in ("baseline_0 labelled frames", "prediction")]
    assert error[1] < 0.85 * error[0]
    log = json.loads((tmp_path / "run" / "model" / "exhibits" / "closed-loop.json").read_text())
    failed = [sum(len(one["failures"]) for one in drives if one["road_type"] == "rural") for drives in log.values()]
    assert failed[-1] < 0.8 * failed[0]
    town = [sum(len(one["failures"]) for one in drives if one["road_type"] == "urban") for drives in log.values()]
    assert town[0] <= 1
