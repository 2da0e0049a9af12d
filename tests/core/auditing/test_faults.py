"""Faults that were: what each did to an audit, and that it does so no more."""

import os
import subprocess
import sys

import polars as pl
import pytest
from tables import ASK, refusal, simulated

from evenhand.auditing import audit
from evenhand.auditing.table.engine_noise import panics_unheard

# the engine's panics


@pytest.mark.parametrize("byte", [0x00, 0xFF, 0xAA])
@pytest.mark.parametrize("start", [10, 200])
def test_a_parquet_file_damaged_in_the_middle_is_one_sentence_on_the_terminal(tmp_path, start, byte):
    path = tmp_path / "p.parquet"
    simulated(5000).write_parquet(path)
    whole = bytearray(path.read_bytes())
    whole[start:2000] = bytes([byte]) * (2000 - start)
    path.write_bytes(bytes(whole))
    command = [sys.executable, "-m", "evenhand", "audit", str(path), "--label", "y", "--score", "s", "--sensitive", "g"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("evenhand: p.parquet cannot be read as a table: ")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_what_others_print_while_the_engine_works_is_not_lost(capfd):
    with panics_unheard():
        os.write(2, b"a warning\n")
    assert capfd.readouterr().err == "a warning\n"


def test_the_engine_works_without_a_standard_error():
    program = (
        "import os; os.close(2)\nfrom tables import ASK, refusal, simulated\nfrom evenhand.auditing import"
        " audit\naudit(simulated(), label='y', score='s', sensitive='g')"
    )
    place = os.pathsep.join([os.path.dirname(__file__), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": place}, check=False)
    assert done.returncode == 0


# weights, labels and columns of odd kinds


@pytest.mark.parametrize("bad", ["heavy", "", "nan"])
def test_weights_that_are_text(tmp_path, bad):
    path = tmp_path / "p.csv"
    path.write_text("y,s,g,w\n1,0.5,a,1\n0,0.4,b," + bad + "\n1,0.7,a,2\n")
    text = refusal(path, weight="w")
    assert "'w'" in text
    assert "row 2" in text
    assert "--weight" in text


def test_weights_that_are_text_in_a_frame():
    text = refusal(simulated(50).with_columns(w=pl.lit("heavy")), weight="w")
    assert "holds values that are not numbers (50 of them, first 'heavy' in row 1)" in text


def test_infinite_weights():
    text = refusal(simulated(50).with_columns(w=pl.lit(float("inf"))), weight="w")
    assert "50 weights that are missing, NaN or infinite" in text


YES = {0: 0, 1: 1}
LABELS = {
    "whole numbers": (pl.Int64, YES),
    "small numbers": (pl.UInt8, YES),
    "fractions": (pl.Float64, {0: 0.0, 1: 1.0}),
    "truth": (pl.Boolean, {0: False, 1: True}),
    "digits": (pl.String, {0: "0", 1: "1"}),
    "words": (pl.String, {0: "no", 1: "Yes"}),
    "names": (pl.Categorical, {0: "false", 1: "true"}),
}


def numbers(found):
    """What an audit computed, without what it was asked."""
    return found.data["attributes"], found.data["overall"], found.data["histograms"]


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("pandas", [False, True])
def test_labels_of_every_kind_mean_the_same(kind, pandas):
    dtype, words = LABELS[kind]
    frame = simulated(300)
    other = frame.with_columns(y=pl.Series([words[y] for y in frame["y"]]).cast(dtype))
    assert numbers(audit(other.to_pandas() if pandas else other, **ASK)) == numbers(audit(frame, **ASK))


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        ((int, str), "mixes numbers and text"),
        ((bool, float), "mixes numbers and truth values"),
        ((int, str, bool, float), "mixes numbers and text and truth values"),
    ],
)
def test_labels_of_several_kinds_in_one_column_are_refused(kinds, says):
    frame = simulated(300).to_pandas()
    mixed = frame.assign(y=[kinds[i % len(kinds)](y) for i, y in enumerate(frame["y"])])
    text = refusal(mixed)
    assert f"column 'y' in the table {says}" in text
    assert "--label" in text


def test_groups_of_several_kinds_are_those_that_read_the_same():
    frame = simulated(300).to_pandas()
    mixed = frame.assign(g=[[1, "1", 1.0, "m", None, float("nan")][i % 6] for i in range(300)])
    rows = {group["name"]: group["rows"] for group in audit(mixed, **ASK).data["attributes"][0]["groups"]}
    assert rows == {"1": 150, "m": 50, "(missing)": 100}


@pytest.mark.parametrize("role", ["label", "sensitive", "cluster", "weight", "score", "prediction"])
@pytest.mark.parametrize("bad", [[1], {"a": 1}, {1}, (1, [2])])
def test_columns_of_lists_and_records(role, bad):
    frame = simulated(60).to_pandas().assign(bad=[bad] * 60)
    assert "column 'bad' in the table holds lists or records" in refusal(frame, **{role: "bad"})


@pytest.mark.parametrize("weight", [1e300, 1e-300])
def test_weights_whose_squares_are_no_numbers(weight):
    assert "cannot be added up" in refusal(simulated(50).with_columns(w=pl.lit(weight)), weight="w")


def test_two_columns_of_one_name():
    frame = simulated(50).to_pandas()
    assert "unique column names" in refusal(frame[["y", "s", "g", "s"]])


@pytest.mark.parametrize(
    "ask", [{"label": 1}, {"label": ["y"]}, {"sensitive": [1, 2]}, {"sensitive": 0}, {"score": 2.0}]
)
def test_columns_that_are_not_named_by_text(ask):
    frame = simulated(50).to_pandas().rename(columns={"w": 0})
    assert "columns are named by text" in refusal(frame, **ask)


def test_a_column_that_is_not_there_among_columns_without_text_names():
    frame = simulated(50).to_pandas().rename(columns={"w": 0})
    assert "it has: y, s, g" in refusal(frame, sensitive="sex")


def test_a_sensitive_column_of_names_is_refused_with_advice():
    rows = 100_000
    text = refusal(simulated(rows).with_columns(g=pl.format("person {}", pl.int_range(rows))))
    assert "100,000 distinct values" in text
    assert "bin it" in text
    assert "--sensitive" in text


def test_intersections_with_too_many_groups_are_refused_with_advice():
    frame = simulated(4000).with_columns(a=pl.int_range(4000) % 60, b=pl.int_range(4000) // 60)
    text = refusal(frame, sensitive=["a", "b"], intersections=2, bins={"a": "each", "b": "each"})
    assert "a × b makes 4,000 groups" in text
    assert "--intersections" in text


@pytest.mark.parametrize("role", ["g", "s", "y"])
def test_a_lazy_frame_whose_function_raises(role):
    def fail(_):
        raise RuntimeError("the disk is gone")

    kind = simulated(1)[role].dtype
    frame = simulated().lazy().with_columns(pl.col(role).map_batches(fail, return_dtype=kind))
    text = refusal(frame)
    assert "the table cannot be read" in text
