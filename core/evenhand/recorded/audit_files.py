"""The files of an audit's folder: what each holds, and how all of them take their place there as one set."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evenhand.asking.question import Question
from evenhand.errors import BadInput
from evenhand.recorded.words import NOTES, check_words
from evenhand.recorded.writing import replaced_together

PLAN, OF_A_RUN = "plan.json", "manifest.json"
RESULT = ("audit.json", "junit.xml", "summary.md", "report.html")
FILES = (PLAN, *RESULT, NOTES)


def save(folder: Path, text: str, command: str | None, plan: str | None, notes: str | None) -> Path:
    """Write an audit that was done, and its plan where that is known; returns the report's path.

    text: what audit.json holds. notes: the author's own words. Raises BadInput where the folder is a run's, has words
    about another audit, or where another process is writing.
    """
    check_folder(folder, notes)
    with replaced_together(folder, FILES) as staged:
        if plan is not None:
            write_plan(staged, plan)
        write_result(text, staged, command, notes)
    return folder / "report.html"


def plan_text(plan: Mapping[str, Any], question: Question, source: str | None, command: str | None) -> str:
    """What plan.json holds. plan: the question as it was understood, with its digest and that of the data.

    question: as it was asked. source: the absolute path of the file; None for a frame.
    """
    head = {"format": "evenhand-plan", "version": 1, "source": source, "command": command}
    whole = {**head, "arguments": question.table(), **plan}
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def shown(data: dict[str, Any], command: str | None, notes: str | None = None) -> dict[str, str]:
    """What each file beside audit.json holds; data: what audit.json does."""
    from evenhand.reporting import junit_xml, markdown_summary, render_audit

    return {
        "junit.xml": junit_xml(data),
        "summary.md": markdown_summary(data),
        "report.html": render_audit(data, command=command, author=notes),
    }


def write_plan(folder: Path, plan: str) -> None:
    """plan.json."""
    write(folder / PLAN, plan)


def write_result(text: str, folder: Path, command: str | None, notes: str | None) -> None:
    """audit.json, which is `text`, what shows it to people, and the author's words."""
    data = json.loads(text)  # what a later `evenhand verify` reads, to the order of its keys
    for name, content in {"audit.json": text, **shown(data, command, notes)}.items():
        write(folder / name, content)
    if notes is not None:
        write(folder / NOTES, notes)


def write(file: Path, text: str) -> None:
    """The text as UTF-8, its ends of lines as they are."""
    file.write_bytes(text.encode())


def check_folder(folder: Path, notes: str | None) -> None:
    """BadInput where the folder is that of a run, or has words about another audit."""
    if os.path.lexists(folder / OF_A_RUN):
        raise BadInput(f"{folder} holds a run, whose own audit would be lost; name another folder with --out")
    check_words(folder, notes)
