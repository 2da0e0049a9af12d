"""An audit's folder: plan.json before any number is computed, then report.html, audit.json and junit.xml."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.asking.question import Question
from evenhand.files import atomic

if TYPE_CHECKING:
    from evenhand.auditing import Audit, Estimate, GroupMetric

PLAN = "plan.json"


def audit_into(
    folder: str | Path,
    source: Any,
    command: str | None = None,
    *,
    question: Question | None = None,
    extra: Sequence[GroupMetric | Estimate] = (),
    **parts: Any,
) -> Audit:
    """Audit `source` and leave everything in `folder`, so that `evenhand verify` can replay it.

    question: what is asked; or its parts by name, as `evenhand.audit` takes them. command: what the report says
    reproduces it. Raises BadInput, and then leaves the folder as it was.
    """
    from evenhand.auditing import conduct

    asked = question or Question(**parts)
    folder = Path(folder)
    made = _missing_folders(folder)
    before = _read(folder / PLAN)
    where = str(Path(source).resolve()) if isinstance(source, str | Path) else None
    arguments = asked.anchored(Path.cwd()).table()

    def write_plan(plan: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        head = {"format": "evenhand-plan", "version": 1, "source": where, "command": command, "arguments": arguments}
        text = json.dumps({**head, **plan}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        _write(folder / PLAN, text.encode())

    try:
        result = conduct(source, asked, extra, on_plan=write_plan)
        write_audit(result, folder, command)
    except BaseException:
        _undo(folder, before, made)
        raise
    return result


def write_audit(audit: Audit, folder: str | Path, command: str | None = None) -> Path:
    """Write report.html, audit.json and junit.xml of an audit into `folder`; returns the report's path."""
    from evenhand.reporting import junit_xml, render_audit

    folder, text = Path(folder), audit.to_json()
    data = json.loads(text)  # what a later `evenhand verify` reads, to the order of its keys
    texts = {"audit.json": text, "junit.xml": junit_xml(data), "report.html": render_audit(data, command=command)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        _write(folder / name, text.encode())
    return folder / "report.html"


def _write(file: Path, content: bytes) -> None:
    with atomic(file) as temporary:
        temporary.write_bytes(content)


def _read(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() and not file.is_symlink() else None


def _missing_folders(folder: Path) -> list[Path]:
    """The folders that writing would make, the deepest first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def _undo(folder: Path, plan: bytes | None, made: list[Path]) -> None:
    """Put the plan back as it was, and take away folders that this audit made and left empty."""
    if plan is not None:
        _write(folder / PLAN, plan)
        return
    (folder / PLAN).unlink(missing_ok=True)
    for path in made:
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
