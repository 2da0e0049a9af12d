"""Replays an audit from the same data and says whether audit.json comes out the same, byte for byte."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.errors import BadInput
from evenhand.files import digest, own
from evenhand.recorded import history
from evenhand.recorded.finished import AUDIT, FinishedAudit, FinishedRun, open_folder, read, read_audit
from evenhand.recorded.words import words_in

if TYPE_CHECKING:
    from evenhand.auditing import Audit


UNAUDITED = ("monitor",)  # walks that end without an audit: their artefacts alone are compared


@dataclass(frozen=True, slots=True)
class Verification:
    """What a replay found: (what was checked, whether it holds, one sentence) in the order of the corridor."""

    folder: Path
    checks: tuple[tuple[str, bool, str], ...]
    proves: str = "audit.json comes out byte for byte"

    @property
    def equal(self) -> bool:
        """Whether every check holds."""
        return all(holds for _, holds, _ in self.checks)

    def __str__(self) -> str:
        lines = [f"{'holds ' if holds else 'DIFFERS'}  {what}: {says}" for what, holds, says in self.checks]
        last = f"verified: {self.proves}" if self.equal else "not verified: see what differs above"
        return "\n".join([*lines, last])


def verify(folder: str | Path, data: Any = None) -> Verification:
    """Replay the audit in `folder`, from an `evenhand audit --out` or an `evenhand run`.

    data: the same data at another place, or the frame that was audited. Raises BadInput where nothing can be replayed.
    """
    found = open_folder(folder)
    if isinstance(found, FinishedRun):
        return _verify_run(found)
    source = data if data is not None else found.plan.get("source")
    if source is None:
        raise BadInput(
            f"the audit in {folder} was made from a table in memory; give it again: evenhand.verify(folder, data=frame)"
        )
    if isinstance(source, str | Path) and not Path(source).exists():
        raise BadInput(f"the data {source} is not there any more; name where it is now with --data PATH")
    return Verification(found.path, tuple(_replayed(found, source)))


def _replayed(found: FinishedAudit, source: Any) -> list[tuple[str, bool, str]]:
    from evenhand.asking.question import Question
    from evenhand.auditing import conduct
    from evenhand.recorded.audit_files import shown

    folder, plan, planned = found.path, found.plan, dict[str, Any]()
    recorded, before = read(folder, AUDIT), read_audit(folder)
    asked = Question.build(plan.get("arguments", {}))
    result = _named_as(before, conduct(source, asked, on_plan=planned.update))
    checks = [
        _same("data", plan.get("data_sha256"), planned["data_sha256"], "sha256"),
        _same("plan", plan.get("plan_sha256"), planned["plan_sha256"], "sha256"),
        _same("plan named in audit.json", before.get("plan_sha256"), planned["plan_sha256"], "sha256"),
        _audit_check(recorded, result.to_json().encode(), before, result.data),
    ]
    for name, text in shown(before, plan.get("command"), words_in(folder)).items():
        if own(folder, name).is_file():
            equal = read(folder, name) == text.encode()
            checks.append(
                (name, equal, "shows what audit.json holds" if equal else "is not what audit.json renders to")
            )
    return checks


def _named_as(before: dict[str, Any], result: Audit) -> Audit:
    """The replay under the name that the data had then: a file's name is not its content, which has a digest."""
    from evenhand.auditing import Audit

    source = before.get("data", {}).get("source")
    titled = (
        {} if result.data["title"] != f"Audit of {result.data['data']['source']}" else {"title": f"Audit of {source}"}
    )
    return Audit({**result.data, **titled, "data": {**result.data["data"], "source": source}})


def _verify_run(found: FinishedRun) -> Verification:
    """The audit of a run: its predictions are unchanged, and audit.json follows from them."""
    from evenhand.running.again import audit_again

    checks = []
    for stage, record in found.manifest["stages"].items():
        for name, sha in record["artefacts"].items():
            file = own(found.path, name)
            checks.append(_same(f"{name} of {stage}", sha, digest(file) if file.exists() else None, "sha256"))
    if found.manifest["walk"]["name"] in UNAUDITED:
        return Verification(found.path, tuple(checks), "what was written is as it was")
    recorded, before = read(found.path, AUDIT), found.audit()
    result = audit_again(found.path)
    checks.append(_audit_check(recorded, result.to_json().encode(), before, result.data))
    return Verification(found.path, (*checks, *history.check(found.path)))


def _audit_check(recorded: bytes, replayed: bytes, before: Any, after: Any) -> tuple[str, bool, str]:
    if recorded == replayed:
        return "audit.json", True, f"equal, sha256 {hashlib.sha256(recorded).hexdigest()}"
    where = first_difference(before, after)
    return "audit.json", False, f"differs first at {where}" if where else "holds the same values in other bytes"


def _same(what: str, before: Any, after: Any, kind: str) -> tuple[str, bool, str]:
    if before == after:
        return what, True, f"{kind} {after}" if after else "has no digest, being a table in memory"
    return what, False, f"{kind} was {before}, and is {after}"


def first_difference(before: Any, after: Any, path: str = "") -> str:
    """Where two JSON values first differ, as a.b[2], with both values; "" where they do not."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            if key not in before or key not in after:
                return f"{path}.{key}".lstrip(".") + (" (new)" if key not in before else " (gone)")
            if found := first_difference(before[key], after[key], f"{path}.{key}"):
                return found
        return ""
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return next(
            (
                f
                for i, (a, b) in enumerate(zip(before, after, strict=True))
                if (f := first_difference(a, b, f"{path}[{i}]"))
            ),
            "",
        )
    if before == after:
        return ""
    return f"{path.lstrip('.')}: {_short(before)} before, {_short(after)} now"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:79] + "…"
