"""The plugin of ten lines runs from its own package on a user's file, with no change to the core."""

import json
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
HELLO = DOCS / "hello-plugin" / "evenhand_hello.py"


def test_it_has_ten_lines_and_the_page_shows_them():
    text = HELLO.read_text()
    assert len(text.splitlines()) == 10
    assert f"```python\n{text}```" in (DOCS / "write-a-plugin.md").read_text()


@pytest.mark.slow
def test_a_user_sees_a_report_of_their_own_file(evenhand, install, tmp_path):
    env = install("hello", "evenhand_hello", HELLO.parent)
    lines = (DOCS / "data" / "tickets.csv").read_text().splitlines(keepends=True)
    (tmp_path / "mine.csv").write_text("".join(lines[:241]))
    done = evenhand("run", "hello/tickets", "--data", "mine.csv", "--out", "run", env=env)
    assert done.returncode == 0, done.stderr
    audit = json.loads((tmp_path / "run" / "audit.json").read_text())
    assert [group["name"] for group in audit["attributes"][0]["groups"]] == ["company", "private"]
    assert "Which tickets are urgent" in (tmp_path / "run" / "report.html").read_text()
