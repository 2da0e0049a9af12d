"""`evenhand audit FILE` as a user meets it: reports and exit codes for good tables, one sentence for bad ones."""

import json
import subprocess
import sys
from xml.etree import ElementTree

import polars as pl
import pytest

OPTIONS = ("--label", "y", "--score", "s", "--sensitive", "sex,age_group")


def rows(n=400, **columns):
    frame = pl.DataFrame(
        {
            "y": [i % 2 for i in range(n)],
            "s": [0.9 if (i % 2) ^ (i % 7 == 0) else 0.1 for i in range(n)],
            "sex": ["f" if i % 3 else "m" for i in range(n)],
            "age_group": ["young" if i % 5 else "old" for i in range(n)],
        }
    )
    return frame.with_columns(**{name: pl.Series(values, strict=False) for name, values in columns.items()})


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_table_of_any_kind_gives_the_same_audit(evenhand, tmp_path, kind):
    frame = rows()
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[kind](tmp_path / f"p.{kind}")
    found = json.loads(evenhand("audit", f"p.{kind}", *OPTIONS, "--json").stdout)
    sex = {group["name"]: group["metrics"]["tpr"]["value"] for group in found["attributes"][0]["groups"]}
    expected = frame.filter(pl.col("y") == 1).group_by("sex").agg((pl.col("s") >= 0.5).mean())
    assert sex == pytest.approx(dict(expected.iter_rows()))


def test_the_reports_are_written_and_agree(evenhand, tmp_path):
    rows().write_csv(tmp_path / "p.csv")
    evenhand("audit", "p.csv", *OPTIONS, "--tolerance", "tpr=0.1", "--out", "report")
    data = json.loads((tmp_path / "report" / "audit.json").read_text())
    suite = ElementTree.parse(tmp_path / "report" / "junit.xml").getroot().find("testsuite")
    assert int(suite.get("tests")) == len(data["verdicts"]) == 2
    assert "true positive rate" in (tmp_path / "report" / "report.html").read_text()


def unfair(n=4000):
    return rows(n, s=[0.1 if i % 3 == 0 else (0.9 if i % 2 else 0.1) for i in range(n)])


@pytest.mark.parametrize(
    ("frame", "tolerance", "strict", "code"),
    [
        (unfair(), "tpr=0.1", False, 1),
        (rows(40), "tpr=0.01", False, 0),
        (rows(40), "tpr=0.01", True, 3),
        (rows(4000), "tpr=0.5", True, 0),
    ],
    ids=["exceeded", "unsure", "unsure, strict", "within"],
)
def test_the_exit_code_gates(evenhand, tmp_path, frame, tolerance, strict, code):
    frame.write_csv(tmp_path / "p.csv")
    done = evenhand("audit", "p.csv", *OPTIONS, "--tolerance", tolerance, *(["--strict"] if strict else []))
    assert done.returncode == code, done.stdout + done.stderr


@pytest.mark.parametrize(("options", "hides"), [((), True), (("--strict",), False)])
def test_the_verdict_comes_first_and_the_last_line_says_what_the_exit_code_hides(evenhand, tmp_path, options, hides):
    rows(40).write_csv(tmp_path / "p.csv")
    done = evenhand("audit", "p.csv", *OPTIONS, "--tolerance", "tpr=0.01", *options)
    assert done.returncode == (3 if options else 0)
    lines = done.stdout.splitlines()
    assert lines[1].startswith("Verdict: not enough evidence")
    assert (lines[-1].startswith("Exit code 0: ") and lines[-1].endswith("(3).")) == hides


def test_the_summary_is_a_page_or_one_object(evenhand, tmp_path):
    unfair().write_csv(tmp_path / "p.csv")
    told = evenhand("audit", "p.csv", *OPTIONS, "--tolerance", "tpr=0.1", "--summary", "--json", "--out", "report")
    assert (told.returncode, told.stderr) == (1, "")
    short = json.loads(told.stdout)
    assert (short["exit_code"], short["verdict"]) == (1, "exceeded")
    page = (tmp_path / "report" / "summary.md").read_text()
    assert page.splitlines()[0] == "## Audit of p.csv"
    assert evenhand("audit", "p.csv", *OPTIONS, "--tolerance", "tpr=0.1", "--summary").stdout == page


def spoiled(path, case):
    """Write the bad file of `case`; returns the sentence's telling part."""
    frame = rows()
    text = frame.write_csv()
    match case:
        case "missing column":
            path.write_text(text.replace("sex", "sexx", 1))
            return "Did you mean 'sexx'?"
        case "nan scores":
            path.write_text(text.replace("0.9", "nan", 3))
            return "NaN"
        case "infinite scores":
            path.write_text(text.replace("0.9", "inf", 1))
            return "infinite"
        case "scores above 1":
            path.write_text(text.replace("0.9", "1.7", 1))
            return "outside [0, 1]"
        case "empty sensitive column":
            path.write_text(frame.with_columns(sex=pl.lit(None, pl.String)).write_csv())
            return "is empty in every row"
        case "binary file":
            path.write_bytes(bytes(range(256)) * 50)
            return "is not text"
        case "latin-1":
            path.write_bytes(text.replace("young", "jünger").encode("latin-1"))
            return "not UTF-8"
        case "one long line":
            path.write_bytes(b"x," * (5 << 20))
            return "no line break"
        case "no rows":
            path.write_text("y,s,sex,age_group\n")
            return "has no rows"
        case "empty":
            path.write_text("")
            return "is empty"
    raise AssertionError(case)


CASES = [
    "missing column",
    "nan scores",
    "infinite scores",
    "scores above 1",
    "empty sensitive column",
    "binary file",
    "latin-1",
    "one long line",
    "no rows",
    "empty",
]


@pytest.mark.parametrize("case", CASES)
def test_a_bad_table_is_refused_in_one_sentence_with_nothing_written(evenhand, tmp_path, case):
    says = spoiled(tmp_path / "p.csv", case)
    done = evenhand("audit", "p.csv", *OPTIONS, "--out", "report")
    assert done.returncode == 2, done.stdout
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "report").exists()


def test_truncated_and_false_parquet_are_refused(evenhand, tmp_path):
    rows().write_parquet(tmp_path / "whole.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:-100])
    (tmp_path / "false.parquet").write_text(rows().write_csv())
    for name, says in (("cut.parquet", "cut off"), ("false.parquet", "not a Parquet file")):
        done = evenhand("audit", name, *OPTIONS)
        assert done.returncode == 2
        assert says in done.stderr


def test_duplicate_ids_are_refused(evenhand, tmp_path):
    rows(id=[i // 2 for i in range(400)]).write_csv(tmp_path / "p.csv")
    done = evenhand("audit", "p.csv", *OPTIONS, "--id", "id")
    assert done.returncode == 2
    assert "twice" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's own always-full device")
def test_a_folder_that_cannot_be_written_is_named(evenhand, tmp_path):
    rows().write_csv(tmp_path / "p.csv")
    done = evenhand("audit", "p.csv", *OPTIONS, "--out", "/proc/report")
    assert done.returncode == 2
    assert "/proc/report" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_can_be_carried_on_with_is_carried_on_and_said(evenhand, tmp_path):
    sex = ["x" if i == 0 else None if i % 50 == 1 else "f" if i % 3 else "m" for i in range(400)]
    rows(sex=sex).write_csv(tmp_path / "p.csv")
    done = evenhand("audit", "p.csv", *OPTIONS, "--tolerance", "accuracy=0.3")
    assert "single row (x)" in done.stdout
    assert "(missing)" in done.stdout
    assert "NOT ENOUGH EVIDENCE  sex" in done.stdout


def test_labels_of_one_class_are_audited_as_far_as_that_goes(evenhand, tmp_path):
    rows(y=[0] * 400).write_csv(tmp_path / "p.csv")
    found = json.loads(evenhand("audit", "p.csv", *OPTIONS, "--json").stdout)
    defined = {metric["name"]: metric["defined"] for metric in found["metrics"]}
    assert defined["fpr"]
    assert defined["selection_rate"]
    assert not defined["tpr"]
    assert any("tpr is not defined" in note for note in found["notes"])


def test_an_audit_needs_no_torch(tmp_path):
    """As in an environment that holds only the core: importing anything of the training side fails."""
    rows().write_csv(tmp_path / "p.csv")
    code = """
import sys
for name in ("torch", "transformers", "datasets", "sklearn", "pandas", "scipy", "timm", "accelerate", "fairlearn"):
    sys.modules[name] = None
sys.argv = ["evenhand", "audit", "p.csv", "--label", "y", "--score", "s", "--sensitive", "sex", "--out", "report"]
from evenhand.commands.app import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "report.html").exists()


def test_every_option_reaches_the_audit(evenhand, tmp_path):
    frame = rows().with_columns(
        years=pl.int_range(400) % 50 + 18,
        site=pl.Series(["a", "b", "c", "d"] * 100),
        list=pl.int_range(400) // 40,
        s=(pl.int_range(400) * 7 % 400) / 400,
    )
    frame.write_csv(tmp_path / "p.csv")
    ask = [
        "--label",
        "y",
        "--score",
        "s",
        "--sensitive",
        "sex,years",
        "--bins",
        "years=30,50",
        "--slices",
        "site",
        "--intersections",
        "2",
    ]
    done = evenhand("audit", "p.csv", *ask, "--exact", "--json")
    assert done.returncode == 0, done.stderr
    question = json.loads(done.stdout)["question"]
    assert question["bins"]["years"]["edges"] == [30, 50]
    assert question["slices"] == ["sex", "years", "site"]
    assert question["exact"] is True
    for top, within, kept in (("40", [], 40), ("10%", [], 40), ("3", ["--within", "list"], 30)):
        done = evenhand("audit", "p.csv", *ask[:4], "--sensitive", "sex", "--top", top, *within, "--json")
        assert done.returncode == 0, done.stderr
        groups = json.loads(done.stdout)["attributes"][0]["groups"]
        assert sum(g["cells"]["tp"] + g["cells"]["fp"] for g in groups) <= kept


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--bins", "age=x"], "--bins age=x"),
        (["--bins", "age"], "--bins age=4"),
        (["--bins", "agee=4"], "agee"),
        (["--top", "best"], "--top best"),
        (["--top", "0"], "--top"),
        (["--top", "10", "--threshold", "0.4"], "--top"),
        (["--within", "sex"], "--within"),
        (["--slices", "nowhere"], "nowhere"),
    ],
)
def test_options_that_make_no_sense_are_one_sentence(evenhand, tmp_path, options, says):
    rows().write_csv(tmp_path / "p.csv")
    done = evenhand("audit", "p.csv", *OPTIONS, *options)
    assert done.returncode == 2, done.stdout
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_challenger_that_is_worse_fails_the_comparison(evenhand, tmp_path):
    frame = rows()
    frame.write_csv(tmp_path / "champion.csv")
    worse = frame.with_columns(s=pl.when(pl.col("sex") == "f").then(1 - pl.col("s")).otherwise(pl.col("s")))
    worse.write_csv(tmp_path / "challenger.csv")
    for name in ("champion", "challenger"):
        assert evenhand("audit", f"{name}.csv", *OPTIONS, "--out", name).returncode == 0
    done = evenhand("compare", "champion", "challenger", "--fail-on-worse")
    assert done.returncode == 1, done.stderr
    assert "the same 400 rows, compared pair by pair" in done.stdout
    assert evenhand("compare", "challenger", "champion", "--fail-on-worse").returncode == 0
    (tmp_path / "champion.csv").rename(tmp_path / "moved.csv")
    moved = evenhand("compare", "champion", "challenger", "--data-first", "moved.csv", "--json")
    assert json.loads(moved.stdout)["paired"] is True
    worse.write_csv(tmp_path / "moved.csv")
    refused = evenhand("compare", "champion", "challenger", "--data-first", "moved.csv")
    assert refused.returncode == 2
    assert len(refused.stderr.strip().splitlines()) == 1
