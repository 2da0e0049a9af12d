"""The search for slices finds what is planted, explains nothing twice, and is quiet where nothing is wrong."""

import datetime
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.auditing.plan import make_plan
from evenhand.auditing.read import open_source
from evenhand.auditing.roles import Roles, take_roles
from evenhand.auditing.slice_columns import OTHER, roundest, slice_columns
from evenhand.auditing.slice_counts import count_cells
from evenhand.auditing.slice_evidence import hypergeometric_tail, log_factorial, upper_tail_t
from evenhand.auditing.slice_family import family_of
from evenhand.auditing.slices import LEAST_ROWS, METRICS, find_slices
from evenhand.errors import BadInput

SAID = {"label": "y", "prediction": "d"}


def opened(frame, columns, **roles):
    """Rows and plan, as an audit makes them."""
    rows = take_roles(open_source(frame), Roles(sensitive=(columns[0],), slices=tuple(columns), **(roles or SAID)))
    plan = make_plan(
        rows, task=None, threshold=None, positive=None, metrics=None, extra=(), tolerance=None, reference=None,
        confidence=0.95, intersections=1, replicates=200, seed=0,
    )  # fmt: skip
    return rows, plan


def search(frame, columns, depth=3, top=20, **roles):
    return find_slices(*opened(frame, columns, **roles), columns, depth, top)


def table(rows=4_000, seed=0, bad=None, error=0.3, rest=0.1):
    """Random columns, and decisions that are wrong more often where `bad` (a Polars expression) holds."""
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "sex": rng.choice(["f", "m"], rows),
            "site": rng.choice(["north", "south", "east", "west"], rows),
            "age": rng.integers(18, 91, rows),
            "dose": np.round(rng.gamma(2.0, 1.5, rows), 2),
            "y": rng.integers(0, 2, rows),
        }
    )
    wrong = np.zeros(rows, bool) if bad is None else frame.select(bad=bad)["bad"].to_numpy()
    flip = rng.random(rows) < np.where(wrong, error, rest)
    return frame.with_columns(d=pl.Series(np.where(flip, 1 - frame["y"].to_numpy(), frame["y"].to_numpy())))


COLUMNS = ["sex", "site", "age", "dose"]
PLANTED = (pl.col("sex") == "f") & (pl.col("site") == "east")


def conditions(entry):
    return {(c["column"], c["value"]) for c in entry["slice"]}


def test_a_planted_conjunction_is_on_top_and_nothing_repeats_it():
    found = search(table(bad=PLANTED), COLUMNS)["found"]
    assert {e["metric"] for e in found} == {"error_rate", "fnr", "fpr"}
    assert all(conditions(e) == {("sex", "f"), ("site", "east")} for e in found)
    assert found[0]["lower_simultaneous"] > 0
    assert found[0]["lower_simultaneous"] < found[0]["lower"] < found[0]["gap"] < found[0]["upper"]


def test_two_per_cent_of_the_rows_are_found_among_twenty_thousand():
    rng = np.random.default_rng(6)
    frame = table(20_000, seed=5).with_columns(
        unit=pl.Series(rng.choice([f"u{i}" for i in range(12)], 20_000)),
        ward=pl.Series(rng.choice(["a", "b", "c", "d"], 20_000)),
    )
    bad = ((frame["unit"] == "u3") & (frame["ward"] == "b")).to_numpy()
    y = frame["y"].to_numpy()
    frame = frame.with_columns(d=pl.Series(np.where(rng.random(20_000) < np.where(bad, 0.3, 0.1), 1 - y, y)))
    found = search(frame, [*COLUMNS, "unit", "ward"])["found"]
    assert 300 < bad.sum() < 500
    assert conditions(found[0]) == {("unit", "u3"), ("ward", "b")}


def test_a_bad_group_is_listed_itself_and_not_by_its_parts():
    found = search(table(20_000, bad=pl.col("sex") == "f"), COLUMNS)["found"]
    assert [conditions(e) for e in found] == [{("sex", "f")}] * 3


def test_a_part_that_is_worse_still_is_listed_beside_its_whole():
    frame = table(30_000, bad=pl.col("sex") == "f", error=0.2)
    rng = np.random.default_rng(1)
    worse = frame.select(PLANTED).to_series().to_numpy() & (rng.random(30_000) < 0.3)
    frame = frame.with_columns(d=pl.Series(np.where(worse, 1 - frame["y"].to_numpy(), frame["d"].to_numpy())))
    listed = [conditions(e) for e in search(frame, COLUMNS)["found"] if e["metric"] == "error_rate"]
    assert listed == [{("sex", "f"), ("site", "east")}, {("sex", "f")}]


def test_a_search_that_finds_nothing_says_what_came_nearest():
    answer = search(table(seed=3), COLUMNS)
    assert answer["found"] == []
    assert answer["strongest"]["p_holm"] > 0.05
    assert "by chance" in answer["strongest"]["says"]


def test_numbers_of_an_entry_are_those_of_its_rows():
    frame = table(bad=PLANTED)
    entry = next(e for e in search(frame, COLUMNS)["found"] if e["metric"] == "fnr")
    positive = frame.filter(pl.col("y") == 1)
    inside, outside = positive.filter(PLANTED), positive.filter(~PLANTED)
    assert entry["rows"] == len(inside)
    assert entry["rest_rows"] == len(outside)
    assert entry["value"] == pytest.approx((inside["d"] == 0).mean())
    assert entry["rest"] == pytest.approx((outside["d"] == 0).mean())
    assert entry["gap"] == pytest.approx(entry["value"] - entry["rest"])
    assert entry["says"].startswith(f"Of the {len(inside):,} truly positive rows where sex is f and site is east")


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_every_slice_that_is_tested_has_the_counts_that_filters_find(seed, depth):
    frame = table(500, seed=seed)
    rows, plan = opened(frame, ["sex", "site", "age"])
    columns, _ = slice_columns(rows, rows.roles.slices, 5)
    family = family_of(count_cells(rows, plan, columns), METRICS["binary"], depth, 5, 0.05)
    edges = [int(n.split("–")[0]) for n in columns[2].levels]
    frame = frame.with_columns(age=(sum((pl.col("age") >= e).cast(pl.Int64) for e in edges[1:])).cast(pl.Int64))
    for which in np.random.default_rng(seed).choice(len(family.p), min(40, len(family.p)), replace=False):
        metric = METRICS["binary"][family.metric[which]]
        pairs = [(columns[c].name, v if c == 2 else columns[c].levels[v]) for c, v in family.pairs(which)]
        held = frame.filter(*(pl.col(c) == v for c, v in pairs))
        held = held if metric.name == "error_rate" else held.filter(pl.col("y") == (metric.name == "fnr"))
        assert family.inside.n[which] == len(held)
        assert family.inside.wv[which] == (held["y"] != held["d"]).sum()


def test_the_number_of_slices_searched_is_that_of_all_conjunctions():
    answer = search(table(20_000), ["sex", "site"], depth=2)
    assert answer["searched"] == 2 + 4 + 2 * 4
    assert answer["tests"] == 3 * answer["searched"]


def test_columns_that_say_the_same_are_not_searched_twice():
    frame = table(bad=pl.col("sex") == "f").with_columns(gender=pl.col("sex").replace({"f": "woman", "m": "man"}))
    answer = search(frame, ["sex", "gender"], depth=2)
    assert answer["searched"] == 4
    assert [e["name"] for e in answer["found"] if e["metric"] == "error_rate"] in (["gender woman"], ["sex f"])


# What the evidence is made of


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


@pytest.mark.parametrize("error", [0.01, 0.1])
def test_a_search_where_nothing_is_wrong_does_not_cry_wolf(error):
    alarms = sum(bool(search(table(1_500, seed=s, rest=error), COLUMNS)["found"]) for s in range(40))
    assert alarms <= 6  # of 40 at 5 %: more with a probability below 1 %


def test_clusters_that_fail_together_are_not_a_bad_slice():
    """Whole patients are wrong or right, and a slice is made of few of them."""
    alarms, blind = 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(200), 15)
        y = rng.integers(0, 2, 3_000)
        d = np.where(rng.random(200)[patient] < 0.2, 1 - y, y)
        frame = pl.DataFrame({"y": y, "d": d, "patient": patient})
        columns = {f"c{i}": np.array(list("abcd"))[rng.integers(0, 4, 200)][patient] for i in range(4)}
        frame = frame.with_columns(**{k: pl.Series(v) for k, v in columns.items()})
        alarms += bool(search(frame, list(columns), **SAID, cluster="patient")["found"])
        blind += bool(search(frame, list(columns), **SAID)["found"])
    assert blind == 20
    assert alarms <= 3


def numbers(answer):
    """The numbers of all entries."""
    return [[v for v in entry.values() if isinstance(v, float)] for entry in answer["found"]]


def test_clusters_of_one_row_change_nothing():
    frame = table(bad=PLANTED).with_row_index("row")
    one, other = search(frame, COLUMNS), search(frame, COLUMNS, **SAID, cluster="row")
    assert [e["name"] for e in one["found"]] == [e["name"] for e in other["found"]]
    np.testing.assert_allclose(numbers(one), numbers(other), rtol=1e-6)


def test_equal_weights_change_nothing():
    frame = table(bad=PLANTED).with_columns(w=pl.lit(2.5))
    one, other = search(frame, COLUMNS), search(frame, COLUMNS, **SAID, weight="w")
    assert [e["name"] for e in one["found"]] == [e["name"] for e in other["found"]]
    np.testing.assert_allclose(numbers(one), numbers(other), rtol=1e-6)


def test_a_few_heavy_errors_are_no_more_than_a_few():
    frame = table(seed=8).with_row_index("row")
    wrong = (pl.col("y") != pl.col("d")) & (pl.col("sex") == "f") & (pl.col("row") < 60)
    frame = frame.with_columns(w=pl.when(wrong).then(500.0).otherwise(1.0))
    assert 3 <= (frame["w"] > 1).sum() <= 6
    assert search(frame, COLUMNS, **SAID, weight="w")["found"] == []


# Tasks


def test_without_labels_both_too_much_and_too_little_selection_is_found():
    rng = np.random.default_rng(2)
    site = rng.choice(["north", "south", "east"], 6_000)
    chance = np.select([site == "north", site == "south"], [0.6, 0.2], 0.4)
    found = search(
        pl.DataFrame({"site": site, "d": (rng.random(6_000) < chance).astype(int)}), ["site"], prediction="d"
    )["found"]
    assert {(e["name"], e["direction"]) for e in found} == {("site north", "higher"), ("site south", "lower")}
    assert all(e["gap"] > 0 for e in found)
    low = next(e for e in found if e["direction"] == "lower")
    assert low["value"] < low["rest"]
    assert low["gap"] == pytest.approx(low["rest"] - low["value"])
    assert "fewer" in low["says"]


def test_several_classes_and_numbers_are_searched_for_errors():
    rng = np.random.default_rng(4)
    site, kind = rng.choice(["north", "south", "east"], 5_000), rng.integers(0, 4, 5_000)
    guess = np.where(rng.random(5_000) < np.where(site == "east", 0.5, 0.2), rng.integers(0, 4, 5_000), kind)
    said = search(
        pl.DataFrame({"site": site, "kind": kind, "guess": guess}), ["site"], label="kind", prediction="guess"
    )
    assert [(e["metric"], e["name"]) for e in said["found"]] == [("error_rate", "site east")]
    amount = rng.normal(100, 20, 5_000)
    guess = amount + rng.normal(0, np.where(site == "east", 3, 1))
    frame = pl.DataFrame({"site": site, "amount": amount, "guess": guess})
    (entry,) = search(frame, ["site"], label="amount", prediction="guess")["found"]
    error = np.abs(guess - amount)
    assert entry["metric"] == "mae"
    assert entry["value"] == pytest.approx(error[site == "east"].mean())
    assert entry["rest"] == pytest.approx(error[site != "east"].mean())


# Engines and hostile columns


@pytest.fixture(scope="module")
def hostile():
    """Columns of every kind, with missing values, weights and clusters."""
    rng = np.random.default_rng(11)
    rows = 2_000
    y = rng.integers(0, 2, rows)
    days = [datetime.date(2024, 1, 1 + int(i)) for i in rng.integers(0, 5, rows)]
    text = np.array(["a", "ä 😀", "x" * 10_000, None], dtype=object)[rng.integers(0, 4, rows)]
    number = np.where(rng.random(rows) < 0.1, np.nan, rng.lognormal(0, 2, rows))
    bad = rng.random(rows) < np.where(text == "a", 0.4, 0.05)
    return pl.DataFrame(
        {
            "text": text.tolist(), "number": number, "flag": rng.integers(0, 2, rows).astype(bool), "day": days,
            "rank": rng.integers(-3, 4, rows), "many": [f"v{i}" for i in rng.geometric(0.1, rows)], "same": ["x"] * rows,
            "y": y, "d": np.where(bad, 1 - y, y), "w": np.round(rng.gamma(2.0, 1.0, rows), 4), "patient": rng.integers(0, 700, rows),
        }
    )  # fmt: skip


KINDS = ["text", "number", "flag", "day", "rank", "many", "same"]


def pandas_frame(frame):
    pytest.importorskip("pandas")
    return frame.to_pandas()


def duckdb_relation(frame):
    duckdb = pytest.importorskip("duckdb")
    return duckdb.connect().from_arrow(frame.to_arrow())


def dask_frame(frame):
    dask = pytest.importorskip("dask.dataframe")
    return dask.from_pandas(frame.to_pandas(), npartitions=3)


ENGINES = {
    "pandas": pandas_frame,
    "polars lazy": lambda frame: frame.lazy(),
    "pyarrow": lambda frame: frame.to_arrow(),
    "duckdb": duckdb_relation,
    "dask": dask_frame,
    "other order": lambda frame: frame.sample(fraction=1, shuffle=True, seed=1),
}


@pytest.mark.parametrize("more", [{}, {"weight": "w"}, {"weight": "w", "cluster": "patient"}], ids=str)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_and_every_order_of_rows_gives_the_same_answer(hostile, engine, more):
    wanted = search(hostile, KINDS, depth=2, **SAID, **more)
    assert wanted["found"]
    found = search(ENGINES[engine](hostile), KINDS, depth=2, **SAID, **more)
    assert json.dumps(found) == json.dumps(wanted)


def test_columns_become_levels_that_can_be_read(hostile):
    rows, _ = opened(hostile, KINDS)
    columns, notes = slice_columns(rows, KINDS, LEAST_ROWS)
    levels = {c.name: c.levels for c in columns}
    assert levels["flag"] == ("false", "true")
    assert levels["day"][0] == "2024-01-01"
    assert levels["rank"] == ("-3", "-2", "-1", "0", "1", "2", "3")
    assert levels["text"] == ("a", "x" * 10_000, "ä 😀", "(missing)")
    assert len(levels["many"]) == 12
    assert levels["many"][-1] == OTHER
    assert len(levels["number"]) == 6
    assert levels["number"][0].startswith("under ")
    assert "same" not in levels
    assert any("'same' is the same in every row" in note for note in notes)
    assert any("'many' has" in note for note in notes)


def test_whole_numbers_are_binned_by_fifths_with_names_that_say_both_ends():
    rows, _ = opened(table(10_000), ["age"])
    (column,) = slice_columns(rows, ["age"], LEAST_ROWS)[0]
    shares = rows.frame.select(code=column.code).collect().to_polars()["code"].value_counts()["count"] / 10_000
    assert column.levels[0].startswith("18–")
    assert column.levels[-1].endswith("–90")
    assert len(column.levels) == 5
    assert shares.min() > 0.15
    assert shares.max() < 0.25


def test_most_rows_at_one_number_and_numbers_beyond_all_bounds_are_binned_too():
    rng = np.random.default_rng(0)
    number = np.where(rng.random(3_000) < 0.7, 0.0, rng.lognormal(0, 5, 3_000))
    number[:4] = [np.inf, -np.inf, 1.7e308, -1.7e308]
    frame = table(3_000).with_columns(number=pl.Series(number))
    rows, _ = opened(frame, ["number"])
    (column,) = slice_columns(rows, ["number"], LEAST_ROWS)[0]
    codes = rows.frame.select(code=column.code).collect().to_polars()["code"].to_numpy()
    sizes = np.bincount(codes, minlength=len(column.levels))
    assert len(sizes) == len(column.levels)
    assert sizes.max() == pytest.approx(0.7 * 3_000, rel=0.1)  # the zeros are on their own


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_a_round_number_lies_where_it_is_asked_for(above, width):
    most = above + width
    if above < most:
        assert above < roundest(above, most) <= most


def test_a_hundred_thousand_distinct_words_are_one_slice_and_a_note():
    frame = table(100_000).with_columns(word=pl.Series([f"w{i}" for i in range(100_000)]))
    answer = search(frame, ["sex", "word"], depth=2)
    assert answer["columns"] == ["sex"]
    assert any("'word'" in note and "100,000 distinct values" in note for note in answer["notes"])


def test_a_column_that_is_constant_is_noted_and_alone_leaves_nothing_to_search():
    answer = search(table().with_columns(same=pl.lit("x")), ["same"])
    assert answer["found"] == []
    assert answer["searched"] == 0
    assert answer["notes"]


def test_forty_columns_are_told_apart_and_searched_less_deep():
    """Their levels fit into no single integer of 64 bits, and there are too many sets of three of them."""
    rng = np.random.default_rng(0)
    frame = table(2_000).with_columns(
        **{f"c{i}": pl.Series(rng.choice(["a", "b", "c", "d"], 2_000)) for i in range(40)}
    )
    bad = ((frame["c39"] == "b") & (frame["c0"] == "a")).to_numpy()
    y = frame["y"].to_numpy()
    frame = frame.with_columns(d=pl.Series(np.where(rng.random(2_000) < np.where(bad, 0.7, 0.1), 1 - y, y)))
    answer = search(frame, [f"c{i}" for i in range(40)])
    assert answer["depth"] == 2
    assert any("too many for slices of 3 conditions" in note for note in answer["notes"])
    assert conditions(answer["found"][0]) == {("c39", "b"), ("c0", "a")}


@pytest.mark.parametrize("role", ["label", "prediction", "cluster", "id"])
def test_columns_that_are_judged_or_are_the_units_cannot_be_searched(role):
    frame = table(200).with_row_index("row")
    roles = {**SAID, role: SAID.get(role, "row")}
    with pytest.raises(BadInput, match=f"is the {role} column"):
        search(frame, ["sex", roles[role]], **roles)


@pytest.mark.parametrize(("depth", "top"), [(0, 5), (4, 5), (True, 5), (2, 0), (2, 1.5)])
def test_depth_and_top_out_of_range_are_refused(depth, top):
    with pytest.raises(BadInput, match="whole number from 1 to"):
        search(table(200), COLUMNS, depth, top)
