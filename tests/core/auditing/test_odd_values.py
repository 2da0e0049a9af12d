"""Odd values of a question and odd kinds of a table: the same as plain ones, or refused in one short sentence."""

import os
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import ASK, refusal, simulated

from evenhand import Question
from evenhand.asking.checks import MOST_CONFIDENCE
from evenhand.auditing import audit
from evenhand.errors import BadInput, PluginFault, in_short

LONG = "x" * 5000
NESTED = "x = " + "[" * 2000 + "]" * 2000


def names(source, **ask):
    return [group["name"] for group in audit(source, **ASK, **ask).data["attributes"][0]["groups"]]


# of the question


@pytest.mark.parametrize(
    ("odd", "plain"),
    [
        ({"threshold": np.float32(0.5)}, {"threshold": 0.5}),
        ({"bins": {"w": np.array([2, 3])}, "sensitive": "w"}, {"bins": {"w": [2, 3]}, "sensitive": "w"}),
        ({"tolerance": {"tpr": np.float64(0.1)}}, {"tolerance": {"tpr": 0.1}}),
    ],
)
def test_what_numpy_gives_asks_the_same(odd, plain):
    one, other = (audit(simulated(), **{**ASK, **ask}) for ask in (odd, plain))
    assert one.to_json() == other.to_json()


@pytest.mark.parametrize("tolerance", [1e17, 1e308, 5e-324])
def test_a_tolerance_of_any_size_is_judged_without_a_warning(tolerance):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = audit(simulated(), **ASK, tolerance={"tpr": tolerance, "auc": tolerance})
    assert found.verdict == ("within" if tolerance > 1 else "not enough evidence")


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        ({"tolerance": {"tpr": float("nan")}}, "no number of 0 or more"),
        ({"tolerance": {"tpr": 10**400}}, "no number of 0 or more"),
        ({"confidence": 0.9999999999999999}, f"{MOST_CONFIDENCE} is the most"),
        ({"sensitive": [None]}, "None is none"),
        ({"policy": LONG}, "there is no policy"),
        ({"policy": LONG + ".toml"}, "cannot be read"),
        ({"policy": "a\0b.toml"}, "cannot be read"),
        ({"metrics": [LONG]}, "there is no metric"),
        ({"threshold": LONG}, "between 0 and 1"),
        ({"label": LONG}, "is not in the table"),
        ({"positive": LONG}, "(--positive)"),
        ({"reference": {LONG: "a"}}, "(--reference)"),
        ({"bins": {"g": list(range(90, 0, -1))}}, "write each once, in order (--bins)"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_under_400_characters(ask, says):
    text = refusal(simulated(), **ask)
    assert says in text
    assert len(text) < 400


def test_the_most_confidence_there_is_can_be_asked_for():
    assert audit(simulated(), **ASK, confidence=MOST_CONFIDENCE, tolerance={"tpr": 0.9}).verdict is not None


@pytest.mark.parametrize("text", [NESTED, "x = " + "{a=" * 2000 + "}" * 2000])
def test_a_file_of_brackets_is_refused(tmp_path, text):
    (tmp_path / "deep.toml").write_text(text)
    assert "is not TOML: its brackets nest too deep" in refusal(simulated(), policy=tmp_path / "deep.toml")
    with pytest.raises(BadInput, match="is not valid TOML: its brackets nest too deep"):
        Question.from_file(tmp_path / "deep.toml")


@pytest.mark.parametrize("kind", [BadInput, PluginFault])
@given(text=st.text(max_size=900) | st.lists(st.text(max_size=300), max_size=9).map(" ".join))
def test_no_sentence_is_longer_and_a_short_one_is_as_it_was(kind, text):
    said = str(kind(text))
    assert len(said) < 400
    assert said == (text if len(text) < 400 else in_short(text))


# of the table


@pytest.mark.parametrize("role", ["s", "w"])
def test_floats_of_16_bits_are_read(role):
    frame = simulated().to_pandas()
    half = frame.assign(**{role: frame[role].astype("float16")})
    single = half.assign(**{role: half[role].astype("float32")})
    ask = {**ASK, "sensitive": "w"} if role == "w" else ASK
    assert audit(half, **ask).data["attributes"] == audit(single, **ask).data["attributes"]


def test_whole_numbers_beyond_every_float_are_told_apart():
    big = [2**53, 2**53 + 1] * 4
    frame = pa.table({"y": [0, 1] * 4, "s": [0.1] * 8, "g": pa.array(big), "i": pa.array(range(2**60, 2**60 + 8))})
    assert names(frame, id="i") == [str(2**53), str(2**53 + 1)]


@pytest.mark.parametrize("table", ["arrow", "parquet"])
def test_a_column_of_maps_is_refused(table, tmp_path):
    import pyarrow.parquet as pq

    maps = pa.array([[("k", 1)]] * 8, pa.map_(pa.string(), pa.int64()))
    frame = pa.table({"y": [0, 1] * 4, "s": [0.1] * 8, "g": maps})
    pq.write_table(frame, tmp_path / "p.parquet")
    assert "lists or records" in refusal(frame if table == "arrow" else tmp_path / "p.parquet")


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl", "text"])
def test_whole_numbers_among_missing_ones_are_called_the_same_from_everywhere(kind, tmp_path):
    frame = pd.DataFrame({"y": [0, 1] * 20, "s": [i / 40 for i in range(40)], "g": [1.0, 2.0, None, 1.0] * 10})
    text = frame.assign(g=frame["g"].map(str, na_action="ignore"))
    path = tmp_path / f"p.{kind}"
    if kind == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif kind != "text":
        getattr(frame, f"to_{kind}")(path, index=False)
    assert names(text if kind == "text" else path, reference={"g": 1}) == ["1", "2", "(missing)"]


@pytest.mark.parametrize("end", ["\n", "\n\n\n", "\r\n", "  \n", "\n \t\n"])
def test_blank_lines_at_the_end_are_no_rows(end, tmp_path):
    (tmp_path / "p.csv").write_text("y,s,g\n" + "1,0.5,a\n0,0.4,b\n" * 10 + end, newline="")
    assert audit(tmp_path / "p.csv", **ASK).data["data"]["rows"] == 20


@pytest.mark.parametrize("rows", ["1,0.5,a\n\n0,0.4,b\n", "1,0.5,a\n\n0,0.4,b\n\n", "1,0.5,a\n,,\n\n"])
def test_blank_lines_elsewhere_are_rows_that_lack_everything(rows, tmp_path):
    (tmp_path / "p.csv").write_text("y,s,g\n" + rows)
    assert "missing, NaN or infinite" in refusal(tmp_path / "p.csv")


@pytest.mark.parametrize("part", ["source", "policy", "question"])
def test_a_pipe_is_refused_and_not_waited_for(part, tmp_path):
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    if part == "question":
        with pytest.raises(BadInput, match="no plain file"):
            Question.from_file(pipe)
    elif part == "policy":
        assert "no plain file" in refusal(simulated(), policy=pipe)
    else:
        assert "a pipe or a device" in refusal(pipe)


@pytest.mark.parametrize("path", [LONG, "a\0b.csv"])
def test_a_path_that_no_file_can_have(path):
    assert "does not exist" in refusal(path)


def test_a_table_without_rows_of_pandas_with_halves_is_refused():
    assert "has no rows" in refusal(pl.DataFrame(schema={"y": pl.Int64, "s": pl.Float64, "g": pl.String}).to_pandas())
