"""`evenhand report FOLDER` of a folder that holds several runs: one page that links them, people's groups first."""

import re

import polars as pl
import pytest
from typer.testing import CliRunner

import evenhand
from evenhand.commands.app import app


@pytest.fixture
def several(tmp_path):
    """Two audits, one of them damaged in a copy, and a folder of something else."""
    rows = pl.DataFrame({"y": [0, 1] * 60, "p": [0.2, 0.8, 0.6] * 40, "sex": ["f", "m", "f", "m"] * 30})
    for name in ("b <second>", "a first"):
        evenhand.audit_into(
            tmp_path / name,
            rows,
            label="y",
            score="p",
            sensitive=["sex"],
            title=f"Audit {name}",
            tolerance={"tpr": 0.1},
        )
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "text.txt").write_text("nothing")
    return tmp_path


def test_a_folder_of_reports_gets_a_page_that_links_them(several):
    done = CliRunner().invoke(app, ["report", str(several)])
    assert done.exit_code == 0, done.output
    page = (several / "index.html").read_text("utf-8")
    links = re.findall(r'<a href="([^"#]+)"', page)
    assert links == ["a%20first/report.html", "b%20%3Csecond%3E/report.html"]
    assert "Audit b &lt;second&gt;" in page
    assert "<second>" not in page
    assert "Groups of people" in page
    assert "<script" not in page


def test_what_is_damaged_is_named_and_the_rest_is_linked(several):
    (several / "a first" / "audit.json").write_text("{")
    evenhand.report(several)
    page = (several / "index.html").read_text("utf-8")
    assert "Not shown" in page
    assert "is damaged" in page
    assert "b%20%3Csecond%3E/report.html" in page


def test_a_folder_without_any_is_refused(tmp_path):
    with pytest.raises(evenhand.BadInput, match="not the directory of a finished run"):
        evenhand.report(tmp_path)
