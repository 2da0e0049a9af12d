"""Frequent values among any number of them: none is lost, and a file of names is searched as if all were counted."""

import json
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slice_tables import search, table

from evenhand.auditing.slices import columns as slicing
from evenhand.auditing.slices.frequent import distinct_up_to, frequent, in_lumps

PARTS = st.lists(st.lists(st.text("abcdefgh", max_size=2), min_size=1, max_size=30), min_size=1, max_size=12)


def series(parts):
    return [pl.Series("word", part, pl.String) for part in parts]


@given(PARTS, st.integers(1, 40))
def test_no_value_of_enough_rows_is_lost_and_few_others_are_kept(parts, least):
    counted = Counter(word for part in parts for word in part)
    rows = counted.total()
    kept = frequent(series(parts), least, rows).to_list()
    assert len(kept) == len(set(kept)) <= max(rows // least, 1)
    assert {word for word, n in counted.items() if n >= least} <= set(kept) <= set(counted)


@given(PARTS, st.integers(1, 90))
def test_distinct_values_are_counted_as_far_as_is_asked(parts, most):
    distinct = len({word for part in parts for word in part})
    assert distinct_up_to(series(parts), most) == min(distinct, most + 1)


@given(PARTS, st.integers(1, 50))
def test_lumps_are_the_same_values_in_larger_parts(parts, size):
    lumps = list(in_lumps(series(parts), size))
    assert [word for lump in lumps for word in lump] == [word for part in parts for word in part]
    assert all(len(lump) >= size for lump in lumps[:-1])


@pytest.mark.parametrize("kind", ["parquet", "csv", "frame"])
def test_names_that_are_not_all_counted_give_the_same_slices(kind, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    names = [f"p{i}" if i % 3 else "often" if i % 2 else None for i in range(3_000)]
    frame = table(3_000).with_columns(name=pl.Series(names), job=pl.Series(rng.choice(list("abc"), 3_000)))
    source = {"frame": frame, "csv": tmp_path / "p.csv", "parquet": tmp_path / "p.parquet"}[kind]
    frame.write_csv(tmp_path / "p.csv")
    frame.write_parquet(tmp_path / "p.parquet", row_group_size=500)
    monkeypatch.setattr(slicing, "MANY", 50)
    whole = search(source, ["name", "job"])
    for bound, value in (("KNOWN", 100), ("AT_ONCE", 700)):
        monkeypatch.setattr(slicing, bound, value)
    told = search(source, ["name", "job"])
    said = json.dumps(whole).replace("2,001 distinct", "more than 100 distinct")
    assert said != json.dumps(whole)
    assert json.dumps(told) == said
