"""`audit.save(folder)` leaves what `evenhand audit --out folder` leaves: the same files, to the byte."""

import json

import polars as pl
import pytest

import evenhand as package
from evenhand import BadInput
from evenhand.recorded.writing import take_lock

FRAME = pl.DataFrame({"y": [0, 1] * 60, "s": [i / 120 for i in range(120)], "g": ["a", "b", "b"] * 40})
ASK = {"label": "y", "score": "s", "sensitive": ["g"], "tolerance": {"tpr": 0.1}}


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_command_line_and_save_leave_the_same_bytes(evenhand, tmp_path):
    FRAME.write_csv(tmp_path / "p.csv")
    words = ["audit", "p.csv", "--label", "y", "--score", "s", "--sensitive", "g", "--tolerance", "tpr=0.1"]
    evenhand(*words, "--out", "command")
    audit = package.audit(tmp_path / "p.csv", **ASK)
    report = audit.save(tmp_path / "saved", command=" ".join(["evenhand", *words, "--out", "command"]))
    assert report == tmp_path / "saved" / "report.html"
    assert files(tmp_path / "saved") == files(tmp_path / "command")
    assert [*files(tmp_path / "saved")]
    done = evenhand("verify", "saved")
    assert done.returncode == 0, done.stdout


def test_a_policys_file_is_found_again_whatever_the_working_folder_is(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\nversion = "1"\ntitle = "Mine"\nsource = "me"\nsays = "x"\n[tolerance]\ntpr = 0.1\n'
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    audit = package.audit(FRAME, label="y", score="s", sensitive="g", policy="mine.toml")
    package.audit_into("first", FRAME, label="y", score="s", sensitive="g", policy="mine.toml")
    monkeypatch.chdir(tmp_path / "elsewhere")
    audit.save(tmp_path / "second")
    assert files(tmp_path / "first") == files(tmp_path / "second")


def test_the_authors_words_are_kept_and_never_stand_beside_other_numbers(tmp_path):
    words = "# Decided\n\nThe gap is **small** enough."
    audit = package.audit(FRAME, **ASK)
    audit.save(tmp_path / "one", notes=words)
    package.audit_into(tmp_path / "two", FRAME, notes=words, **ASK)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert (tmp_path / "one" / "notes.md").read_text() == words
    with pytest.raises(BadInput, match="written about an earlier audit"):
        audit.save(tmp_path / "one")


def test_of_a_table_the_plan_has_no_source_and_of_read_data_there_is_none(tmp_path):
    audit = package.audit(FRAME, **ASK)
    audit.save(tmp_path / "one")
    assert json.loads((tmp_path / "one" / "plan.json").read_text())["source"] is None
    package.Audit(audit.data).save(tmp_path / "two")
    assert not (tmp_path / "two" / "plan.json").exists()
    assert (tmp_path / "two" / "audit.json").read_bytes() == (tmp_path / "one" / "audit.json").read_bytes()


def test_a_folder_in_use_and_a_runs_folder_are_refused_and_stay_as_they_were(tmp_path):
    audit = package.audit(FRAME, **ASK)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text("{}")
    with pytest.raises(BadInput, match="holds a run"):
        audit.save(tmp_path / "run")
    assert [*files(tmp_path / "run")] == ["manifest.json"]
    audit.save(tmp_path / "busy")
    before = files(tmp_path / "busy")
    lock = take_lock(tmp_path / "busy")
    with pytest.raises(BadInput, match="another evenhand run is writing"):
        audit.save(tmp_path / "busy")
    lock.close()
    assert {name: text for name, text in files(tmp_path / "busy").items() if name != ".lock"} == before
