"""The Audit: the content of audit.json, how it prints itself, and the exit code it means."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from evenhand.auditing.judging.verdicts import EXCEEDED, UNSURE


@dataclass(frozen=True)
class Audit:
    """An audit that was done. `data` is exactly what audit.json holds (docs/audit-json.md)."""

    data: dict[str, Any]

    @property
    def verdict(self) -> str | None:
        """within, exceeded, not enough evidence; None when no tolerance was given."""
        found: str | None = self.data["verdict"]
        return found

    def exit_code(self, strict: bool = False, fail_on: Collection[str] = (EXCEEDED,)) -> int:
        """1: a tolerance is exceeded; 3: not enough evidence; 0: no verdict of those that fail. `strict` adds the
        second."""
        given = {verdict["verdict"] for verdict in self.data["verdicts"]} & {*fail_on, *((UNSURE,) if strict else ())}
        return 1 if EXCEEDED in given else 3 if UNSURE in given else 0

    def to_json(self) -> str:
        """The same audit always gives the same bytes."""
        return json.dumps(self.data, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    def _repr_html_(self) -> str:
        from evenhand.reporting import render_audit

        return str(render_audit(self.data))

    def __str__(self) -> str:
        from evenhand.reporting.terminal import told

        return "\n".join(part.text for part in told(self.data))
