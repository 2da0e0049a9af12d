"""What shows an audit to people, rendered again from its folder; its numbers stay as they are."""

from __future__ import annotations

import os
from pathlib import Path

from evenhand.errors import BadInput
from evenhand.recorded.audit_files import OF_A_RUN, PLAN, RESULT, shown
from evenhand.recorded.finished import FinishedAudit, open_folder
from evenhand.recorded.words import NOTES, words_in
from evenhand.recorded.writing import replaced_together


def show_again(path: Path, out: Path | None = None, notes: str | None = None) -> Path:
    """Render the report of the audit in the folder `path` again, with these words of its author or those that it
    holds; returns the report's path.

    out: another folder for what is rendered; nothing in the audit's is changed. Raises BadInput.
    """
    found = open_folder(path)
    assert isinstance(found, FinishedAudit)
    if out is not None and any(os.path.lexists(out / name) for name in (PLAN, OF_A_RUN)):
        raise BadInput(f"{out} holds another report, which would be lost; name another folder with --out")
    words = notes if notes is not None else words_in(path)
    pages = shown(found.audit(), found.plan.get("command"), words)
    with replaced_together(out or path, (*RESULT[1:], NOTES)) as staged:
        for name, content in {**pages, **({NOTES: words} if words is not None else {})}.items():
            (staged / name).write_bytes(content.encode())
    return (out or path) / "report.html"
