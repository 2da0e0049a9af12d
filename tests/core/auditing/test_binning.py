"""Continuous attributes: bins part the rows, are the same in every engine, and refuse what cannot be cut."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import simulated
from test_engines import ENGINES, EVERY_ENGINE, first_difference, spark, spark_frame  # noqa: F401

from evenhand.auditing import audit
from evenhand.auditing.table.binning import quantiles, readable_quantiles
from evenhand.auditing.table.value_counts import ValueCounts
from evenhand.errors import BadInput


def people(rows=1200, seed=0):
    """Ages in years, some missing, incomes with a long tail, and who came in which row."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    label = (rng.random(rows) < 1 / (1 + np.exp((50 - age) / 15))).astype(int)
    return pl.DataFrame(
        {
            "row": np.arange(rows),
            "y": label,
            "s": np.round(0.4 * label + 0.6 * rng.random(rows), 3),
            "age": [None if i % 40 == 0 else int(a) for i, a in enumerate(age)],
            "income": np.round(rng.lognormal(10, 1.5, rows), 2),
            "site": rng.integers(1, 30, rows),
        }
    )


def groups(found, attribute=0):
    """[(name, rows)] as the report shows them."""
    return [(g["name"], g["rows"]) for g in found.data["attributes"][attribute]["groups"]]


def refused(frame, **ask):
    """The sentence an audit is refused with."""
    with pytest.raises(BadInput) as error:
        audit(frame, **{"label": "y", "score": "s", "sensitive": "age", **ask})
    text = str(error.value)
    assert "\n" not in text
    return text


def test_given_edges_part_the_rows_as_plain_comparisons_do():
    frame = people()
    found = audit(frame, label="y", score="s", sensitive="age", bins={"age": [30, 50, 65]})
    ages = [a for a in frame["age"].to_list() if a is not None]
    assert groups(found) == [
        ("under 30", sum(a < 30 for a in ages)),
        ("30 to under 50", sum(30 <= a < 50 for a in ages)),
        ("50 to under 65", sum(50 <= a < 65 for a in ages)),
        ("65 or more", sum(a >= 65 for a in ages)),
        ("(missing)", 30),
    ]
    assert found.data["question"]["bins"] == {"age": {"edges": [30.0, 50.0, 65.0], "by": "edges"}}


def test_the_rates_of_a_bin_are_those_of_a_column_of_age_groups():
    frame = people()
    cut = frame.with_columns(
        band=pl.when(pl.col("age") < 50).then(pl.lit("young")).when(pl.col("age") >= 50).then(pl.lit("old"))
    )
    by_bins = audit(cut, label="y", score="s", sensitive="age", bins={"age": [50]}).data["attributes"][0]["groups"]
    by_hand = audit(cut, label="y", score="s", sensitive="band").data["attributes"][0]["groups"]
    names = {"under 50": "young", "50 or more": "old", "(missing)": "(missing)"}
    kept = ("value", "lower", "upper", "denominator")
    of = {g["name"]: g for g in by_hand}
    for group in by_bins:
        for name, metric in group["metrics"].items():
            other = of[names[group["name"]]]["metrics"][name]
            assert [metric[k] for k in kept] == [other[k] for k in kept]


def test_bins_of_equal_size_hold_about_as_many_rows_each():
    found = audit(people(), label="y", score="s", sensitive="income", bins={"income": 5})
    assert len(groups(found)) == 5
    assert all(abs(rows - 240) <= 15 for _, rows in groups(found))


def test_the_edges_in_the_plan_give_the_same_audit_again():
    frame = people()
    first = audit(frame, label="y", score="s", sensitive=["age", "income"], bins={"income": 3})
    again = audit(
        frame,
        label="y",
        score="s",
        sensitive=["age", "income"],
        bins={column: how["edges"] for column, how in first.data["question"]["bins"].items()},
    )
    assert first.data["attributes"] == again.data["attributes"]


def test_ages_and_fractions_are_cut_into_quartiles_unless_asked_otherwise_and_a_note_says_so():
    found = audit(people(), label="y", score="s", sensitive=["age", "income", "site"])
    assert [len(groups(found, i)) for i in range(3)] == [5, 4, 29]
    assert set(found.data["question"]["bins"]) == {"age", "income"}
    assert sum("quartiles" in note and "--bins" in note for note in found.data["notes"]) == 2


def test_every_value_stays_a_group_where_that_is_asked():
    found = audit(people(), label="y", score="s", sensitive="age", bins={"age": "each"})
    assert len(groups(found)) == 73
    assert found.data["question"]["bins"] == {}


def test_a_csv_file_is_cut_as_the_table_it_holds(tmp_path):
    frame = people()
    frame.write_csv(tmp_path / "people.csv")
    ask = {"label": "y", "score": "s", "sensitive": ["age", "income", "site"], "bins": {"income": [2e4, 5e4]}}
    assert audit(tmp_path / "people.csv", **ask).data["attributes"] == audit(frame, **ask).data["attributes"]


def test_nan_is_missing():
    frame = people().with_columns(pl.col("age").cast(pl.Float64).fill_null(float("nan")))
    assert groups(audit(frame, label="y", score="s", sensitive="age", bins={"age": 2}))[-1] == ("(missing)", 30)


def test_groups_are_in_the_order_of_numbers_also_in_intersections():
    found = audit(
        people(),
        label="y",
        score="s",
        sensitive=["age", "income"],
        intersections=2,
        bins={"age": [5, 30, 50], "income": [9_000, 100_000]},
    )
    assert [name for name, _ in groups(found)] == ["5 to under 30", "30 to under 50", "50 or more", "(missing)"]
    assert [name for name, _ in groups(found, 1)] == ["under 9000", "9000 to under 100000", "100000 or more"]
    ages = [name.split(" × ")[0] for name, _ in groups(found, 2)]
    assert ages == ["5 to under 30"] * 3 + ["30 to under 50"] * 3 + ["50 or more"] * 3 + ["(missing)"] * 3
    assert "Nobody is in these bins of 'age': under 5." in found.data["notes"]


def test_a_reference_bin_can_be_named():
    found = audit(
        people(), label="y", score="s", sensitive="age", bins={"age": [40, 60]}, reference={"age": "40 to under 60"}
    )
    assert found.data["attributes"][0]["reference"] == "40 to under 60"


ASK = {
    "label": "y",
    "score": "s",
    "sensitive": ["age", "income", "site"],
    "intersections": 2,
    "replicates": 200,
    "bins": {"income": 3, "site": [10, 20.5]},
    "metrics": ["selection_rate", "tpr", "auc"],
}


@pytest.mark.parametrize("engine", EVERY_ENGINE)
def test_every_engine_cuts_alike(engine):
    frame = people(600)
    found, wanted = audit(ENGINES[engine](frame), **ASK).to_json(), audit(frame, **ASK).to_json()
    assert first_difference(found, wanted) is None


@pytest.mark.slow
def test_spark_cuts_alike(spark):  # noqa: F811
    frame = people(600)
    found, wanted = audit(spark_frame(spark, frame), **ASK).to_json(), audit(frame, **ASK).to_json()
    assert first_difference(found, wanted) is None


@pytest.mark.parametrize("kind", [pl.UInt8, pl.Int16, pl.Float32, pl.Decimal(10, 2)])
def test_numbers_of_every_kind_are_cut_alike(kind):
    frame = people(400)
    ask = {"label": "y", "score": "s", "sensitive": "age", "bins": {"age": 3}, "replicates": 200}
    other = frame.with_columns(pl.col("age").cast(kind))
    assert audit(other, **ask).data["attributes"] == audit(frame, **ask).data["attributes"]


def test_infinite_values_that_nobody_wants_cut_stay_groups():
    frame = people(200).with_columns(age=pl.when(pl.col("row") == 7).then(float("inf")).otherwise(pl.col("row") % 30))
    found = audit(frame, label="y", score="s", sensitive="age", replicates=200)
    assert ("inf", 1) in groups(found)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        ({"bins": {"agee": 4}}, "Did you mean 'age'?"),
        ({"bins": {"age": 1}}, "2 to 100"),
        ({"bins": {"age": 101}}, "2 to 100"),
        ({"bins": {"age": []}}, "0 edges"),
        ({"bins": {"age": [50, 30]}}, "do not increase"),
        ({"bins": {"age": [30, 30]}}, "do not increase"),
        ({"bins": {"age": [30, float("nan")]}}, "no finite number"),
        ({"bins": {"age": [30, float("inf")]}}, "no finite number"),
        ({"bins": {"age": ["30"]}}, "no finite number"),
        ({"bins": {"age": True}}, "age=30,50,65"),
        ({"bins": {"age": 2.5}}, "age=30,50,65"),
        ({"bins": {"age": "four"}}, "age=30,50,65"),
        ({"bins": "age=4"}, "name no column"),
        ({"bins": {"age": [100, 200]}}, "same bin"),
        ({"bins": {"name": 4}, "sensitive": "name"}, "not numbers"),
        ({"bins": {"day": 4}, "sensitive": "day"}, "not numbers"),
        ({"bins": {"one": 4}, "sensitive": "one"}, "one value only"),
        ({"bins": {"endless": 4}, "sensitive": "endless"}, "infinite"),
    ],
)
def test_what_cannot_be_cut_is_refused_in_one_sentence(ask, said):
    frame = people(200).with_columns(
        name=pl.format("person {}", pl.col("row")),
        day=pl.date(2024, 1, 1) + pl.duration(days=pl.col("row")),
        one=pl.lit(3),
        endless=pl.when(pl.col("row") == 7).then(float("inf")).otherwise(pl.col("income")),
    )
    text = refused(frame, **ask)
    assert said in text
    assert "--bins" in text


def test_fewer_bins_than_asked_are_said():
    frame = simulated(400).with_columns(age=pl.when(pl.int_range(400) < 350).then(20).otherwise(pl.int_range(400)))
    found = audit(frame, label="y", score="s", sensitive="age", bins={"age": 4})
    assert groups(found) == [("under 350", 350), ("350 or more", 50)]
    assert any("so many equal values" in note for note in found.data["notes"])


numbers = st.one_of(
    st.integers(-5, 5).map(float), st.floats(-1e9, 1e9), st.floats(allow_nan=False, allow_infinity=False, width=32)
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.none(), numbers), min_size=30, max_size=120), st.integers(2, 8))
def test_bins_hold_every_row_once_and_no_bin_of_quantiles_is_empty(values, many):
    held = [v + 0.0 for v in values if v is not None]
    if len(set(held)) < 2:
        return
    frame = pl.DataFrame({"x": values, "y": [i % 2 for i in range(len(values))], "s": [0.5] * len(values)})
    found = audit(
        frame, label="y", score="s", sensitive="x", bins={"x": many}, metrics="selection_rate", replicates=200
    )
    edges = found.data["question"]["bins"]["x"]["edges"]
    ends = [-np.inf, *edges, np.inf]
    wanted = [sum(a <= v < b for v in held) for a, b in pairwise(ends)]
    sizes = [rows for name, rows in groups(found) if name != "(missing)"]
    assert sizes == wanted
    assert min(sizes) > 0
    assert len(edges) < many
    assert sum(sizes) + values.count(None) == len(values)


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), min_size=2, max_size=300).filter(lambda v: len(set(v)) > 1), st.integers(2, 6))
def test_an_edge_leaves_no_fewer_rows_below_than_its_neighbours_would(values, many):
    held, counts = np.unique(values, return_counts=True)
    found = quantiles(ValueCounts(held.astype(float), counts.astype(float)), many)
    below = np.array([np.mean(np.array(values) < v) for v in held[1:]])
    for i in range(1, many):
        best = np.abs(below - i / many).min()
        assert any(np.isclose(abs(np.mean(np.array(values) < edge) - i / many), best) for edge in found)


def test_quantiles_have_no_more_digits_than_they_need():
    values = np.sort(np.random.default_rng(0).lognormal(10, 1, 5000))
    edges = readable_quantiles(ValueCounts(values, np.ones(5000)), 4)
    assert all(len(f"{edge:g}".rstrip("0")) <= 4 for edge in edges)
    assert np.allclose([np.mean(values < edge) for edge in edges], [0.25, 0.5, 0.75], atol=0.006)


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_more_values_than_are_listed_are_counted_in_narrow_bins_whatever_the_tails(engine, monkeypatch):
    """Incomes with a tail of one in a million: the bins narrow until the middle is seen."""
    monkeypatch.setattr("evenhand.auditing.table.value_counts.MOST_VALUES", 1000)
    rng = np.random.default_rng(0)
    income = np.append(rng.lognormal(10, 1, 20_000), [1e15, -1e12])
    frame = pl.DataFrame({"y": rng.integers(0, 2, 20_002), "s": rng.random(20_002), "income": income})
    held = frame if engine == "polars" else ENGINES[engine](frame)
    found = audit(held, label="y", score="s", sensitive="income", bins={"income": 4}, replicates=200, metrics="tpr")
    assert [abs(rows / 20_002 - 0.25) < 0.006 for _, rows in groups(found)] == [True] * 4
