"""Adjusted p-values against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evenhand.statistics.multiplicity import benjamini_hochberg, holm

p_values = arrays(float, st.integers(0, 12), elements=st.one_of(st.floats(0, 1), st.just(float("nan")), st.just(0.05)))


def plain_holm(p):
    """Holm: the largest of (m - j + 1) p_j over the p-values that are no larger."""
    known = sorted(v for v in p if v == v)
    m = len(known)
    return [min(1, max((m - j) * q for j, q in enumerate(known) if q <= v)) if v == v else v for v in p]


def plain_benjamini_hochberg(p):
    """Benjamini & Hochberg: the smallest of m p_j / j over the p-values that are no smaller, j the number no larger
    than p_j."""
    known = [v for v in p if v == v]
    m = len(known)
    return [min(1, *(m * q / sum(r <= q for r in known) for q in known if q >= v)) if v == v else v for v in p]


@given(p_values)
@pytest.mark.parametrize(
    ("adjusted", "definition"), [(holm, plain_holm), (benjamini_hochberg, plain_benjamini_hochberg)]
)
def test_adjusted_p_values_follow_their_definition(adjusted, definition, p):
    np.testing.assert_allclose(adjusted(p), definition(p), rtol=1e-12)


def test_the_example_of_benjamini_and_hochberg_rejects_four_of_fifteen():
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]
    assert (benjamini_hochberg(np.array(p)) <= 0.05).sum() == 4  # the paper's section 3
    assert (holm(np.array(p)) <= 0.05).sum() == 3


@given(p_values)
def test_what_is_undefined_stays_so_and_does_not_count(p):
    for adjusted in (holm, benjamini_hochberg):
        found = adjusted(p)
        assert np.array_equal(np.isnan(found), np.isnan(p))
        np.testing.assert_array_equal(found[~np.isnan(p)], adjusted(p[~np.isnan(p)]))


@given(p_values, st.randoms())
def test_the_order_of_the_tests_changes_nothing(p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    for adjusted in (holm, benjamini_hochberg):
        np.testing.assert_array_equal(adjusted(p[order]), adjusted(p)[order])


@given(p_values)
def test_holm_is_never_kinder_than_benjamini_and_hochberg(p):
    known = ~np.isnan(p)
    assert (holm(p)[known] >= benjamini_hochberg(p)[known] - 1e-12).all()
    assert (benjamini_hochberg(p)[known] >= p[known]).all()
