"""The tails that evidence is made of agree with SciPy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.statistics.tails import hypergeometric_tail, log_factorial, upper_tail_t


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
