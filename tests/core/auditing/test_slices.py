"""The search for slices finds what is planted, explains nothing twice, and is quiet where nothing is wrong."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slice_tables import COLUMNS, PLANTED, SAID, conditions, opened, search, table

from evenhand.auditing.slices.asked import asked_of
from evenhand.auditing.slices.cells import count_cells
from evenhand.auditing.slices.columns import slice_columns
from evenhand.auditing.slices.family import family_of


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
    metrics, _ = asked_of(plan)
    family = family_of(count_cells(rows, plan, columns), metrics, depth, 5, 0.05)
    edges = [int(n.split("–")[0]) for n in columns[2].values]
    frame = frame.with_columns(age=(sum((pl.col("age") >= e).cast(pl.Int64) for e in edges[1:])).cast(pl.Int64))
    for which in np.random.default_rng(seed).choice(len(family.p), min(40, len(family.p)), replace=False):
        metric = metrics[family.metric[which]]
        pairs = [(columns[c].name, v if c == 2 else columns[c].values[v]) for c, v in family.pairs(which)]
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


@pytest.mark.parametrize("error", [0.01, 0.1])
def test_a_search_where_nothing_is_wrong_does_not_cry_wolf(error):
    alarms = sum(bool(search(table(1_500, seed=s, rest=error), COLUMNS)["found"]) for s in range(40))
    assert alarms <= 6  # of 40 at 5 %: more with a probability below 1 %


@pytest.mark.slow
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
