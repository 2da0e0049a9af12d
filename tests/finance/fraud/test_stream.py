"""What can be wrong with a stream of transactions is said in one sentence, and what can be understood is."""

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evenhand_finance
from evenhand import BadInput
from evenhand.testing import past_ignores_the_future
from evenhand_finance.fraud.data import prepare
from evenhand_finance.fraud.samples import card_transactions
from evenhand_finance.fraud.stream import amounts, backwards, read, stream_of, times

(RECIPE,) = [recipe for recipe in evenhand_finance.recipes() if recipe.name == "fraud"]
ROWS = pl.DataFrame(
    {
        "TX_DATETIME": ["2026-01-02T10:00:00", "2026-01-01 09:00:00", "2026-01-03"],
        "CUSTOMER_ID": ["a", "b", "a"],
        "TERMINAL_ID": ["x", "x", "y"],
        "TX_AMOUNT": ["1,234.50", "7", "€ 12.00"],
        "TX_FRAUD": ["0", "1", ""],
    }
)


def money(*texts):
    return amounts(pl.Series("TX_AMOUNT", texts), "stream.csv").to_list()


def test_a_stream_is_sorted_by_time_and_typed():
    stream = stream_of(RECIPE, ROWS, "stream.csv")
    assert stream["amount"].to_list() == [7.0, 1234.5, 12.0]
    assert stream["fraud"].to_list() == [1, 0, None]
    assert stream["row"].to_list() == [1, 0, 2]
    assert backwards(stream) == 1


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (("1,234.50", "0.99"), [1234.5, 0.99]),
        (("1.234,50", "0,99"), [1234.5, 0.99]),
        (("12,5", "3"), [12.5, 3]),
        (("1,234,567", "1,000"), [1234567, 1000]),
        (("$ 12.50", "USD 3"), [12.5, 3]),
        (("12.50-", "-3"), [-12.5, -3]),
        (("1,000", "2.50"), [1000, 2.5]),
        (("1 234,50", "7,00"), [1234.5, 7]),
    ],
)
def test_amounts_with_separators_are_read(texts, numbers):
    assert money(*texts) == numbers


@given(st.lists(st.decimals(0, 10**7, places=2), min_size=1, max_size=20))
def test_any_amount_written_either_way_is_read_back(values):
    english = [f"{value:,.2f}" for value in values]
    german = [text.translate(str.maketrans(",.", ".,")) for text in english]
    assert money(*english) == [float(value) for value in values]
    assert money(*german) == [float(value) for value in values]


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (("1,234", "5"), "may be thousands or a fraction"),
        (("1,234.50", "1.234,50"), "write all alike"),
        (("twelve",), "'twelve'.*is no number"),
        (("1.2.3",), "is no number"),
        ((None,), "is no number"),
    ],
)
def test_an_amount_that_could_be_two_numbers_is_refused(texts, says):
    with pytest.raises(BadInput, match=says):
        amounts(pl.Series("TX_AMOUNT", texts, dtype=pl.String), "stream.csv")


@pytest.mark.parametrize("text", ["01/02/2026", "yesterday", ""])
def test_a_time_that_could_be_two_days_is_refused(text):
    with pytest.raises(BadInput, match="write times as 2026-11-23T18:30:00"):
        times(pl.Series("TX_DATETIME", ["2026-01-01", text]), "stream.csv")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"TX_AMOUNT": None}, "have no amount"),
        ({"CUSTOMER_ID": None}, "have no customer"),
        ({"TX_FRAUD": "maybe"}, "3 values"),
        ({"TX_DATETIME": None}, "have no time"),
    ],
)
def test_a_stream_with_holes_is_refused_by_column(change, says):
    ((column, value),) = change.items()
    rows = pl.concat([ROWS, ROWS.head(1).with_columns(pl.lit(value, pl.String).alias(column))])
    with pytest.raises(BadInput, match=f"{says}|{column}"):
        stream_of(RECIPE, rows, "stream.csv")


def test_a_missing_column_is_named_with_its_option():
    with pytest.raises(BadInput, match=r"'TERMINAL_ID' is not in stream.csv.*--set options.terminal=COLUMN"):
        stream_of(RECIPE, ROWS.drop("TERMINAL_ID"), "stream.csv")


def test_a_file_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadInput, match="none of .parquet"):
        read(tmp_path / "notes.txt")
    with pytest.raises(BadInput, match="no file"):
        read(tmp_path / "gone.csv")
    (tmp_path / "empty.csv").write_text("a,b\n")
    with pytest.raises(BadInput, match="no rows"):
        read(tmp_path / "empty.csv")


def test_features_of_the_past_ignore_the_future():
    """Labels among them: what is known late must not be used early, and what comes later never."""
    rows = card_transactions(0).filter((pl.col("CUSTOMER_ID") < 60) & (pl.col("TX_DATETIME") < datetime(2026, 3, 1)))
    past_ignores_the_future(
        lambda some: prepare(RECIPE, some.lazy()).collect().select(RECIPE.schema.input),
        rows,
        "TX_DATETIME",
        what="the feature table",
    )
