"""Columns to slice by: every engine, every kind of value, names and numbers that mean no good."""

import datetime
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slice_tables import COLUMNS, SAID, conditions, opened, search, table

from evenhand.auditing.slices import cells
from evenhand.auditing.slices import columns as slicing
from evenhand.auditing.slices.columns import OTHER, roundest, slice_columns
from evenhand.auditing.slices.search import LEAST_ROWS
from evenhand.errors import BadInput


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
            "text": text.tolist(),
            "number": number,
            "flag": rng.integers(0, 2, rows).astype(bool),
            "day": days,
            "rank": rng.integers(-3, 4, rows),
            "many": [f"v{i}" for i in rng.geometric(0.1, rows)],
            "same": ["x"] * rows,
            "y": y,
            "d": np.where(bad, 1 - y, y),
            "w": np.round(rng.gamma(2.0, 1.0, rows), 4),
            "patient": rng.integers(0, 700, rows),
        }
    )


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
EVERY_ENGINE = [pytest.param(name, marks=pytest.mark.slow) if name == "dask" else name for name in ENGINES]


@pytest.mark.parametrize("more", [{}, {"weight": "w"}, {"weight": "w", "cluster": "patient"}], ids=str)
@pytest.mark.parametrize("engine", EVERY_ENGINE)
def test_every_engine_and_every_order_of_rows_gives_the_same_answer(hostile, engine, more):
    wanted = search(hostile, KINDS, depth=2, **SAID, **more)
    assert wanted["found"]
    found = search(ENGINES[engine](hostile), KINDS, depth=2, **SAID, **more)
    assert json.dumps(found) == json.dumps(wanted)


def test_columns_become_levels_that_can_be_read(hostile):
    rows, _ = opened(hostile, KINDS)
    columns, notes = slice_columns(rows, KINDS, LEAST_ROWS)
    levels = {c.name: c.values for c in columns}
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
    assert column.values[0].startswith("18–")
    assert column.values[-1].endswith("–90")
    assert len(column.values) == 5
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
    sizes = np.bincount(codes, minlength=len(column.values))
    assert len(sizes) == len(column.values)
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


def test_a_file_is_counted_in_parts_to_the_same_bytes(tmp_path, monkeypatch):
    frame = table(3_000).with_columns(
        income=pl.Series(np.random.default_rng(0).lognormal(3, 1, 3_000)), few=pl.int_range(3_000) % 5
    )
    frame.write_parquet(tmp_path / "p.parquet", row_group_size=500)
    columns = [*COLUMNS[:2], "income", "few"]
    whole = search(tmp_path / "p.parquet", columns)
    for module in (cells, slicing):
        monkeypatch.setattr(module, "AT_ONCE", 700)
    parts = []
    summed = cells.summed
    monkeypatch.setattr(cells, "summed", lambda *a: parts.append(a[-1]) or summed(*a))
    assert json.dumps(search(tmp_path / "p.parquet", columns)) == json.dumps(whole)
    assert parts == [700]
