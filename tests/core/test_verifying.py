"""An audit can be replayed from its folder: equal where nothing changed, and what changed is named where it did."""

import json
import sys

import polars as pl
import pytest

import evenhand
from evenhand import BadInput
from evenhand.running.verifying import first_difference


@pytest.fixture
def rows(tmp_path):
    frame = pl.DataFrame(
        {
            "y": [i % 2 for i in range(200)],
            "s": [((i * 37) % 100) / 100 for i in range(200)],
            "sex": ["f" if i % 3 else "m" for i in range(200)],
        }
    )
    frame.write_csv(tmp_path / "p.csv")
    return frame


@pytest.fixture
def audited(tmp_path, rows):
    evenhand.audit_into(
        tmp_path / "report", tmp_path / "p.csv", label="y", score="s", sensitive=["sex"], tolerance={"tpr": 0.1}
    )
    return tmp_path / "report"


def failing(found):
    return [what for what, holds, _ in found.checks if not holds]


def test_a_replay_comes_out_byte_for_byte(audited):
    found = evenhand.verify(audited)
    assert found.equal, str(found)
    assert {what for what, _, _ in found.checks} >= {"data", "plan", "audit.json", "report.html", "junit.xml"}


def test_the_plan_is_on_disk_before_anything_is_counted(tmp_path, rows, monkeypatch):
    seen = {}

    def counted(*arguments, **options):
        (plan,) = (tmp_path / "report").rglob("plan.json")
        seen.update(json.loads(plan.read_text()))
        raise RuntimeError("stop here")

    monkeypatch.setattr(sys.modules["evenhand.auditing.conducting"], "count", counted)
    with pytest.raises(RuntimeError):
        evenhand.audit_into(tmp_path / "report", tmp_path / "p.csv", label="y", score="s", sensitive=["sex"])
    assert seen["question"]["metrics"]
    assert len(seen["plan_sha256"]) == 64
    assert not (tmp_path / "report").exists()  # what failed leaves nothing


def test_a_failed_audit_leaves_an_earlier_one_as_it_was(tmp_path, audited, monkeypatch):
    before = {file.name: file.read_bytes() for file in audited.iterdir()}
    with pytest.raises(BadInput):
        evenhand.audit_into(audited, tmp_path / "p.csv", label="no such", score="s", sensitive=["sex"])
    monkeypatch.setattr(sys.modules["evenhand.auditing.conducting"], "count", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        evenhand.audit_into(audited, tmp_path / "p.csv", label="y", score="s", sensitive=["sex"], seed=3)
    assert {file.name: file.read_bytes() for file in audited.iterdir()} == before


def test_changed_data_are_named(tmp_path, rows, audited):
    rows.with_columns(y=pl.Series([1, *rows["y"].to_list()[1:]])).write_csv(tmp_path / "p.csv")
    assert failing(evenhand.verify(audited))[0] == "data"


@pytest.mark.parametrize(
    ("name", "old", "new"), [("audit.json", '"rows": 200', '"rows": 201'), ("report.html", "evenhand", "evenhond")]
)
def test_a_changed_artefact_is_named(audited, name, old, new):
    file = audited / name
    file.write_text(file.read_text().replace(old, new, 1))
    assert name in failing(evenhand.verify(audited))


def test_data_that_moved_can_be_named(tmp_path, audited):
    (tmp_path / "p.csv").rename(tmp_path / "moved.csv")
    with pytest.raises(BadInput, match="--data"):
        evenhand.verify(audited)
    assert evenhand.verify(audited, tmp_path / "moved.csv").equal  # a name is not content


def test_an_audit_of_a_frame_is_verified_with_the_frame(tmp_path, rows):
    evenhand.audit_into(tmp_path / "report", rows, label="y", score="s", sensitive=["sex"])
    with pytest.raises(BadInput, match="table in memory"):
        evenhand.verify(tmp_path / "report")
    assert evenhand.verify(tmp_path / "report", rows).equal


@pytest.mark.parametrize("name", ["plan.json", "audit.json"])
def test_a_folder_without_an_audit_or_a_damaged_one_is_refused(audited, name):
    (audited / name).write_text("{")
    with pytest.raises(BadInput, match="damaged"):
        evenhand.verify(audited)
    (audited / name).unlink()
    with pytest.raises(BadInput, match=f"no {name}"):
        evenhand.verify(audited)


def test_the_first_difference_is_a_path():
    assert first_difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == "a[1].b: 2 before, 3 now"
    assert first_difference({"a": 1}, {"a": 1, "c": 2}) == "c (new)"
    assert first_difference({"a": [1]}, {"a": [1]}) == ""


def test_on_the_command_line_the_exit_code_says_it(tmp_path, evenhand, rows):
    assert (
        evenhand("audit", "p.csv", "--label", "y", "--score", "s", "--sensitive", "sex", "--out", "r").returncode == 0
    )
    done = evenhand("verify", "r")
    assert done.returncode == 0
    assert "byte for byte" in done.stdout
    (tmp_path / "r" / "junit.xml").write_text("<x/>")
    done = evenhand("verify", "r")
    assert done.returncode == 1
    assert "DIFFERS  junit.xml" in done.stdout
    assert evenhand("verify", "nowhere").returncode == 2
