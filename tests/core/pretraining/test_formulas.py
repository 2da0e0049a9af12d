"""Pictures of formulas: functions of seed and number, of which a simple classifier can tell the classes apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.pretraining.formulas import FILLED, GRID, Formulas, fractal, fractal_class
from evenhand.pretraining.views import Views, part

PLAIN = ((0.0,) * 3, (1.0,) * 3)


@given(number=st.integers(0, 10_000), seed=st.integers(0, 5), kind=st.sampled_from(["both", "fractals", "contours"]))
@settings(max_examples=25)
def test_a_picture_is_a_function_of_seed_and_number_with_paper_and_pen(number, seed, kind):
    pixels, which = Formulas(6, kind, 40, seed).draw(number)
    again, _ = Formulas(6, kind, 40, seed).draw(number)
    assert which == number % 6
    assert pixels.shape == (40, 40, 3)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, again)
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    assert len(colours) == 2
    assert counts.min() >= 20, "nothing is drawn, or no paper is left"


def test_pictures_of_one_class_differ_and_seeds_give_other_classes():
    formulas = Formulas(4, "fractals", 40, 0)
    assert not np.array_equal(formulas.draw(0)[0], formulas.draw(4)[0])
    assert not np.array_equal(fractal_class(0, 0)[0], fractal_class(1, 0)[0])


@pytest.mark.parametrize("which", range(4))
def test_a_fractal_is_neither_dust_nor_a_blot_and_stays_near(which):
    points = fractal(fractal_class(7, which), np.random.default_rng(0), change=0.0)
    covered = (np.histogram2d(*points.T, bins=GRID)[0] > 0).mean()
    assert FILLED[0] / 2 < covered < FILLED[1] * 1.3
    assert np.isfinite(points).all()


def test_classes_can_be_told_apart():
    """Nearest mean of the drawing's profile by distance from its centre, far above chance."""

    def profile(number):
        pixels = Formulas(6, "both", 48, 0).draw(number)[0].astype(float)
        ink = np.abs(pixels - pixels[0, 0]).sum(-1) > 0
        y, x = np.mgrid[:48, :48]
        rings = np.hypot(x - 23.5, y - 23.5).astype(int).clip(max=30)
        return np.bincount(rings.ravel(), ink.ravel(), 31) / np.bincount(rings.ravel(), minlength=31)

    means = np.stack([np.mean([profile(which + 6 * i) for i in range(12)], 0) for which in range(6)])
    seen = [(number % 6, np.linalg.norm(means - profile(number), axis=1).argmin()) for number in range(72, 144)]
    assert np.mean([right == found for right, found in seen]) > 0.4  # chance is 0.17


@given(width=st.integers(1, 400), height=st.integers(1, 400), least=st.floats(0.05, 1), seed=st.integers(0, 2**32 - 1))
def test_a_part_lies_in_the_picture_and_is_as_large_as_promised(width, height, least, seed):
    left, top, right, bottom = part((width, height), least, np.random.default_rng(seed))
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert (right - left) * (
        bottom - top
    ) >= least * width * height * 0.74  # a long part that is cut off loses a quarter


def test_a_view_is_normalised_and_follows_from_its_generator():
    picture = np.full((20, 30, 3), 255, np.uint8)
    views = Views(16, 0.5, True, False, (0.5,) * 3, (0.25,) * 3)
    first, second = (views(picture, np.random.default_rng(4)) for _ in range(2))
    assert first.shape == (3, 16, 16)
    assert first.dtype == np.float32
    assert np.array_equal(first, second)
    assert first.max() <= 2.0 + 1e-6  # (1 - 0.5) / 0.25


def test_only_where_asked_are_left_and_right_exchanged():
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:, 8:] = 200
    for mirror in (True, False):
        views = Views(16, 1.0, mirror, False, *PLAIN)
        seen = {bool(views(picture, np.random.default_rng(i))[0, 8, 2] > 0.3) for i in range(20)}
        assert seen == ({True, False} if mirror else {False})
