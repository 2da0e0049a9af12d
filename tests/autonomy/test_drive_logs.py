"""Logs of images and steering: what lane-following reads, and what it says of logs that cannot be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from evenhand import BadInput
from evenhand_autonomy.lanes.data import load
from evenhand_autonomy.lanes.logs import in_degrees, read_log

NORMALISED = ["options.steering_unit=normalised"]


@pytest.fixture
def log(tmp_path):
    """log(lines, header, names): a folder with driving_log.csv and its pictures in IMG, but for those left out."""

    def write(rows, header="center,left,right,steering,throttle,brake,speed", without=(), size=(64, 40), name="IMG"):
        (tmp_path / name).mkdir(exist_ok=True)
        for k in range(len(rows)):
            if k not in without:
                noise = np.random.default_rng(k).integers(0, 255, (size[1], size[0], 3), np.uint8)
                Image.fromarray(noise).save(tmp_path / name / f"c{k}.png")
        lines = ([header] if header else []) + rows
        (tmp_path / "driving_log.csv").write_text("\n".join(lines) + "\n")
        return tmp_path

    return write


def udacity(k, angle=None, folder="C:\\Users\\me\\IMG\\"):
    value = 0.3 * np.sin(k / 7) if angle is None else angle
    return f"{folder}c{k}.png,{folder}l{k}.png,{folder}r{k}.png,{value:.4f},0.5,0,20.1"


@pytest.mark.parametrize("header", ["center,left,right,steering,throttle,brake,speed", ""])
def test_a_simulators_log_is_read_with_or_without_its_header(log, recipe_of, header):
    source = log([udacity(k) for k in range(420)], header)
    splits = load(recipe_of("lane-following").with_settings(NORMALISED), source)
    rows = splits.train
    assert max(map(abs, rows["steering"])) == pytest.approx(0.3 * 25, rel=0.01)
    assert splits.schema.sensitive == ("bend",)
    assert "weather" in splits.notes[-1]
    assert not {*splits.train["drive"]} & {*splits.test["drive"]}


def test_names_with_stamps_cut_the_log_into_drives(log):
    rows = [
        f"center_2016_12_01_13_30_{s:02d}_{part}.png,0.{s}" for s, part in ((1, "000"), (1, "500"), (2, "5"), (30, "1"))
    ]
    source = log(rows, "center,steering", without=range(4))
    for row in rows:
        Image.new("RGB", (64, 40)).save(source / "IMG" / row.split(",")[0])
    table, _ = read_log(source, "degrees", 25.0)
    assert table["drive"] == ["rows 1 on"] * 3 + ["rows 4 on"]
    assert np.diff(table["time"][:3]) == pytest.approx([0.5, 1.0])


@pytest.mark.parametrize(
    ("rows", "header", "says"),
    [
        ([], "center,steering", "has a header and no rows"),
        (["c0.png,0.1"], "center,throttle", "no column of steering"),
        (["c0.png,0.1"], "photo,steering", "none of the columns center, image"),
        (["c0.png,left"], "center,steering", "row 1 .* steering = 'left'"),
        (["c0.png,nan"], "center,steering", "row 1 .* is no number"),
        (["c0.png,0.1,2"], "center,steering", "row 1 .* has 3 columns, and the log 2"),
        (["c0.png,0.1,5", "c1.png,0.1,4"], "center,steering,time", "time jumps back at row 2 .* from 5 to 4 s"),
        (["c0.png,0.1,9,a", "c1.png,0.1,4,b", "c2.png,0.1,3,b"], "center,steering,time,drive", "back at row 3"),
        (["c0.png,7"], "center,steering", "goes to 7, which front wheels do not in normalised"),
        (["c0.png,0.1", "gone.png,0.2"], "center,steering", "1 of 2 images .* missing, first 'gone.png' of row 2"),
    ],
)
def test_what_a_log_cannot_be_is_said_with_its_row(log, rows, header, says):
    with pytest.raises(BadInput, match=says):
        read_log(log(rows, header), "normalised", 25.0)


def test_drives_that_each_begin_at_nought_are_no_jump(log):
    table, _ = read_log(log(["c0.png,0.1,5,a", "c1.png,0.1,1,b"], "center,steering,time,drive"), "degrees", 25.0)
    assert table["drive"] == ["a", "b"]


def test_empty_files_and_folders_are_refused(tmp_path, recipe_of):
    with pytest.raises(BadInput, match="holds no CSV"):
        read_log(tmp_path, "degrees", 25.0)
    (tmp_path / "log.csv").write_text("")
    with pytest.raises(BadInput, match="is empty"):
        read_log(tmp_path, "degrees", 25.0)
    with pytest.raises(BadInput, match="is not there"):
        load(recipe_of("lane-following"), tmp_path / "none")


def test_pictures_of_a_pixel_are_refused(log, recipe_of):
    from evenhand_autonomy.lanes.model import pictures_of

    source = log([udacity(k) for k in range(220)], size=(1, 1))
    splits = load(recipe_of("lane-following").with_settings(NORMALISED), source)
    with pytest.raises(BadInput, match="1 x 1 pixels"):
        pictures_of(splits.train, "image")


@pytest.mark.parametrize(
    ("most", "unit", "says"),
    [
        (0.9, "degrees", "lie within 1, which no drive does in degrees"),
        (3.0, "radians", "options.steering_unit=degrees"),
        (1.2, "normalised", "options.steering_unit=radians"),
        (20.0, "normalised", "options.steering_unit=degrees"),
        (400.0, "degrees", "goes to 400"),
        (1.0, "turns", "none of degrees, radians, normalised"),
    ],
)
def test_a_unit_that_cannot_be_is_refused_with_the_one_that_may(most, unit, says):
    with pytest.raises(BadInput, match=says):
        in_degrees([most * k / 99 for k in range(100)], unit, 25.0, "log.csv")


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), st.floats(5, 45))
def test_units_agree_on_the_same_angles(shares, lock):
    degrees = [share * lock for share in shares]
    assert in_degrees(shares, "normalised", lock, "") == pytest.approx(degrees)
    assert in_degrees(list(np.radians(degrees)), "radians", lock, "") == pytest.approx(degrees)
    assert in_degrees(degrees, "degrees", lock, "") == degrees


@pytest.mark.parametrize("frames", ["[]", "[10, 5]", "[true]", "[-1]", "5"])
def test_labelled_frames_are_rising_whole_numbers(recipe_of, frames):
    from evenhand_autonomy.lanes.data import counts

    with pytest.raises(BadInput, match="options.labelled_frames"):
        counts(recipe_of("lane-following").with_settings([f"options.labelled_frames={frames}"]))
