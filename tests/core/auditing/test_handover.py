"""A table of pandas or Arrow that is handed over to Polars gives the bytes that it gives where it is."""

import datetime

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from tables import ASK, simulated

from evenhand.auditing import audit
from evenhand.auditing.table import checks
from evenhand.auditing.table.handover import handed_over

pd = pytest.importorskip("pandas", reason="pandas is not installed")
ROWS = 120
GROUPS = {
    "text": pd.Series(["f", "m", None] * 40),
    "objects": pd.Series(["f", "m", None] * 40, dtype=object),
    "objects and NaN": pd.Series(["f", "m", float("nan")] * 40, dtype=object),
    "categories": pd.Series(["f", "m", None] * 40, dtype="category"),
    "whole": pd.Series(np.arange(ROWS, dtype=np.int16) % 3),
    "nullable": pd.Series([1, 2, None] * 40, dtype="Int64"),
    "fractions": pd.Series([0.5, 2.0, float("nan")] * 40),
    "strided": pd.Series(np.arange(2 * ROWS)[::2] % 4),
    "truth": pd.Series([True, False, True] * 40),
}
STAYING = {
    "days": pd.Series([datetime.datetime(2024, 1, 1 + i % 3) for i in range(ROWS)]),
    "categories of numbers": pd.Series(np.arange(ROWS) % 60).astype("category"),
    "mixed": pd.Series(["f", 2, None] * 40, dtype=object),
}


def frame_with(group):
    return simulated(ROWS).to_pandas().assign(g=group)


def audited_in_place(monkeypatch, frame, **ask):
    """The audit with the rows left where they are."""
    with monkeypatch.context() as patch:
        patch.setattr(checks, "handed_over", lambda frame, texts: frame)
        return audit(frame, **ask).to_json()


def engine(frame):
    """Where the rows of a frame are counted."""
    lazy = nw.from_native(frame).lazy()
    texts = {n for n in lazy.collect_schema().names() if set(map(type, frame[n])) <= {str, float, type(None)}}
    return handed_over(lazy, texts).implementation


@pytest.mark.parametrize("kind", GROUPS)
def test_pandas_is_counted_by_polars_to_the_same_bytes(kind, monkeypatch):
    frame = frame_with(GROUPS[kind])
    assert engine(frame).is_polars()
    assert audit(frame, **ASK).to_json() == audited_in_place(monkeypatch, frame, **ASK)


@pytest.mark.parametrize("kind", STAYING)
def test_what_would_mean_something_else_stays(kind, monkeypatch):
    frame = frame_with(STAYING[kind])
    assert engine(frame).is_pandas()
    assert audit(frame, **ASK).to_json() == audited_in_place(monkeypatch, frame, **ASK)


@pytest.mark.parametrize("kind", ["text", "category"])
def test_arrow_is_counted_by_polars_to_the_same_bytes(kind, monkeypatch):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    frame = simulated(ROWS).with_columns(pl.col("g").cast(pl.String if kind == "text" else pl.Categorical))
    table = pl.concat([frame, frame], rechunk=False).to_arrow()
    assert handed_over(nw.from_native(table).lazy(), ()).implementation.is_polars()
    assert audit(table, **ASK, weight="w").to_json() == audited_in_place(monkeypatch, table, **ASK, weight="w")


@pytest.mark.parametrize("kind", ["category", "object"])
def test_labels_of_text_keep_their_meaning(kind, monkeypatch):
    frame = frame_with(GROUPS["text"])
    frame["y"] = frame["y"].map({0: "no", 1: "yes"}).astype(kind)
    assert engine(frame).is_polars()
    assert audit(frame, **ASK).to_json() == audited_in_place(monkeypatch, frame, **ASK)
