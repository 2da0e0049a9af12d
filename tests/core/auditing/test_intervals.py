"""Intervals against published worked examples and against references that compute the same another way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evenhand.statistics.intervals import (
    chi_square,
    critical,
    difference,
    far_share,
    quotient,
    share,
    student,
    wilson,
)
from evenhand.statistics.multiplicity import holm
from evenhand.statistics.tails import log_upper_tail, mid_p_lower

Z = critical(0.95)


# Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3
@pytest.mark.parametrize(
    ("x", "n", "lower", "upper"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_published_limits(x, n, lower, upper):
    found = wilson(np.array([x]), np.array([n]), Z)
    assert found[0][0] == pytest.approx(lower, abs=5e-5)
    assert found[1][0] == pytest.approx(upper, abs=5e-5)


# Newcombe 1998, Statistics in Medicine 17:873-890, table II, method 10
@pytest.mark.parametrize(
    ("a", "m", "b", "n", "lower", "upper"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_differences_have_newcombes_published_limits(a, m, b, n, lower, upper):
    def limits(x, size):
        return wilson(np.array(x), np.array(size), Z)

    found = difference(np.array(a / m), limits(a, m), np.array(b / n), limits(b, n))
    assert found[0] == pytest.approx(lower, abs=6e-5)
    assert found[1] == pytest.approx(upper, abs=6e-5)


# Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 6
@pytest.mark.parametrize(
    ("x", "n", "lower", "upper"),
    [(81, 263, 0.2544, 0.3658), (15, 148, 0.0601, 0.1581), (0, 20, 0.0, 0.1391), (1, 29, 0.0017, 0.1585)],
)
def test_mid_p_limits_are_newcombes_published_ones(x, n, lower, upper):
    tail = log_upper_tail(Z)
    assert mid_p_lower(x, n, tail) == pytest.approx(lower, abs=5e-5)
    assert 1 - mid_p_lower(n - x, n, tail) == pytest.approx(upper, abs=5e-5)


@settings(deadline=None)
@given(st.floats(0, 120), st.floats(0.5, 5_000), st.floats(1.98, 9), st.floats(0, 3))
def test_far_limits_hold_the_share_and_only_widen(x, more, c, further):
    n = x + more
    wide, wider = far_share(x, n, c), far_share(x, n, c + further)
    assert 0 <= wider[0] <= wide[0] <= x / n <= wide[1] <= wider[1] <= 1
    pointwise = share(x, n, 1.96)
    assert wide[0] <= pointwise[0]
    assert pointwise[1] <= wide[1]


@settings(deadline=None)
@given(st.floats(0, 120), st.floats(0.5, 5_000), st.floats(1.98, 9))
def test_far_limits_of_misses_mirror_those_of_hits(x, more, c):
    lower, upper = far_share(x, x + more, c)
    low, high = far_share(more, x + more, c)
    assert lower == pytest.approx(1 - high, abs=1e-9)
    assert upper == pytest.approx(1 - low, abs=1e-9)


def test_no_event_still_has_an_interval():
    lower, upper = wilson(np.array([0, 30]), np.array([30, 30]), Z)
    assert lower[0] == 0
    assert 0.05 < upper[0] < 0.2
    assert upper[1] == 1
    assert 0.8 < lower[1] < 0.95


def test_a_difference_of_what_moves_together_is_narrower():
    a, b = np.array(0.5), np.array(0.4)
    limits = (np.array(0.4), np.array(0.6)), (np.array(0.3), np.array(0.5))
    free, tied = (difference(a, limits[0], b, limits[1], r) for r in (0.0, 0.8))
    assert tied[1] - tied[0] < free[1] - free[0]


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99, 0.9999])
@pytest.mark.parametrize("freedom", [1, 2, 3, 5, 9, 30, 200])
def test_student_agrees_with_scipy(confidence, freedom):
    expected = stats.t.ppf(0.5 + confidence / 2, freedom)
    assert student(critical(confidence), np.array([freedom]))[0] == pytest.approx(expected, rel=2e-3)


def test_student_with_no_freedom_bounds_nothing():
    assert student(Z, np.array([0.0]))[0] == np.inf
    assert student(Z, np.array([np.inf]))[0] == pytest.approx(Z)


def test_a_quotient_lies_within_its_limits_and_is_unbounded_over_zero():
    value, zero = (np.array([0.4]), np.array([0.0]))
    limits = wilson(np.array([40]), np.array([100]), Z)
    lower, upper = quotient(value, limits, np.array([0.5]), wilson(np.array([50]), np.array([100]), Z))
    assert 0 < lower[0] < 0.8 < upper[0]
    assert quotient(value, limits, zero, wilson(np.array([0]), np.array([100]), Z))[1][0] == np.inf


def test_holm_by_hand():
    # sorted .005 .01 .03 .04 -> ×4 ×3 ×2 ×1 = .02 .03 .06 .04, then the running maximum
    assert holm(np.array([0.01, 0.04, np.nan, 0.03, 0.005])) == pytest.approx(
        [0.03, 0.06, np.nan, 0.06, 0.02], nan_ok=True
    )


@pytest.mark.parametrize("freedom", [1, 2, 3, 8, 29, 499])
@pytest.mark.parametrize("p", [0.005, 0.025, 0.5, 0.975, 0.9995])
def test_chi_square_agrees_with_scipy(p, freedom):
    assert chi_square(p, freedom) == pytest.approx(stats.chi2.ppf(p, freedom), rel=1e-6)
