"""The simulated vehicle: it moves as a bicycle does, an expert keeps its lane, and leaving it is a failure."""

import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from evenhand_autonomy.lanes.driving import Drive, Route, State, driven, expert, moved, route
from evenhand_autonomy.lanes.film import film, strip
from evenhand_autonomy.lanes.samples import bend_of, logged
from evenhand_autonomy.lanes.section import by_drive, metres_between
from evenhand_autonomy.scenes.facts import RURAL, URBAN, WHEELBASE, Road
from evenhand_autonomy.scenes.photograph import Lens


def plain(curvature=0.0, metres=500):
    return Route(Road(RURAL), np.full(metres, curvature), "clear", "day", 12.0, Lens(noise=0.0))


def straight_on(pictures):
    return np.zeros(len(pictures))


@given(st.floats(-0.02, 0.02))
def test_the_angle_of_a_bend_keeps_the_vehicle_on_it(curvature):
    state, way = State(), plain(curvature)
    for _ in range(20):
        state = moved(state, way, math.atan(WHEELBASE * curvature))
    assert abs(state.offset) < 0.05
    assert state.along == pytest.approx(20 * 0.2 * 12, rel=0.01)


def test_wheels_to_the_right_bring_the_vehicle_to_the_right():
    state = moved(State(), plain(), 0.1)
    assert state.heading > 0
    assert moved(state, plain(), 0.0).offset > 0


@pytest.mark.parametrize("kind", [URBAN, RURAL])
def test_an_expert_keeps_its_lane(kind):
    way = route(np.random.default_rng(2), kind, "clear", "day", 300)
    state, furthest = State(offset=0.5), 0.0
    for step in range(90):
        state = moved(state, way, expert(state, way))
        furthest = max(furthest, abs(state.offset) if step > 15 else 0.0)
    assert furthest < 0.7


def test_who_goes_straight_on_in_a_bend_leaves_the_lane_and_is_put_back():
    (drive,) = driven(straight_on, [plain(0.01)], 40)
    assert len(drive.failures) >= 2
    assert max(map(abs, drive.offsets)) < Road(RURAL).lane / 2 + 1.0
    assert drive.offsets[drive.failures[0] + 1] == 0.0
    (fine,) = driven(straight_on, [plain()], 40)
    assert fine.failures == []


def test_the_same_seed_drives_the_same():
    routes = [route(np.random.default_rng(3), RURAL, "rain", "night", 200)]

    def twitch(pictures):
        return pictures.mean((1, 2, 3)) / 2550 - 0.01

    first, again = (driven(twitch, routes, 10, seed=5)[0].offsets for _ in range(2))
    assert first == again


def test_a_log_tells_where_the_expert_steered():
    rows = logged(np.random.default_rng(0), "a", "train", URBAN, 4, "clear", "day")
    assert [row["time"] for row in rows] == [0.0, 0.4, 0.8, 1.2]
    assert all(abs(row["steering"]) <= 25 for row in rows)
    assert {row["weather"] for row in rows} == {"clear"}


def test_bends_are_named_by_their_radius():
    assert [bend_of(1 / radius) for radius in (5000, 400, 100)] == ["straight", "wide bend", "tight bend"]


def test_a_drive_is_shown_moving_and_still():
    drive = Drive(plain(), [0.0, 0.5, 1.9], [0.0] * 3, [0.0] * 3, [2], [np.zeros((48, 80, 3), np.uint8)] * 3)
    with Image.open(io.BytesIO(film({"none": drive, "many": drive}))) as moving:
        assert moving.format == "WEBP"
        assert moving.is_animated
        assert moving.size[0] > 480
    with Image.open(io.BytesIO(strip({"none": drive}))) as still:
        assert still.format == "JPEG"


def told(failures, steps=50):
    return {"offsets": [0.0] * steps, "metres_per_picture": 2.0, "failures": failures}


def test_metres_between_failures_come_with_limits_or_with_what_is_possible():
    assert metres_between([told([1]), told([2, 3]), told([])]).startswith("100 [")
    assert metres_between([told([])] * 9) == "none in 900 m (over 300)"


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 4)), min_size=1, max_size=30))
def test_a_mean_over_drives_lies_in_its_interval_where_drives_are_alike(pairs):
    values = np.array([value for value, _ in pairs])
    mean, low, high = by_drive(values, [drive for _, drive in pairs])
    assert mean == pytest.approx(values.mean())
    assert low <= high
    assert by_drive(np.ones(12), [0, 0, 1, 1, 2, 2] * 2) == (1.0, 1.0, 1.0)
