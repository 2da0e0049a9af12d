"""Intervals of a share over clusters."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand import wilson
from evenhand_autonomy.signs.intervals import Z, clustered_share

HITS = st.lists(st.booleans(), min_size=3, max_size=60)


@given(HITS)
def test_rows_that_are_clusters_of_their_own_have_no_wider_interval_than_independent_ones(hits):
    share, lower, upper = clustered_share(hits, range(len(hits)))
    low, high = wilson(share * len(hits), len(hits), Z)
    assert share == pytest.approx(np.mean(hits))
    # the sample's variance divides by n - 1, Wilson's by n: worth is n - 1 rows at least
    assert lower <= low + 1e-12
    assert upper >= high - 1e-12
    assert upper - lower <= (high - low) * (1 + 1.5 / len(hits)) + 1e-9


@given(HITS, st.integers(2, 5))
def test_rows_said_several_times_are_worth_no_more_than_once(hits, times):
    once = clustered_share(hits, range(len(hits)))
    again = clustered_share(hits * times, list(range(len(hits))) * times)
    assert again == pytest.approx(once)


@given(HITS)
def test_the_share_lies_within_its_interval(hits):
    share, lower, upper = clustered_share(hits, [i // 2 for i in range(len(hits))])
    assert 0 <= lower <= share <= upper <= 1


def test_the_interval_is_wilsons_where_it_can_be_looked_up():
    assert wilson(9, 10, Z) == pytest.approx((0.5958, 0.9821), abs=1e-4)  # Brown, Cai & DasGupta 2001


def test_no_rows_have_no_share():
    assert all(math.isnan(value) for value in clustered_share([], []))
