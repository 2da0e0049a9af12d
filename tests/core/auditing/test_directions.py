"""Each direction of a verdict keeps its own promise: exceeded and within are each wrong in at most 5 % of audits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import counted, gaps

from evenhand.auditing import audit
from evenhand.auditing.evidence.bands import draw_maxima
from evenhand.auditing.evidence.directed import SEEN, Alarms, chance, exceeding_critical, tail
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.judging.deciding import Case, decided
from evenhand.auditing.judging.verdicts import EXCEEDED, UNSURE, WITHIN, Deciding
from evenhand.statistics.intervals import NORMAL, difference

BY = {"label": "y", "prediction": "d", "sensitive": "g"}
ONE_SIDED = -NORMAL.inv_cdf(0.05)


def estimates(hits, sizes):
    full = np.broadcast_to(np.asarray(sizes, dtype=float), hits.shape)
    return GroupEstimates(hits / full, np.zeros(hits.shape), full, np.full(hits.shape, np.inf), full, True)


def pairs(found, c):
    lower, upper = found.deciding(c)
    return difference(found.value[:, None], (lower[:, None], upper[:, None]), found.value[None], (lower, upper))


def said(rng, sizes, rates, tolerance, metrics, runs):
    """(share of audits with anything exceeded, with anything within, with all within)."""
    sizes, tally = np.asarray(sizes), np.zeros(3)
    for i in range(runs):
        found = [estimates(row, sizes) for row in rng.binomial(sizes, rates, (metrics, len(sizes)))]
        if i % 50 == 0:
            drawn = [draw_maxima(one, one.rows, 1000, (i, k), tolerance) for k, one in enumerate(found)]
        cases = [
            Case(
                Alarms(maxima),
                lambda c, one=one: pairs(one, c)[0].max() > tolerance,
                lambda c, one=one: pairs(one, c)[1].max() <= tolerance,
            )
            for one, maxima in zip(found, drawn, strict=True)
        ]
        levels = decided(cases, 0.05)
        exceeded = [case.exceeds(level.exceed) for case, level in zip(cases, levels, strict=True)]
        within = [case.holds(level.within) for case, level in zip(cases, levels, strict=True)]
        tally += any(exceeded), any(within), all(within)
    return tally / runs


MARGIN = 3 * np.sqrt(0.05 * 0.95 / 250)  # three standard errors of 250 simulations


@pytest.mark.parametrize(
    ("sizes", "low", "tolerance", "metrics"),
    [
        ((100, 100), 0.5, 0.05, 1),
        ((20, 20), 0.5, 0.1, 1),
        ((5_000, 200), 0.02, 0.02, 1),
        ((300,) * 12, 0.5, 0.05, 1),
        pytest.param((300,) * 4, 0.5, 0.05, 3, marks=pytest.mark.slow),
        pytest.param((5_000, *[50] * 11), 0.02, 0.02, 1, marks=pytest.mark.slow),
    ],
)
def test_gaps_of_just_the_tolerance_are_seldom_called_exceeded_or_within(sizes, low, tolerance, metrics):
    """Half of the groups lie the tolerance above the other half, the worst there is; each direction has its 5 %."""
    rates = np.where(np.arange(len(sizes)) % 2, low + tolerance, low)
    exceeded, within, _ = said(np.random.default_rng(20261126), sizes, rates, tolerance, metrics, 250)
    assert exceeded <= 0.05 + MARGIN
    assert within <= 0.05 + MARGIN


@pytest.mark.parametrize(
    ("sizes", "high", "tolerance", "least"), [((500, 500), 0.5, 0.1, 0.77), ((2_000,) * 12, 0.5, 0.1, 0.97)]
)
def test_groups_that_are_alike_are_called_within_as_often_as_two_one_sided_tests_would(sizes, high, tolerance, least):
    assert said(np.random.default_rng(1), sizes, np.full(len(sizes), high), tolerance, 1, 200)[1] >= least


def test_one_gap_needs_one_sided_evidence():
    """Of two groups with rates .7 and .5 in 100 rows each a one-sided z-test of .05 says so in 71 %."""
    rates = np.array([0.7, 0.5])
    assert said(np.random.default_rng(2), (100, 100), rates, 0.05, 1, 250)[0] >= 0.62


@given(st.lists(st.floats(0.1, 10), min_size=SEEN + 1, max_size=200), st.floats(0, 12), st.floats(0, 12))
def test_a_tail_falls_from_one_to_nothing(draws, one, other):
    draws = np.sort(np.array(draws))
    low, high = sorted((one, other))
    assert 0 <= tail(draws, high) <= tail(draws, low) <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.sampled_from([0.0, 0.01, 0.05, 0.3]), st.floats(0.01, 0.2))
def test_the_critical_value_spends_the_level_and_lies_between_one_and_two_sides(groups, tolerance, level):
    found = estimates(np.full(groups, 50), 100)
    families = [Alarms(draw_maxima(found, found.rows, 1000, (k,), tolerance)) for k in range(2)]
    two_sided = [Alarms(draw_maxima(found, found.rows, 1000, (k,))) for k in range(2)]
    c = exceeding_critical(families, level)
    assert chance(families, c) <= level + 1e-9
    assert -NORMAL.inv_cdf(level) < c <= exceeding_critical(two_sided, level) + 1e-9


def test_what_is_decided_no_longer_counts_among_the_rest():
    maxima = draw_maxima(estimates(np.array([50, 50]), 100), np.array([100.0, 100.0]), 1000, (0,), 0.3)
    sure, open_ = (Case(Alarms(maxima), lambda c, at=at: c < at, lambda c: False) for at in (9.0, 0.0))
    levels = decided([sure, open_, open_], 0.05)
    assert levels[0].exceed > levels[1].exceed == levels[2].exceed
    inside = Case(Alarms(maxima), lambda c: False, lambda c: True)
    never = Case(Alarms(maxima), lambda c: False, lambda c: False)
    levels = decided([inside, never], 0.05)
    assert levels[0].within > levels[1].within == pytest.approx(ONE_SIDED)


limits = st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(lambda two: (min(two), max(two)))


@given(limits, limits, limits, st.floats(0, 0.5))
def test_limits_that_are_shown_never_speak_against_the_verdict(two_sided, exceed, within, tolerance):
    decides = Deciding(exceed, within)
    if exceed[0] > tolerance or exceed[1] < -tolerance:
        low, high = decides.shown(two_sided, tolerance, EXCEEDED)
        assert low > tolerance or high < -tolerance
    if -tolerance <= within[0] and within[1] <= tolerance:
        low, high = decides.shown(two_sided, tolerance, WITHIN)
        assert -tolerance <= low
        assert high <= tolerance
    assert decides.shown(two_sided, tolerance, UNSURE) == two_sided


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=4),
    st.sampled_from([0.0, 0.02, 0.1]),
)
def test_no_verdict_disagrees_with_its_p_value(groups, tolerance):
    found = audit(
        counted(**{f"g{i}": (hit, 5, miss, 5) for i, (hit, miss) in enumerate(groups)}),
        **BY,
        tolerance={"tpr": tolerance, "fpr": tolerance},
    )
    for kind in ("difference", "rest", "largest"):
        for metric in ("tpr", "fpr"):
            for gap in gaps(found, metric, kind):
                assert (gap["verdict"] == EXCEEDED) == (gap["p_adjusted"] <= 0.05)


def test_two_groups_are_one_comparison_with_one_p_value():
    found = audit(counted(a=(80, 10, 20, 90), b=(65, 10, 35, 90)), **BY, metrics=["tpr"], tolerance={"tpr": 0.0})
    each = [gap for gap in found.data["attributes"][0]["gaps"] if gap["kind"] != "ratio"]
    assert len({gap["verdict"] for gap in each}) == 1
    assert [gap["p_value"] for gap in each] == pytest.approx([each[0]["p_value"]] * len(each), abs=0.01)
    assert [gap["p_adjusted"] for gap in each] == pytest.approx([each[0]["p_adjusted"]] * len(each), abs=1e-6)


def test_the_budget_is_declared_and_shared():
    frame = counted(a=(80, 10, 20, 90), b=(65, 10, 35, 90))
    alone = audit(frame, **BY, tolerance={"tpr": 0.05}).data["question"]["error_budget"]
    assert alone == {"whole": 0.05, "look": None, "exceeded": 0.05, "within": 0.05, "split": {"tolerances": 0.05}}
    both = audit(frame, **BY, tolerance={"tpr": 0.05}, policy="us-four-fifths").data["question"]["error_budget"]
    assert both["split"] == {"tolerances": 0.025, "impact ratios": 0.025}
