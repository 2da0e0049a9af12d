"""The words of a report's author: given with the audit or after it, kept, replayed, never beside other numbers."""

import shutil

import polars as pl
import pytest

import evenhand
from evenhand import BadInput
from evenhand.running import again

ASKED = ("p.csv", "--label", "y", "--score", "s", "--sensitive", "sex", "--tolerance", "tpr=0.1", "--out", "report")


@pytest.fixture(autouse=True)
def table(tmp_path):
    n = 200
    frame = {"y": [i % 2 for i in range(n)], "s": [i * 37 % 100 / 100 for i in range(n)], "sex": ["f", "m"] * (n // 2)}
    pl.DataFrame(frame).write_csv(tmp_path / "p.csv")
    (tmp_path / "why.md").write_text("We **keep** it <b>until May</b>.", "utf-8")


def test_words_stand_in_the_report_and_the_replay_knows_them(evenhand, tmp_path):
    evenhand("audit", *ASKED, "--notes", "why.md")
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    assert "We <strong>keep</strong> it &lt;b&gt;until May&lt;/b&gt;." in page
    assert evenhand("verify", "report").returncode == 0
    (tmp_path / "report" / "notes.md").write_text("We never kept it.", "utf-8")
    assert evenhand("verify", "report").returncode == 1


def test_words_come_after_the_numbers_too_and_stay(evenhand, tmp_path):
    evenhand("audit", *ASKED)
    before = (tmp_path / "report" / "audit.json").read_bytes()
    for options in (("--notes", "why.md"), ()):
        assert evenhand("report", "report", *options).returncode == 0
        assert "<strong>keep</strong>" in (tmp_path / "report" / "report.html").read_text("utf-8")
    assert (tmp_path / "report" / "audit.json").read_bytes() == before
    assert evenhand("verify", "report").returncode == 0


def test_words_about_one_audit_never_stand_beside_another(evenhand, tmp_path):
    evenhand("audit", *ASKED, "--notes", "why.md")
    before = (tmp_path / "report" / "report.html").read_bytes()
    refused = evenhand("audit", *ASKED)
    assert (refused.returncode, "give it again with --notes" in refused.stderr) == (2, True)
    assert (tmp_path / "report" / "report.html").read_bytes() == before
    assert evenhand("audit", *ASKED, "--notes", "report/notes.md").returncode != 2


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("no.md", None, "no such file"),
        ("blank.md", b" \n", "says nothing"),
        ("odd.md", b"\xff\xfe\x00", "not UTF-8 text"),
        ("long.md", b"a" * 100_001, "100,001 characters"),
    ],
)
def test_what_is_no_text_is_refused_before_anything_is_counted(evenhand, tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = evenhand("audit", *ASKED, "--notes", name)
    assert (done.returncode, says in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert not (tmp_path / "report").exists()


def test_words_need_a_report(evenhand):
    done = evenhand("audit", *ASKED[:-2], "--notes", "why.md")
    assert (done.returncode, "name a folder for it with --out" in done.stderr) == (2, True)


def test_a_run_takes_words_too(finished, tmp_path):
    folder, plugins = finished
    shutil.copytree(folder, tmp_path / "run")
    again.report(tmp_path / "run", plugins, notes="We **wait**.")
    assert "We <strong>wait</strong>." in (tmp_path / "run" / "report.html").read_text("utf-8")
    written = [holds for what, holds, _ in evenhand.verify(tmp_path / "run").checks if what != "audit.json"]
    assert all(written)  # audit.json has metrics of a plugin that is not installed
    assert len(written) > 5
    again.report(tmp_path / "run", plugins)
    assert "We <strong>wait</strong>." in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_a_link_in_the_place_of_words_is_not_followed(tmp_path):
    evenhand.audit_into(tmp_path / "report", tmp_path / "p.csv", label="y", score="s", sensitive=["sex"])
    (tmp_path / "report" / "notes.md").symlink_to("/etc/hostname")
    with pytest.raises(BadInput, match=r"notes\.md"):
        evenhand.report(tmp_path / "report")


def test_a_report_in_another_folder_leaves_the_audit_as_it_was(evenhand, tmp_path):
    evenhand("audit", *ASKED)
    before = {file.name: file.read_bytes() for file in (tmp_path / "report").iterdir()}
    assert evenhand("report", "report", "--out", "decision", "--notes", "why.md").returncode == 0
    assert "<strong>keep</strong>" in (tmp_path / "decision" / "report.html").read_text("utf-8")
    assert {file.name: file.read_bytes() for file in (tmp_path / "report").iterdir()} == before
    refused = evenhand("report", "report", "--out", "report")
    assert (refused.returncode, "would be lost" in refused.stderr) == (2, True)
