"""An audit's folder: plan.json, written before any number is computed, audit.json, and what shows it to people."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.asking.question import Question
from evenhand.errors import BadInput
from evenhand.recorded.words import NOTES, check_words
from evenhand.recorded.writing import replaced_together

if TYPE_CHECKING:
    from evenhand.auditing import Audit, Estimate, GroupMetric

PLAN, OF_A_RUN = "plan.json", "manifest.json"
RESULT = ("audit.json", "junit.xml", "summary.md", "report.html")


def audit_into(
    folder: str | Path,
    source: Any,
    command: str | None = None,
    *,
    question: Question | None = None,
    extra: Sequence[GroupMetric | Estimate] = (),
    notes: str | None = None,
    **parts: Any,
) -> Audit:
    """Audit `source` and leave everything in `folder`, so that `evenhand verify` can replay it.

    question: what is asked; or its parts by name, as `evenhand.audit` takes them. command: what the report says
    reproduces it. notes: the author's own words, in Markdown, for the report and notes.md. Raises BadInput, and then
    leaves the folder as it was.
    """
    from evenhand.auditing import conduct

    asked = question or Question(**parts)
    folder = Path(folder)
    where = str(Path(source).resolve()) if isinstance(source, str | Path) else None
    arguments = asked.anchored(Path.cwd()).table()
    _check_no_run(folder)
    check_words(folder, notes)
    with replaced_together(folder, (PLAN, *RESULT, NOTES)) as staged:

        def write_plan(plan: Mapping[str, Any]) -> None:
            head = {"format": "evenhand-plan", "version": 1, "source": where, "command": command}
            whole = {**head, "arguments": arguments, **plan}
            _write(staged / PLAN, json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n")

        result = conduct(source, asked, extra, on_plan=write_plan)
        _write_all(result, staged, command, notes)
    return result


def write_audit(audit: Audit, folder: str | Path, command: str | None = None, *, notes: str | None = None) -> Path:
    """Write report.html, audit.json, junit.xml and summary.md of an audit into `folder`; returns the report's path.

    notes: the author's own words, in Markdown, for the report and notes.md.
    """
    _check_no_run(Path(folder))
    check_words(Path(folder), notes)
    with replaced_together(Path(folder), (*RESULT, NOTES)) as staged:
        _write_all(audit, staged, command, notes)
    return Path(folder) / "report.html"


def shown(data: dict[str, Any], command: str | None, notes: str | None = None) -> dict[str, str]:
    """What each file beside audit.json holds; data: what audit.json does."""
    from evenhand.reporting import junit_xml, markdown_summary, render_audit

    return {
        "junit.xml": junit_xml(data),
        "summary.md": markdown_summary(data),
        "report.html": render_audit(data, command=command, author=notes),
    }


def _write_all(audit: Audit, folder: Path, command: str | None, notes: str | None) -> None:
    text = audit.to_json()
    data = json.loads(text)  # what a later `evenhand verify` reads, to the order of its keys
    for name, content in {"audit.json": text, **shown(data, command, notes)}.items():
        _write(folder / name, content)
    if notes is not None:
        _write(folder / NOTES, notes)


def _write(file: Path, text: str) -> None:
    file.write_bytes(text.encode())


def _check_no_run(folder: Path) -> None:
    if os.path.lexists(folder / OF_A_RUN):
        raise BadInput(f"{folder} holds a run, whose own audit would be lost; name another folder with --out")
