"""The sign simulator: repeatable, every class its own drawing, every photograph with its truth."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand_autonomy.simulator.backgrounds import RURAL, URBAN
from evenhand_autonomy.simulator.banks import one, render
from evenhand_autonomy.simulator.classes import CLASSES, FAMILIES, NAMES
from evenhand_autonomy.simulator.plates import EDITIONS, plate
from evenhand_autonomy.simulator.signs import SIDE, TIMES, WEATHERS, photograph, scene


def test_there_are_43_classes_each_with_a_name_and_a_family():
    assert CLASSES == len(set(NAMES)) == len(FAMILIES) == 43
    assert Counter(FAMILIES.values()) == {
        "speed limit": 8,
        "other prohibition": 5,
        "end of restriction": 4,
        "danger": 14,
        "mandatory": 8,
        "priority": 4,
    }


def test_no_two_classes_look_alike_as_drawn():
    drawn = [np.asarray(plate(number).convert("RGBA"), float) for number in range(CLASSES)]
    nearest = min(np.abs(a - b).mean() for a, b in combinations(drawn, 2))
    assert nearest > 1.5  # 60 and 80 are the nearest, at about 2 of 255


def test_editions_of_a_class_differ_but_by_less_than_classes_of_other_shapes():
    first, second = (np.asarray(plate(2, number), float) for number in (0, 5))
    other = np.asarray(plate(13), float)
    assert 0 < np.abs(first - second).mean() < np.abs(first - other).mean()


def test_a_photograph_depends_on_its_seed_and_number_alone():
    alone, _ = one(3, 17)
    among = render(3, [5, 17, 40])
    assert (among.pictures[1] == alone).all()
    assert (one(4, 17)[0] != alone).any()


def test_a_bank_tells_the_truth_of_every_photograph():
    bank = render(0, range(2 * CLASSES))
    assert bank.pictures.shape == (2 * CLASSES, SIDE, SIDE, 3)
    assert bank.pictures.dtype == np.uint8
    assert Counter(bank.labels.tolist()) == dict.fromkeys(range(CLASSES), 2)
    columns = bank.columns()
    assert set(columns["weather"]) <= set(WEATHERS)
    assert set(columns["time"]) <= set(TIMES)
    assert set(columns["road"]) == {URBAN, RURAL}
    assert all(6 <= metres <= 50 for metres in columns["distance"])


@given(st.integers(0, 2**31), st.integers(0, CLASSES - 1), st.sampled_from([*TIMES]), st.sampled_from([*WEATHERS]))
@settings(max_examples=40)
def test_any_scene_can_be_photographed(seed, class_id, time, weather):
    rng = np.random.default_rng(seed)
    truth = scene(rng, class_id, time=time, weather=weather)
    picture, seen = photograph(truth, rng)
    assert (seen.class_id, seen.time, seen.weather) == (class_id, time, weather)
    assert picture.shape == (SIDE, SIDE, 3)
    assert 0 <= seen.covered <= 1
    assert seen.covered == 0 or seen.occlusion not in ("none", "shadow")


def test_nights_are_darker_than_days_and_far_signs_are_blurrier_than_near_ones():
    def mean_of(measure, **fixed):
        found = []
        for number in range(60):
            rng = np.random.default_rng([9, number])
            found.append(measure(photograph(scene(rng, 14, **fixed), rng)[0].astype(float)))
        return np.mean(found)

    assert mean_of(np.mean, time="night") < 0.7 * mean_of(np.mean, time="day")

    def detail(picture):
        grey = picture.mean(2)
        return np.abs(np.diff(grey, axis=1)).mean() / (grey.std() + 1)

    assert mean_of(detail, time="day", size=15, motion=0.0) < mean_of(detail, time="day", size=90, motion=0.0)


@pytest.mark.parametrize("name", ["edition", "wear", "size"])
def test_what_is_fixed_is_not_left_to_chance(name):
    rng = np.random.default_rng(0)
    value = {"edition": EDITIONS - 1, "wear": 0.5, "size": 33}[name]
    assert getattr(scene(rng, 0, **{name: value}), name) == value
