"""An audit's folder: plan.json before any number is computed, then report.html, audit.json and junit.xml."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.files import atomic

if TYPE_CHECKING:
    from evenhand.auditing import Audit

PLAN = "plan.json"


def audit_into(folder: str | Path, source: Any, command: str | None = None, **choices: Any) -> Audit:
    """Audit `source` and leave everything in `folder`, so that `evenhand verify` can replay it.

    choices: what `evenhand.audit` takes. command: what the report says reproduces it. Raises BadInput, and then leaves
    the folder as it was.
    """
    from evenhand.auditing import audit

    folder = Path(folder)
    made = _missing_folders(folder)
    before = _read(folder / PLAN)
    where = str(Path(source).resolve()) if isinstance(source, str | Path) else None
    recorded = {key: _plain(value) for key, value in choices.items() if value not in (None, ())}

    def write_plan(plan: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        head = {"format": "evenhand-plan", "version": 1, "source": where, "command": command, "arguments": recorded}
        text = json.dumps({**head, **plan}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        _write(folder / PLAN, text.encode())

    try:
        result = audit(source, on_plan=write_plan, **choices)
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


def _plain(value: Any) -> Any:
    """A choice as JSON holds it; a policy by its name or path."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Path):
        return str(value.resolve())
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
