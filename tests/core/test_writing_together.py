"""A set of files takes its place as one: killed anywhere, two at once, or in the way of a folder, nothing is mixed."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import evenhand
from evenhand import BadInput
from evenhand.files import atomic
from evenhand.recorded.writing import replaced_together, take_lock

NAMES = ("one", "two", "three")
KILLED = """
import os, sys
from pathlib import Path
from evenhand.recorded.writing import replaced_together
folder, left = Path(sys.argv[1]), int(sys.argv[2])
def counted(does):
    def replacement(*arguments, **options):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return does(*arguments, **options)
    return replacement
os.replace, os.rename, os.unlink, os.rmdir = map(counted, (os.replace, os.rename, os.unlink, os.rmdir))
with replaced_together(folder, ("one", "two", "three")) as staged:
    for name in ("one", "two", "three"):
        (staged / name).write_text(f"new {name}")
        if left == 0:
            os._exit(9)
"""
FRAME = pl.DataFrame({"y": [0, 1] * 20, "s": [i / 40 for i in range(40)], "g": ["a", "b"] * 20})
ASK = {"label": "y", "score": "s", "sensitive": ["g"]}


def write(folder, word):
    with replaced_together(folder, NAMES) as staged:
        for name in NAMES:
            (staged / name).write_text(f"{word} {name}")


def words(folder):
    return {path.name: path.read_text().split()[0] for path in folder.iterdir()}


@pytest.mark.parametrize("steps", range(6))
def test_killed_anywhere_the_next_to_write_leaves_one_whole_set_and_nothing_else(steps, tmp_path):
    folder = tmp_path / "set"
    write(folder, "old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(steps)], check=False)
    assert done.returncode == 9
    with pytest.raises(RuntimeError), replaced_together(folder, NAMES):
        raise RuntimeError  # writes nothing itself, and finishes what was whole
    assert words(folder) in (dict.fromkeys(NAMES, "old"), dict.fromkeys(NAMES, "new"))
    write(folder, "next")
    assert words(folder) == dict.fromkeys(NAMES, "next")


def test_an_error_leaves_the_set_before_and_makes_no_folder(tmp_path):
    write(tmp_path / "set", "old")
    for folder in (tmp_path / "set", tmp_path / "new" / "deep"):
        with pytest.raises(ZeroDivisionError), replaced_together(folder, NAMES) as staged:
            (staged / "one").write_text("new")
            raise ZeroDivisionError
    assert words(tmp_path / "set") == dict.fromkeys(NAMES, "old")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_of_two_at_once_the_second_is_refused(tmp_path):
    with replaced_together(tmp_path / "set", NAMES), pytest.raises(BadInput, match="another evenhand run is writing"):
        write(tmp_path / "set", "other")


def test_an_audit_waits_for_nobody_and_mixes_with_nobody(tmp_path):
    evenhand.audit_into(tmp_path / "report", FRAME, **ASK)
    before = {path.name: path.read_bytes() for path in (tmp_path / "report").iterdir()}
    with take_lock(tmp_path / "report"), pytest.raises(BadInput, match="another evenhand run is writing"):
        evenhand.audit_into(tmp_path / "report", FRAME, **ASK, confidence=0.9)
    (tmp_path / "report" / ".lock").unlink()
    assert {path.name: path.read_bytes() for path in (tmp_path / "report").iterdir()} == before


def test_what_a_killed_audit_left_is_swept(tmp_path):
    (tmp_path / "report" / ".tmp-77").mkdir(parents=True)
    (tmp_path / "report" / ".tmp-77" / "audit.json").write_text("half")
    evenhand.audit_into(tmp_path / "report", FRAME, **ASK)
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        *("plan.json", "audit.json", "junit.xml", "summary.md", "report.html")
    }


@pytest.mark.parametrize("name", ["plan.json", "audit.json", "report.html"])
def test_a_folder_in_the_place_of_a_file_is_not_taken_away(name, tmp_path):
    (tmp_path / "report" / name).mkdir(parents=True)
    (tmp_path / "report" / name / "diary.txt").write_text("dear diary")
    with pytest.raises(BadInput, match=f"{name} is a folder"):
        evenhand.audit_into(tmp_path / "report", FRAME, **ASK)
    assert (tmp_path / "report" / name / "diary.txt").read_text() == "dear diary"
    assert [path.name for path in (tmp_path / "report").iterdir()] == [name]


def test_a_file_never_takes_the_place_of_a_folder(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "diary.txt").write_text("dear diary")
    with pytest.raises(IsADirectoryError), atomic(tmp_path / "kept") as temporary:
        temporary.write_text("{}")
    assert (tmp_path / "kept" / "diary.txt").read_text() == "dear diary"


@pytest.mark.parametrize("name", [".", "..", "/"])
def test_a_folder_that_a_path_names_without_its_name_is_no_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IsADirectoryError), atomic(Path(name)):
        pytest.fail("there is no such file to write")
    assert not list(tmp_path.iterdir())


def test_an_audit_does_not_overwrite_that_of_a_run(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({}))
    with pytest.raises(BadInput, match="holds a run, whose own audit would be lost"):
        evenhand.audit_into(tmp_path, FRAME, **ASK)
