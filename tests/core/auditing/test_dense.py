"""Counting by one whole number per row gives what hashing in an engine gives, to the last bit."""

import math
from dataclasses import fields

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import value

from evenhand.auditing import audit
from evenhand.auditing.counting import aggregation, coding, dense
from evenhand.auditing.counting.exact_sums import LOW, Sums, add_up
from evenhand.auditing.table.checks import take_roles
from evenhand.auditing.table.rows import Roles
from evenhand.auditing.table.source import open_source
from evenhand.errors import BadInput

THRESHOLD = 0.5
GROUPS = {  # two values may be called the same, and some mean that the group is missing
    "text": (["a", " a", "b", "10", "9", "", "  ", None], pl.String),
    "category": (["a", "b", "z", None], pl.Categorical),
    "kinds": (["m", "f", None], pl.Enum(["x", "f", "m"])),
    "small": ([1, 2, 3, -4, None], pl.Int8),
    "wide": ([0, 10**12, -(10**15), None], pl.Int64),
    "huge": ([2**64 - 1, 5], pl.UInt64),
    "float": ([1.0, 2.5, float("nan"), None], pl.Float64),
    "truth": ([True, False, None], pl.Boolean),
}
SCORES = [0.0, 1.0, 0.5, np.nextafter(0.5, 0), 0.25, 1 / 3, 0.499999, 5e-324, 1 - 2**-53]
QUANTITIES = {"score", "labelled_score", "squared_miss", "surprise"}


@st.composite
def tables(draw):
    """(rows, roles): any kind of group, missing labels, scores that tie with each other and with the threshold."""
    size = draw(st.integers(2, 40))

    def column(values, kind=None):
        return pl.Series(
            draw(st.lists(st.sampled_from(values), min_size=size, max_size=size)), dtype=kind, strict=False
        )

    kinds = draw(st.lists(st.sampled_from(list(GROUPS)), min_size=1, max_size=2))
    data = {f"c{i}": column(*GROUPS[kind]) for i, kind in enumerate(kinds)}
    data["y"] = column(draw(st.sampled_from([[0, 1], [0, 1, None]])), pl.Int64)
    score = st.one_of(st.sampled_from(SCORES), st.floats(0, 1))
    data["s"] = pl.Series(draw(st.lists(score, min_size=size, max_size=size)), dtype=pl.Float64)
    data["d"] = column(draw(st.sampled_from([[0, 1], [0, 1, None]])), pl.Int64)
    data["w"] = pl.Series(draw(st.lists(st.floats(0.1, 1e6), min_size=size, max_size=size)))
    data["k"] = column(["one", "two", "three", "7", "007"], pl.String)
    roles = {
        "label": "y", "score": "s", "prediction": "d" if draw(st.booleans()) else None,
        "cluster": "k" if draw(st.booleans()) else None, "weight": "w" if draw(st.booleans()) else None,
    }  # fmt: skip
    return pl.DataFrame(data), Roles(tuple(f"c{i}" for i in range(len(kinds))), **roles)


def both_ways(frame, roles, task, wanted, **how):
    """(the table counted by one number, the table hashed by all columns)."""
    rows = take_roles(open_source(frame), roles)
    assert coding.coding_of(rows, task, roles.label is not None) is not None
    decided = [1] if roles.prediction is not None and task == "binary" else None
    asked = (rows, task, [1] if task == "binary" else [], decided, THRESHOLD if task == "binary" else None, wanted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aggregation, "EXACT_ROWS", 0)
        one = aggregation.count(*asked, **how)
        patch.setattr(aggregation, "coding_of", lambda *_: None)  # as for an engine other than Polars
        return one, aggregation.count(*asked, **how)


def assert_same(one, other):
    """Every array of the two tables is the same to the last bit."""
    for field in fields(one):
        a, b = (getattr(table, field.name) for table in (one, other))
        if field.name == "moments":
            assert a.keys() == b.keys()
            assert all(np.array_equal(x, y) for name in a for x, y in zip(a[name], b[name], strict=True))
        else:
            assert np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b, field.name


@settings(max_examples=120, deadline=None)
@given(tables(), st.booleans(), st.booleans())
def test_counting_by_index_is_counting_by_hash(table, exact, levels):
    frame, roles = table
    try:
        take_roles(open_source(frame), roles)
    except BadInput:  # a column without any value
        return
    assert_same(*both_ways(frame, roles, "binary", QUANTITIES, exact=exact, levels=levels))


@settings(max_examples=40, deadline=None)
@given(tables(), st.sampled_from(["multiclass", "regression"]))
def test_so_it_is_of_classes_and_of_errors(table, task):
    frame, roles = table
    roles = Roles(roles.sensitive, "y", "s" if task == "multiclass" else None, "d", roles.cluster, roles.weight)
    try:
        take_roles(open_source(frame), roles)
    except BadInput:
        return
    wanted = {"score", "overconfidence"} if task == "multiclass" else {"abs_error", "error", "squared_error"}
    assert_same(*both_ways(frame, roles, task, wanted))


@settings(max_examples=40, deadline=None)
@given(tables())
def test_too_many_cells_to_hold_are_hashed_by_one_number(table):
    frame, roles = table
    try:
        take_roles(open_source(frame), roles)
    except BadInput:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "MOST_CELLS", 8)
        assert_same(*both_ways(frame, roles, "binary", QUANTITIES))


@pytest.mark.parametrize("weighted", [False, True])
def test_many_parts_add_up_to_the_whole(weighted):
    rng, size = np.random.default_rng(5), 300_000
    frame = pl.DataFrame(
        {
            "y": rng.integers(0, 2, size), "s": rng.random(size), "w": rng.gamma(2.0, 1.0, size),
            "c0": pl.Series(rng.integers(0, 30, size)).cast(pl.String).cast(pl.Categorical),
        }
    )  # fmt: skip
    roles = Roles(("c0",), "y", "s", weight="w" if weighted else None)
    assert_same(*both_ways(frame, roles, "binary", QUANTITIES))


def test_columns_that_cannot_be_numbered_are_hashed(monkeypatch):
    frame = pl.DataFrame({"y": [0, 1] * 20, "s": [0.2, 0.7] * 20, "c0": [str(i) for i in range(40)]})
    monkeypatch.setattr(coding, "MOST_KNOWN", 30)
    rows = take_roles(open_source(frame), Roles(("c0",), "y", "s"))
    assert coding.coding_of(rows, "binary", True) is None
    assert len(aggregation.count(rows, "binary", [1], None, 0.5, set()).n) == 40


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-8, 8)), max_size=60), st.sampled_from([1, 2, 4, 4_000]))
def test_sums_in_place_are_exact(rows, cells):
    cell = np.array([c % cells for c, _ in rows], dtype=np.int64)
    value = np.array([v for _, v in rows], dtype=float)
    sums = Sums()
    sums.add("v", pl.lit(0), 8.0)
    high, low = np.zeros((2, cells), dtype=np.int64)
    add_up(high, low, cell, value, sums.shift["v"])
    for i in range(min(cells, 4)):
        scaled = [v * 2.0 ** sums.shift["v"] for v in value[cell == i].tolist()]
        assert high[i] == sum(math.floor(x) for x in scaled)
        assert low[i] == sum(math.floor((x - math.floor(x)) * 2.0**LOW) for x in scaled)


@pytest.mark.parametrize("engine", ["at hand", "elsewhere"])
def test_values_that_are_called_alike_are_one_group_in_every_sum(engine, monkeypatch):
    frame = pl.DataFrame({"g": ["a", " a", "b", "b"] * 20, "y": [0, 0, 1, 0] * 20, "s": [0.2, 0.4, 0.4, 0.4] * 20})
    monkeypatch.setattr(aggregation, "EXACT_ROWS", 10)
    if engine == "elsewhere":
        monkeypatch.setattr(aggregation, "coding_of", lambda *_: None)
    found = audit(frame, label="y", score="s", sensitive="g", metrics=["brier", "mean_score"], replicates=200)
    assert value(found, "a", "brier") == pytest.approx((0.2**2 + 0.4**2) / 2, abs=1e-12)
    assert value(found, "a", "mean_score") == pytest.approx(0.3, abs=1e-12)
