"""Road scenes: what is drawn stands where the pinhole camera says, and what is told of it is true."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_autonomy.scenes.at_random import lens, pedestrian, scene
from evenhand_autonomy.scenes.camera import Camera
from evenhand_autonomy.scenes.facts import (
    ADULT,
    CHILD_RUNNING,
    DAY,
    NIGHT,
    RAIN,
    ROAD_WORKS,
    RURAL,
    URBAN,
    WEATHERS,
    WORKS,
    Road,
    Scene,
    Thing,
    steering,
)
from evenhand_autonomy.scenes.photograph import Lens, photograph

CLEAN = Lens(noise=0.0)


def adult(z, x=0.0, **others):
    return replace(pedestrian(np.random.default_rng(0), x, z, ADULT), height=1.7, width=0.6, **others)


def taken(scene, number=0):
    return photograph(scene, np.random.default_rng(number), lens=CLEAN)


def test_the_same_state_draws_the_same_photograph():
    pairs = []
    for _ in range(2):
        rng = np.random.default_rng(7)
        drawn = scene(rng)
        pairs.append(photograph(drawn, rng, lens=lens(rng)))
    (first, seen), (second, again) = pairs
    assert np.array_equal(first, second)
    assert seen == again


@given(z=st.floats(4, 40), x=st.floats(-1, 1))
def test_a_person_stands_where_the_pinhole_says(z, x):
    camera = Camera()
    _, (seen,) = taken(Scene(Road(URBAN), things=(adult(z, x),)))
    left, top, right, bottom = seen.box
    u, foot = camera.place(x, z)
    assert abs((left + right) / 2 - u) <= 1
    assert abs(bottom - min(foot, camera.height)) <= 1
    assert abs((foot - top) - 1.7 * camera.pixels / z) <= 1


def test_who_stands_behind_another_is_told_as_hidden():
    _, seen = taken(Scene(Road(URBAN), things=(adult(12.0), adult(8.0))))
    near, far = seen
    assert near.thing.z < far.thing.z
    assert near.occluded == 0
    assert far.occluded > 0.5


def test_what_is_beside_the_picture_is_not_seen():
    _, seen = taken(Scene(Road(URBAN), things=(adult(5.0, x=9.0),)))
    assert seen == ()


def test_trees_are_no_obstacles():
    _, seen = taken(Scene(Road(RURAL), things=(Thing("", "tree", 4.0, 15.0, 3.0, 5.0),)))
    assert seen == ()


def test_dark_clothes_stand_out_less_than_bright_ones_at_night():
    contrast = {}
    for clothing in (0.03, 0.7):
        night = Scene(Road(RURAL), time=NIGHT, things=(adult(18.0, clothing=clothing),))
        empty, _ = taken(replace(night, things=()))
        picture, (seen,) = taken(night)
        left, top, right, bottom = seen.box
        moved = picture.astype(float)[top:bottom, left:right] - empty.astype(float)[top:bottom, left:right]
        contrast[clothing] = np.abs(moved).mean()
    assert contrast[0.03] < 0.5 * contrast[0.7]


@pytest.mark.parametrize("weather", WEATHERS)
def test_every_weather_and_hour_can_be_photographed(weather):
    for time in (DAY, NIGHT):
        picture, _ = taken(Scene(Road(URBAN), weather=weather, time=time))
        assert picture.shape == (96, 160, 3)
        assert picture.std() > 5


def test_fog_hides_what_is_far():
    def contrast(weather):
        view = Scene(Road(RURAL), weather=weather, things=(adult(35.0),))
        picture, (seen,) = taken(view)
        left, top, right, bottom = seen.box
        return np.ptp(picture[top:bottom, left:right].astype(float).mean(2))

    assert contrast("fog") < 0.6 * contrast("clear")


def test_the_lane_goes_where_the_road_bends():
    def line(curvature):
        road = Road(URBAN, curvature=curvature, paint=0.9, asphalt=0.1, centre="none")
        picture, _ = taken(Scene(road))
        row = picture[52].astype(float).mean(1)  # some 22 metres ahead: the right edge's line is the brightest
        return int(row[80:120].argmax()) + 80

    assert line(0.003) > line(0.0) > line(-0.003)


@given(st.floats(-0.03, 0.03), st.floats(-1.5, 1.5), st.floats(-0.2, 0.2))
def test_steering_brings_the_vehicle_back(curvature, offset, heading):
    angle = steering(Road(URBAN, curvature=curvature), offset, heading)
    mirrored = steering(Road(URBAN, curvature=-curvature), -offset, -heading)
    assert angle == pytest.approx(-mirrored)
    assert angle > steering(Road(URBAN, curvature=curvature), offset + 0.1, heading)  # further right: steer left


def test_scene_families_bring_what_their_name_says():
    rng = np.random.default_rng(3)
    works = scene(rng, family=ROAD_WORKS)
    assert any(thing.category == WORKS and thing.kind == "digger" for thing in works.things)
    running = scene(rng, family=CHILD_RUNNING)
    assert any(thing.running for thing in running.things)
    assert not any(thing.running for thing in scene(rng).things)


def test_wet_roads_mirror_and_are_darker():
    dry, _ = taken(Scene(Road(URBAN)))
    wet, _ = taken(Scene(Road(URBAN), weather=RAIN))
    assert wet[70:].mean() != dry[70:].mean()
