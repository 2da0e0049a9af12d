"""Slices of sign pictures follow their formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_autonomy.signs.slices import BRIGHTNESS, CONTRAST, SHARPNESS, SIZES, band, measures, slice_columns


def flat(value, side=48):
    return np.full((1, side, side, 3), value, np.uint8)


@given(st.integers(0, 255))
def test_a_flat_picture_has_its_own_brightness_and_no_contrast(value):
    found = measures(flat(value))
    assert found["brightness"][0] == pytest.approx(value, abs=0.01)
    assert found["contrast"][0] == pytest.approx(0, abs=0.01)
    assert found["sharpness"][0] == pytest.approx(0, abs=0.01)


def test_brightness_weighs_colours_as_the_standard_does():
    green, blue = flat(0), flat(0)
    green[..., 1] = blue[..., 2] = 100
    assert measures(green)["brightness"][0] == pytest.approx(58.7, abs=0.01)
    assert measures(blue)["brightness"][0] == pytest.approx(11.4, abs=0.01)


def test_contrast_is_the_standard_deviation_of_luma():
    picture = flat(50)
    picture[:, :, ::2] = 150
    assert measures(picture)["contrast"][0] == pytest.approx(50, abs=0.01)


def test_sharpness_falls_with_blur_and_not_with_contrast():
    rng = np.random.default_rng(0)
    sharp = rng.integers(0, 200, (1, 48, 48, 1)).repeat(3, 3).astype(np.uint8)
    dimmer = (sharp // 2).astype(np.uint8)
    blurred = sum(np.roll(sharp.astype(float), shift, 2) for shift in (-1, 0, 1)) / 3
    values = [measures(picture.astype(np.uint8))["sharpness"][0] for picture in (sharp, dimmer, blurred)]
    assert values[1] == pytest.approx(values[0], rel=0.02)
    assert values[2] < 0.7 * values[0]


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([BRIGHTNESS, CONTRAST, SHARPNESS, SIZES]))
def test_every_value_falls_into_one_band_and_bands_are_in_order(values, bands):
    names = [name for _, name in bands]
    places = [names.index(name) for name in band(sorted(values), bands)]
    assert places == sorted(places)


@pytest.mark.parametrize(("value", "name"), [(34.9, "under 35"), (35, "35 to 70"), (129.9, "70 to 130")])
def test_a_cut_point_belongs_to_the_band_above(value, name):
    assert band([value], BRIGHTNESS) == [name]


def test_families_come_from_the_class():
    columns = slice_columns(np.concatenate([flat(9)] * 3), [2, "27", 40], [15, 40, 100])
    assert columns["sign_family"] == ["speed limit", "danger", "mandatory"]
    assert columns["sign_size"] == ["under 20 px", "32 to 63 px", "64 px and more"]
