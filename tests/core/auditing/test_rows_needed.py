"""Rows that would settle a verdict: the chance that is stated is the chance there is, and none are promised in vain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import counted

from evenhand.auditing import audit
from evenhand.auditing.evidence.bands import draw_maxima
from evenhand.auditing.evidence.directed import Alarms
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.judging.deciding import Case, decided
from evenhand.auditing.judging.rows_needed import rows_needed
from evenhand.statistics.intervals import difference

BY = {"label": "y", "prediction": "d", "sensitive": "g"}
TOLERANCE = 0.05


def estimates(hits, sizes):
    full = np.broadcast_to(np.asarray(sizes, dtype=float), hits.shape)
    return GroupEstimates(hits / full, np.zeros(hits.shape), full, np.full(hits.shape, np.inf), full, True)


def pairs(found, c):
    lower, upper = found.deciding(c)
    return difference(found.value[:, None], (lower[:, None], upper[:, None]), found.value[None], (lower, upper))


def verdict(found):
    """(its levels, whether there is one)."""
    case = Case(
        Alarms(draw_maxima(found, found.rows, 1000, (0,), TOLERANCE)),
        lambda c: pairs(found, c)[0].max() > TOLERANCE,
        lambda c: pairs(found, c)[1].max() <= TOLERANCE,
    )
    (levels,) = decided([case], 0.05)
    return levels, case.exceeds(levels.exceed) or case.holds(levels.within)


def settled(rates, size, runs):
    """(share settled once the rows are added, how often rows were told) where groups are as they seem to be."""
    rng, told = np.random.default_rng(20261126), []
    names = [str(i) for i in range(len(rates))]
    for _ in range(runs):
        hits = rng.binomial(size, rates)
        found = estimates(hits, size)
        levels, already = verdict(found)
        if already:
            continue
        needed = rows_needed(names, found, found.rows, np.arange(len(rates)), TOLERANCE, levels)
        if needed is None:
            continue
        more = np.array([needed["groups"].get(name, 0) for name in names])
        told.append(verdict(estimates(hits + rng.binomial(more, rates), size + more))[1])
    return float(np.mean(told)), len(told)


@pytest.mark.parametrize(("rates", "size"), [((0.5, 0.5), 500), ((0.5,) * 5, 500), ((0.5, 0.65), 150)])
def test_the_rows_that_are_told_settle_it_as_often_as_they_say(rates, size):
    """80 % where the gap is as it seems; chance makes it seem other than it is, and in five points that evens out."""
    share, told = settled(rates, size, 150)
    assert told > 30
    assert share >= 0.75 - 2 * np.sqrt(0.8 * 0.2 / told)


def test_no_rows_are_promised_where_the_gap_is_the_tolerance():
    """At .55 against .5 and a tolerance of .05 no number of rows decides."""
    found = estimates(np.array([55_000, 50_000]), 100_000)
    levels, already = verdict(found)
    assert not already
    assert rows_needed(["a", "b"], found, found.rows, np.arange(2), TOLERANCE, levels) is None
    told = audit(counted(a=(550, 10, 450, 10), b=(500, 10, 500, 10)), **BY, tolerance={"tpr": 0.05})
    assert told.data["verdicts"][0]["rows_needed"] is None
    assert "No number of rows promises an answer" in told.data["verdicts"][0]["says"]


def test_the_sentence_says_for_which_chance_and_which_gap():
    found = audit(counted(a=(80, 10, 20, 90), b=(79, 10, 21, 90)), **BY, tolerance={"tpr": 0.05})
    one = found.data["verdicts"][0]
    assert "a chance of 80%" in one["says"]
    assert f"if the true gap is about {one['rows_needed']['gap']:.3g}" in one["says"]
    least, most = one["rows_needed"]["range"]
    assert least < sum(one["rows_needed"]["groups"].values()) < most


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), min_size=2, max_size=6),
    st.sampled_from([0.02, 0.1, 0.3]),
)
def test_rows_are_whole_and_of_groups_that_there_are(groups, tolerance):
    hits, sizes = np.array([min(h, n) for h, n in groups]), np.array([n for _, n in groups], dtype=float)
    found = estimates(hits, sizes)
    levels, _ = verdict(found)
    names = [str(i) for i in range(len(groups))]
    needed = rows_needed(names, found, 2 * sizes, np.arange(len(groups)), tolerance, levels)
    if needed is not None:
        assert needed["groups"]
        assert set(needed["groups"]) <= set(names)
        assert all(isinstance(n, int) and n > 0 for n in needed["groups"].values())
        assert 0 <= needed["gap"] <= 1
