"""Rows of unknown group: the bounds they leave hold for every assignment of them, tried one by one."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.auditing.judging.missing import gap_bounds
from evenhand.auditing.table.group_names import MISSING

ONE_COLUMN = [("a",), ("b",), ("c",), (MISSING,)]
TWO_COLUMNS = [("f", "x"), ("f", "y"), ("m", "x"), ("f", MISSING), (MISSING, "x"), (MISSING, MISSING)]
few = st.integers(0, 4)


def largest(hits, others):
    """The gap between the highest and the lowest rate; None with fewer than two groups."""
    rates = [a / (a + b) for a, b in zip(hits, others, strict=True) if a + b > 0]
    return max(rates) - min(rates) if len(rates) > 1 else None


def every_gap(values, hits, others):
    """The largest gap under every assignment of the rows of unknown group."""
    known = [i for i, value in enumerate(values) if MISSING not in value]
    rows = [(i, hit) for i in range(len(values)) if i not in known for hit in [1] * hits[i] + [0] * others[i]]
    homes = [
        [k for k in known if all(v in (MISSING, w) for v, w in zip(values[i], values[k], strict=True))] for i, _ in rows
    ]
    found = []
    for choice in product(*homes):
        a, b = [hits[k] for k in range(len(values))], [others[k] for k in range(len(values))]
        for (_, hit), home in zip(rows, choice, strict=True):
            (a if hit else b)[home] += 1
        found.append(largest([a[k] for k in known], [b[k] for k in known]))
    return [gap for gap in found if gap is not None]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(few, few), min_size=3, max_size=3), st.integers(0, 3), st.integers(0, 3))
def test_bounds_hold_for_every_assignment_and_the_upper_one_is_reached(groups, hit, miss):
    hits, others = [a for a, _ in groups] + [hit], [b for _, b in groups] + [miss]
    lower, upper = gap_bounds(ONE_COLUMN, np.array(hits, float), np.array(others, float))
    if gaps := every_gap(ONE_COLUMN, hits, others):
        assert lower <= min(gaps) + 1e-12
        assert upper == pytest.approx(max(gaps))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(few, few), min_size=3, max_size=3), st.lists(st.integers(0, 1), min_size=6, max_size=6))
def test_in_an_intersection_a_row_goes_only_where_its_known_values_allow(groups, absent):
    hits, others = [a for a, _ in groups] + absent[:3], [b for _, b in groups] + absent[3:]
    lower, upper = gap_bounds(TWO_COLUMNS, np.array(hits, float), np.array(others, float))
    if gaps := every_gap(TWO_COLUMNS, hits, others):
        assert lower <= min(gaps) + 1e-12
        assert upper == pytest.approx(max(gaps))


def test_one_group_has_no_gap():
    assert np.isnan(gap_bounds([("a",), (MISSING,)], np.array([3.0, 1.0]), np.array([2.0, 1.0]))).all()


def test_rows_that_fit_no_known_group_could_be_a_group_of_their_own():
    values = [("f", "x"), ("f", "y"), ("m", MISSING)]
    assert gap_bounds(values, np.array([5.0, 5.0, 3.0]), np.array([5.0, 5.0, 0.0]))[1] == 0.5


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(few, few), min_size=3, max_size=3), few, few)
def test_more_missing_rows_never_narrow_the_bounds(groups, hit, miss):
    def at(more):
        hits, others = [a for a, _ in groups] + [hit + more], [b for _, b in groups] + [miss + more]
        return gap_bounds(ONE_COLUMN, np.array(hits, float), np.array(others, float))

    (low, high), (lower, higher) = at(0), at(1)
    if not np.isnan(high):
        assert lower <= low + 1e-12
        assert higher >= high - 1e-12
