"""Rows of unknown group: the bounds they leave hold for every assignment of them, tried one by one."""

from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import counted, gaps, group_of

from evenhand.auditing import audit
from evenhand.auditing.counting.counts import CELLS
from evenhand.auditing.judging.missing import gap_bounds, least_ratios, left_open
from evenhand.auditing.metrics.built_in import BINARY
from evenhand.auditing.table.group_names import MISSING

ONE_COLUMN = [("a",), ("b",), ("c",), (MISSING,)]
TWO_COLUMNS = [("f", "x"), ("f", "y"), ("m", "x"), ("f", MISSING), (MISSING, "x"), (MISSING, MISSING)]
few = st.integers(0, 4)


def largest(hits, others):
    """The gap between the highest and the lowest rate; None with fewer than two groups."""
    rates = [a / (a + b) for a, b in zip(hits, others, strict=True) if a + b > 0]
    return max(rates) - min(rates) if len(rates) > 1 else None


def assignments(values, hits, others):
    """(hits, others) of the known groups under every assignment of the rows of unknown group."""
    known = [i for i, value in enumerate(values) if MISSING not in value]
    rows = [(i, hit) for i in range(len(values)) if i not in known for hit in [1] * hits[i] + [0] * others[i]]
    homes = [
        [k for k in known if all(v in (MISSING, w) for v, w in zip(values[i], values[k], strict=True))] for i, _ in rows
    ]
    for choice in product(*homes):
        a, b = [hits[k] for k in range(len(values))], [others[k] for k in range(len(values))]
        for (_, hit), home in zip(rows, choice, strict=True):
            (a if hit else b)[home] += 1
        yield [a[k] for k in known], [b[k] for k in known]


def every_gap(values, hits, others):
    """The largest gap under every assignment."""
    found = [largest(a, b) for a, b in assignments(values, hits, others)]
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


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), few), min_size=3, max_size=3),
    st.lists(st.integers(0, 1), min_size=6, max_size=6),
    st.booleans(),
)
def test_no_assignment_moves_two_groups_further_apart_than_is_left_open(groups, absent, two):
    values = TWO_COLUMNS if two else ONE_COLUMN
    hits = [a for a, _ in groups] + (absent[:3] if two else [sum(absent[:3])])
    others = [b for _, b in groups] + (absent[3:] if two else [sum(absent[3:])])
    cells = np.zeros((len(values), len(CELLS)))
    cells[:, 0], cells[:, 2] = hits, others  # tp, fn
    open_ = left_open(values, BINARY["tpr"], cells, np.add(hits, others))
    rate = np.array(hits[:3]) / np.add(hits[:3], others[:3])
    everyone = np.array(
        [(sum(hits) - a) / (sum(hits) + sum(others) - a - b) for a, b in zip(hits, others, strict=True)]
    )[:3]
    seen, rests, ratios = [], [], []
    for a, b in assignments(values, hits, others):
        p = np.array(a) / np.add(a, b)
        rest = np.array([(sum(a) - x) / (sum(a) + sum(b) - x - y) for x, y in zip(a, b, strict=True)])
        seen.append(p[:, None] - p[None])
        rests.append(p - rest)
        ratios.append(p[:, None] / p[None])
    assert np.max(seen, axis=0) - (rate[:, None] - rate) == pytest.approx(open_.apart[:3, :3], abs=1e-12)
    assert np.max(rests, axis=0) - (rate - everyone) == pytest.approx(open_.above[:3], abs=1e-12)
    assert -np.min(rests, axis=0) + (rate - everyone) == pytest.approx(open_.below[:3], abs=1e-12)
    factor = np.min(ratios, axis=0) / (rate[:, None] / rate)
    off = ~np.eye(3, dtype=bool)
    assert least_ratios(values, BINARY["tpr"], cells)[:3, :3][off] == pytest.approx(factor[off], abs=1e-12)


# what a verdict makes of it

BY = {"label": "y", "prediction": "d", "sensitive": "g"}
EVEN = {"a": (4000, 1000, 1000, 4000), "b": (4000, 1000, 1000, 4000)}


def with_missing(cells, **groups):
    """A table in which so many (tp, fp, fn, tn) have no group."""
    return counted(**groups, lost=cells).with_columns(
        g=pl.when(pl.col("g") == "lost").then(None).otherwise(pl.col("g"))
    )


def test_within_needs_what_missing_groups_leave_open_to_fit_too():
    """1,000 positives of unknown group could move the gap to .83 against .77, beyond .05; 10 could not."""
    many = audit(with_missing((800, 200, 200, 800), **EVEN), **BY, tolerance={"tpr": 0.05})
    assert many.data["attributes"][0]["missing"]["bounds"]["tpr"]["upper"] > 0.05
    assert many.verdict == "not enough evidence"
    assert "with the rows whose group is not, it could be up to" in many.data["verdicts"][0]["says"]
    assert many.data["verdicts"][0]["rows_needed"] is None
    assert {g["verdict"] for g in gaps(many, "tpr", "difference") if g["group"] == "b"} == {"not enough evidence"}
    few = audit(with_missing((8, 2, 2, 8), **EVEN), **BY, tolerance={"tpr": 0.05})
    assert few.verdict == "within"


def test_bounds_and_sampling_error_must_fit_together():
    """Each alone stays inside the tolerance, both together do not."""
    cells = (100, 0, 25, 0)
    found = audit(with_missing(cells, **EVEN), **BY, tolerance={"tpr": 0.02})
    gap = gaps(found, "tpr", "largest")[0]
    assert found.data["attributes"][0]["missing"]["bounds"]["tpr"]["upper"] < 0.02
    assert gap["upper_simultaneous"] < 0.02
    assert found.verdict == "not enough evidence"


def test_rows_of_unknown_group_are_no_group_unless_one_asks():
    frame = with_missing((100, 50, 400, 450), **EVEN)
    found = audit(frame, **BY, tolerance={"tpr": 0.05})
    assert group_of(found, MISSING)["metrics"]["tpr"]["value"] == 0.2
    assert found.verdict == "not enough evidence"
    for gap in found.data["attributes"][0]["gaps"]:
        assert gap["kind"] not in ("largest", "ratio") or MISSING not in (gap["group"], gap["versus"])
        assert MISSING not in (gap["rows_needed"] or {"groups": {}})["groups"]
        if MISSING in (gap["group"], gap["versus"]):
            assert gap["verdict"] is None
            assert gap["tolerance"] is None
            assert gap["value"] < -0.5 or gap["metric"] != "tpr"
    asked = audit(frame, **BY, tolerance={"tpr": 0.05}, reference={"g": None})
    assert asked.verdict == "exceeded"
    assert MISSING in (asked.data["verdicts"][0]["group"], asked.data["verdicts"][0]["versus"])


def test_more_rows_are_never_asked_of_a_group_that_is_none():
    frame = with_missing((2, 1, 1, 2), a=(160, 40, 40, 160), b=(150, 40, 50, 160))
    needed = audit(frame, **BY, tolerance={"tpr": 0.1}).data["verdicts"][0]["rows_needed"]
    assert set(needed["groups"]) == {"a", "b"}


@pytest.mark.parametrize(("lost", "verdict"), [(4, "not enough evidence"), (0, "within")])
def test_a_metric_without_bounds_is_not_within_beside_missing_groups(lost, verdict):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 8000)
    score = np.clip(0.3 * label + 0.7 * rng.random(8000), 0, 1)
    frame = pl.DataFrame({"y": label, "s": score, "g": [None] * lost + ["a", "b"] * ((8000 - lost) // 2)})
    found = audit(frame, label="y", score="s", sensitive="g", metrics=["auc"], tolerance={"auc": 0.1})
    assert found.verdict == verdict
    assert ("is not bounded" in found.data["verdicts"][0]["says"]) == bool(lost)


@pytest.mark.parametrize(("lost", "verdict"), [(4000, "not enough evidence"), (40, "within"), (0, "within")])
@pytest.mark.parametrize("turned", [False, True])
def test_four_fifths_hold_only_if_missing_groups_cannot_break_them(lost, verdict, turned):
    """Of 10,000 per group 5,000 are selected; 4,000 more could leave 5,000 of 12,000 against 7,000 of 12,000."""
    frame = with_missing((lost // 2, 0, 0, lost // 2), **EVEN)
    favourable = {"favourable": "0"} if turned else {}
    found = audit(frame, prediction="d", sensitive="g", policy="us-four-fifths", positive=1, **favourable)
    (ratio,) = (v for v in found.data["verdicts"] if v.get("kind") == "ratio")
    assert ratio["verdict"] == verdict


def test_where_denial_is_counted_ratios_are_bounded_by_approvals():
    """100 of 1,000 are denied in each; 50 denied more leave 900 of 1,050 beside 900 of 1,000, above four fifths."""
    frame = with_missing((50, 0, 0, 0), a=(100, 0, 0, 900), b=(100, 0, 0, 900))
    ask = {"prediction": "d", "sensitive": "g", "policy": "us-four-fifths", "positive": 1}
    for favourable, verdict in (("0", "within"), ("1", "not enough evidence")):
        found = audit(frame, **ask, favourable=favourable)
        assert next(v for v in found.data["verdicts"] if v.get("kind") == "ratio")["verdict"] == verdict


def test_rows_that_a_column_does_not_ask_about_are_shown_and_never_compared():
    people = [("dark", 1, 0)] * 40 + [("dark", 1, 1)] * 60 + [("bright", 1, 0)] * 10 + [("bright", 1, 1)] * 90
    things = [("(not applicable)", 1, 0)] * 500 + [("(not applicable)", 0, 0)] * 500
    table = pl.DataFrame(people + things, ("clothing", "there", "found"), orient="row")
    found = audit(table, label="there", prediction="found", sensitive="clothing", tolerance={"tpr": 0.1}).data
    (attribute,) = found["attributes"]
    assert attribute["reference"] == "bright"
    assert [group["name"] for group in attribute["groups"]][-1] == "(not applicable)"
    (largest,) = [gap for gap in attribute["gaps"] if gap["metric"] == "tpr" and gap["kind"] == "largest"]
    assert largest["value"] == pytest.approx(0.3)  # 0.9 and 0.6; not the 0 of what is no person
    assert attribute["missing"] is None
    assert {verdict["verdict"] for verdict in found["verdicts"]} == {"exceeded"}


def test_rows_that_are_missing_leave_a_gap_open_beside_rows_that_do_not_apply():
    rows = [("a", 1, 1)] * 50 + [("b", 1, 1)] * 50 + [(None, 1, 0)] * 50 + [("(not applicable)", 1, 0)] * 50
    table = pl.DataFrame(rows, ("group", "y", "d"), orient="row")
    found = audit(table, label="y", prediction="d", sensitive="group", tolerance={"tpr": 0.1}).data
    assert found["attributes"][0]["missing"]["rows"] == 50
    assert found["verdict"] == "not enough evidence"
