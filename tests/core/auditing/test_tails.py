"""The tails that evidence is made of agree with SciPy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.statistics.tails import hypergeometric_tail, log_factorial, log_upper_tail, mid_p_lower, upper_tail_t


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(0, 200), st.integers(1, 400), st.data())
def test_the_tail_is_that_of_fishers_exact_test(n, events, rest, data):
    stats = pytest.importorskip("scipy.stats", reason="SciPy is the reference here")
    events = min(events, n + rest)
    x = data.draw(st.integers(max(0, events - rest), min(n, events)))
    exact = stats.hypergeom.sf(x - 1, n + rest, events, n)
    found = float(hypergeometric_tail(x, n, events, n + rest))
    assert found >= exact * (1 - 1e-8)
    assert found <= exact * 1.05 + 1e-12 or exact > 0.2


def test_student_and_gamma_agree_with_scipy():
    special, stats = pytest.importorskip("scipy.special"), pytest.importorskip("scipy.stats")
    x = np.array([0.0, 0.3, 1.0, 2.5, 12.0, 1e3, 1e7])
    np.testing.assert_allclose(log_factorial(x), special.gammaln(x + 1), rtol=1e-10, atol=1e-9)
    t, v = np.meshgrid([0.5, 2.0, 4.0, 6.0], [29, 100, 10_000])
    np.testing.assert_allclose(upper_tail_t(t, v), stats.t.sf(t, v), rtol=0.02)


@settings(deadline=None)
@given(st.integers(1, 3_000), st.integers(0, 3_000), st.floats(1.98, 8.0))
def test_a_mid_p_limit_leaves_the_tail_that_is_asked_for(n, x, c):
    stats = pytest.importorskip("scipy.stats")
    x = min(x, n)
    limit = float(mid_p_lower(x, n, log_upper_tail(c)))
    if x == 0:
        assert limit == 0
    else:
        assert stats.binom.sf(x, n, limit) + stats.binom.pmf(x, n, limit) / 2 == pytest.approx(
            stats.norm.sf(c), rel=1e-5
        )


@settings(deadline=None)
@given(st.floats(0.05, 60.0), st.floats(1.0, 2_000.0), st.floats(1.98, 5.0))
def test_fractions_of_rows_have_the_tail_of_the_beta_distribution(x, more, c):
    special, stats = pytest.importorskip("scipy.special"), pytest.importorskip("scipy.stats")
    n = x + more
    limit = float(mid_p_lower(x, n, log_upper_tail(c)))
    tail = special.betainc(x + 1, n - x, limit) / 2 + special.betainc(x, n - x + 1, limit) / 2
    assert limit < 1e-200 or tail == pytest.approx(stats.norm.sf(c), rel=0.03)


def test_the_normal_tail_goes_on_where_floats_end():
    stats = pytest.importorskip("scipy.stats")
    z = np.array([0.0, 1.96, 8.0, 29.9, 30.1, 37.0, 1e3, 1e6])
    np.testing.assert_allclose(log_upper_tail(z), stats.norm.logsf(z), rtol=1e-7)
