"""What cannot be audited is refused with one sentence; what can be, is, and the page says what is odd about it."""

import tracemalloc

import numpy as np
import polars as pl
import pytest
from tables import ASK, counted, group_of, refusal, simulated, value

from evenhand.auditing import audit


def test_a_file_that_is_not_there(tmp_path):
    assert "nowhere.csv does not exist" in refusal(tmp_path / "nowhere.csv")


def test_a_folder(tmp_path):
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "is empty"),
        ("header.csv", b"y,s,g\n", "has no rows"),
        ("header.parquet", None, "has no rows"),
        ("binary.csv", bytes(range(256)) * 50, "not text"),
        ("latin.csv", "y,s,g\n1,0.5,Zoë\n".encode("latin-1"), "not UTF-8 text (line 2)"),
        ("utf16.csv", "y,s,g\n1,0.5,a\n".encode("utf-16"), "UTF-16"),
        ("zip.csv", b"PK\x03\x04" + bytes(50), "zip archive or a spreadsheet"),
        ("gzip.csv", b"\x1f\x8b" + bytes(50), "gzip"),
        ("csv.parquet", b"y,s,g\n1,0.5,a\n", "is not a Parquet file"),
        ("broken.jsonl", b'{"y": 1, "s": 0.5, "g": "a"}\n{"y": \n', "cannot be read"),
        ("twice.csv", b'\xef\xbb\xbf"y";s;g;y\n1;0.5;a;0\n', "has 2 columns called 'y'; rename or drop one of them"),
        ("ragged.csv", b"y,s,g\n1,0.5,a\n0,0.4,b,c,d\n", "cannot be read"),
    ],
)
def test_a_file_that_is_no_table(tmp_path, name, content, says):
    path = tmp_path / name
    if content is None:
        pl.DataFrame(schema={"y": pl.Int64, "s": pl.Float64, "g": pl.String}).write_parquet(path)
    else:
        path.write_bytes(content)
    text = refusal(path)
    assert says in text
    assert name in text


@pytest.mark.parametrize("keep", [0.5, 0.99, 0.05])
def test_a_parquet_file_that_was_cut_off(tmp_path, keep):
    path = tmp_path / "p.parquet"
    simulated().write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    assert "cut off" in refusal(path)


def test_a_parquet_file_damaged_in_the_middle(tmp_path):
    path = tmp_path / "p.parquet"
    simulated(5000).write_parquet(path)
    whole = bytearray(path.read_bytes())
    whole[200:2000] = b"\xff" * 1800
    path.write_bytes(bytes(whole))
    assert "p.parquet cannot be read" in refusal(path)


def test_one_endless_line_is_refused_without_reading_it_all(tmp_path):
    path = tmp_path / "line.csv"
    with path.open("wb") as file:
        for _ in range(40):
            file.write(b"1,0.5,a," * 655_360)
    tracemalloc.start()
    text = refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "no line break" in text
    assert peak < 50e6


def test_a_column_that_is_not_there_is_answered_with_the_closest():
    text = refusal(simulated().rename({"s": "score"}), score="scor")
    assert "column 'scor' is not in the table; it has: y, score, g, w. Did you mean 'score'?" in text
    assert "--score" in text


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), None])
@pytest.mark.parametrize("pandas", [False, True])
def test_scores_that_are_no_numbers(bad, pandas):
    frame = simulated(50).with_columns(
        s=pl.when(pl.int_range(50).is_in([6, 9])).then(pl.lit(bad, pl.Float64)).otherwise(pl.col("s"))
    )
    text = refusal(frame.to_pandas() if pandas else frame)
    assert "2 scores" in text
    assert "first in row 7" in text


@pytest.mark.parametrize("bad", ["nan", "inf", "", "high"])
def test_scores_that_are_no_numbers_in_a_file(tmp_path, bad):
    path = tmp_path / "p.csv"
    path.write_text("y,s,g\n1,0.5,a\n0," + bad + ",b\n1,0.7,a\n")
    assert "row 2" in refusal(path)


@pytest.mark.parametrize("bad", [-0.01, 1.01, 40])
def test_scores_outside_0_and_1(bad):
    frame = simulated(50).with_columns(s=pl.when(pl.int_range(50) == 3).then(bad).otherwise(pl.col("s")))
    text = refusal(frame)
    assert "outside [0, 1]" in text
    assert "first in row 4" in text


@pytest.mark.parametrize("role", ["g", "s", "y"])
def test_a_column_empty_throughout(role):
    frame = simulated(50).with_columns(pl.lit(None).cast(simulated(1)[role].dtype).alias(role))
    assert f"column '{role}'" in refusal(frame)


def test_columns_without_a_name_may_be_several(tmp_path):
    (tmp_path / "p.csv").write_text("y,s,g,,\n" + "1,0.5,a,,\n0,0.4,b,,\n" * 20)
    assert audit(tmp_path / "p.csv", label="y", score="s", sensitive="g").data["data"]["rows"] == 40


def test_ids_that_come_twice():
    frame = simulated(50).with_columns(id=pl.concat([pl.Series(range(49)), pl.Series([7])]))
    text = refusal(frame, id="id")
    assert "'7'" in text
    assert "--cluster" in text


@pytest.mark.parametrize(("bad", "says"), [(-1.0, "negative"), (float("nan"), "NaN"), (None, "missing")])
def test_weights_that_are_none(bad, says):
    frame = simulated(50).with_columns(
        w=pl.when(pl.int_range(50) == 4).then(pl.lit(bad, pl.Float64)).otherwise(pl.col("w").cast(pl.Float64))
    )
    text = refusal(frame, weight="w")
    assert says in text
    assert "row 5" in text


def test_weights_all_zero():
    assert "0 in every row" in refusal(simulated().with_columns(w=pl.lit(0)), weight="w")


def test_too_many_groups_are_refused_with_advice():
    frame = simulated(1500).with_columns(g=pl.int_range(1500))
    text = refusal(frame, bins={"g": "each"})
    assert "1,500 distinct values" in text
    assert "bin it (--bins g=4)" in text


def test_neither_score_nor_prediction():
    assert "--score COLUMN or --prediction COLUMN" in refusal(simulated(), score=None)


def test_no_sensitive_column():
    assert "--sensitive" in refusal(simulated(), sensitive=[])


def test_labels_of_three_classes_with_a_threshold():
    frame = simulated(90).with_columns(y=pl.int_range(90) % 3)
    assert "two classes" in refusal(frame, threshold=0.5)


def test_labels_whose_positive_is_not_clear():
    frame = simulated(90).with_columns(y=pl.when(pl.col("y") == 1).then(pl.lit("good")).otherwise(pl.lit("bad")))
    text = refusal(frame)
    assert "--positive bad" in text
    assert "--positive good" in text
    assert "Did you mean 'good'?" in refusal(frame, positive="godo")


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        ({"threshold": 1.5}, "--threshold"),
        ({"confidence": 95}, "--confidence"),
        ({"intersections": 9}, "--intersections"),
        ({"metrics": ["tprr"]}, "Did you mean 'tpr'?"),
        ({"tolerance": {"tpr": -0.1}}, "--tolerance"),
        ({"tolerance": {"slection_rate": 0.1}}, "Did you mean 'selection_rate'?"),
        ({"reference": {"g": "aa"}}, "--reference"),
        ({"reference": {"sex": "f"}}, "--reference"),
        ({"task": "rank"}, "binary"),
        ({"task": "multilabel"}, "name them with --labels"),
        ({"task": "multiclass"}, "--prediction"),
    ],
)
def test_options_that_make_no_sense(ask, says):
    assert says in refusal(simulated(), **ask)


def test_what_is_no_table_at_all():
    assert "cannot read a dict" in refusal({"y": [1]})


def test_a_lazy_frame_that_fails_in_the_middle():
    def fail(_):
        raise RuntimeError("disk gone")

    frame = simulated().lazy().with_columns(pl.col("s").map_batches(fail, return_dtype=pl.Float64))
    assert "cannot be read" in refusal(frame)


@pytest.mark.parametrize(("label", "says"), [("high", "not numbers"), (float("inf"), "infinite")])
def test_labels_that_no_regression_has(label, says):
    frame = simulated(60).with_columns(y=pl.lit(label), p=pl.col("s"))
    text = refusal(frame, task="regression", prediction="p", score=None)
    assert "column 'y'" in text
    assert says in text


# carried on with, and said


def test_one_class_of_labels_is_audited_as_far_as_it_goes():
    found = audit(simulated().with_columns(y=pl.lit(1)), **ASK)
    assert value(found, "a", "tpr") is not None
    about = {m["name"]: m for m in found.data["metrics"]}
    assert not about["fpr"]["defined"]
    assert about["fpr"]["why"]
    assert not about["auc"]["defined"]
    assert any("Every label is positive" in note for note in found.data["notes"])


def test_missing_sensitive_values_are_a_group_of_their_own():
    frame = simulated(300).with_columns(g=pl.when(pl.int_range(300) < 90).then(None).otherwise(pl.col("g")))
    found = audit(frame, **ASK)
    assert group_of(found, "(missing)")["rows"] == 90
    assert any("'g' is missing in 90 rows" in note for note in found.data["notes"])


def test_missing_labels_count_only_for_selection():
    frame = simulated(300).with_columns(y=pl.when(pl.int_range(300) < 90).then(None).otherwise(pl.col("y")))
    found = audit(frame, **ASK)
    assert found.data["overall"]["selection_rate"]["denominator"] == 300
    assert found.data["overall"]["accuracy"]["denominator"] == 210
    assert any("'y' is missing in 90 rows" in note for note in found.data["notes"])


@pytest.mark.parametrize("hit", [True, False])
def test_a_group_of_one_row_is_shown_and_is_no_evidence(hit):
    lone = pl.DataFrame({"g": ["lone"], "y": [1], "d": [int(hit)]})
    frame = pl.concat([counted(a=(400, 100, 100, 400), b=(400, 100, 100, 400)), lone])
    found = audit(frame, label="y", prediction="d", sensitive="g", tolerance={"tpr": 0.15})
    entry = group_of(found, "lone")["metrics"]["tpr"]
    assert (entry["lower"], entry["upper"]) == (0, 1)
    mine = [g for g in found.data["attributes"][0]["gaps"] if g["group"] == "lone" and g["metric"] == "tpr"]
    assert {g["verdict"] for g in mine if g["kind"] in ("difference", "rest")} == {"not enough evidence"}
    assert found.verdict == "not enough evidence"
    assert "lone" in found.data["verdicts"][0]["rows_needed"]["groups"]
    assert any("single row" in note for note in found.data["notes"])


def test_hostile_names_pass_through_untouched():
    names = ["<script>alert(1)</script>", '"; DROP', "ع" * 50, "😀", "x" * 10_000, "a\nb"]
    frame = simulated(600).with_columns(g=pl.Series(np.array(names, dtype=object)[np.arange(600) % 6].tolist()))
    found = audit(frame, **ASK)
    assert {g["name"] for g in found.data["attributes"][0]["groups"]} == set(names)
    assert all(len(line) < 1000 for line in str(found).splitlines() if not line.startswith("Note"))


def test_columns_with_the_engines_internal_names():
    frame = simulated().rename({"y": "d", "s": "level", "g": "score"}).with_columns(label=pl.lit("x"), n=pl.lit(1))
    found = audit(frame, label="d", score="level", sensitive="score")
    assert found.data["attributes"][0]["groups"] == audit(simulated(), **ASK).data["attributes"][0]["groups"]


@pytest.mark.parametrize(
    ("scale", "unit"), [(1e100, "larger"), (1e300, "larger"), (5e-324, "smaller"), (1e-200, "smaller")]
)
def test_numbers_whose_squares_leave_what_a_float_holds_are_refused(scale, unit):
    frame = pl.DataFrame({"y": [0.0, scale] * 20, "p": [scale, 2 * scale] * 20, "g": ["a", "b"] * 20})
    says = refusal(frame, label="y", score=None, prediction="p", sensitive=["g"], task="regression")
    assert f"whose squares cannot be summed; give both columns in a {unit} unit" in says
