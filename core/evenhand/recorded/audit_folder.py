"""An audit's folder: plan.json, written before any number is computed, audit.json, and what shows it to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.asking.question import Question
from evenhand.recorded.audit_files import FILES, check_folder, plan_text, save, write_plan, write_result
from evenhand.recorded.writing import replaced_together

if TYPE_CHECKING:
    from evenhand.auditing import Audit, Estimate, GroupMetric


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
    anchored = asked.anchored(Path.cwd())
    check_folder(folder, notes)
    with replaced_together(folder, FILES) as staged:

        def keep(plan: Mapping[str, Any]) -> None:
            write_plan(staged, plan_text(plan, anchored, where, command))

        result = conduct(source, asked, extra, on_plan=keep)
        write_result(result.to_json(), staged, command, notes)
    return result


def write_audit(audit: Audit, folder: str | Path, command: str | None = None, *, notes: str | None = None) -> Path:
    """Write report.html, audit.json, junit.xml and summary.md of an audit into `folder`; returns the report's path.

    notes: the author's own words, in Markdown, for the report and notes.md.
    """
    return save(Path(folder), audit.to_json(), command, None, notes)
