"""The Audit: the content of audit.json, how it prints itself, and the exit code it means."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from evenhand.auditing.judging.verdicts import EXCEEDED, UNSURE

SHOWN_METRICS = 6
SHOWN_SLICES = 5


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
        data = self.data
        used, rows = data["data"]["rows_used"], data["data"]["rows"]
        lines = [data["title"], f"{used:,} of {rows:,} rows" if used != rows else f"{rows:,} rows", ""]
        for attribute in data["attributes"]:
            lines += [*_table(attribute, self._shown()), ""]
        if favourable := data["question"].get("favourable"):
            lines += [favourable["says"], ""]
        lines += [f"{v['verdict'].upper()}  {v['attribute']}: {v['says']}" for v in data["verdicts"]]
        lines += [f"Worse: {found['says']}" for found in (data.get("slices") or {}).get("found", [])[:SHOWN_SLICES]]
        lines += [f"Note: {note}" for note in data["notes"]]
        policy = data["question"]["policy"]
        why = f"the policy {policy['name']} sets no limit" if policy else "no tolerance was given"
        look = data["question"]["error_budget"]["look"]
        seen = "one look; --ledger counts looks" if look is None else f"look {look} at this question"
        lines.append(f"Verdict: {self.verdict} ({seen})" if self.verdict else f"Verdict: none, because {why}.")
        return "\n".join(lines)

    def _shown(self) -> list[str]:
        defined = [m["name"] for m in self.data["metrics"] if m["defined"]]
        judged = [m for m in self.data["question"]["tolerances"] if m in defined]
        others = [m for m in defined if m not in judged]
        return (judged + others)[:SHOWN_METRICS]


def _table(attribute: dict[str, Any], metrics: list[str]) -> list[str]:
    metrics = [m for m in metrics if m not in attribute.get("undefined", ())]
    rows = [[attribute["name"], "rows", *metrics]]
    for group in attribute["groups"]:
        mark = " *" if group["name"] == attribute["reference"] else ""
        rows.append(
            [_short(group["name"]) + mark, f"{group['rows']:,}", *(_cell(group["metrics"][m]) for m in metrics)]
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    lines.insert(1, "-" * len(lines[0]))
    return [line.rstrip() for line in lines]


def _cell(entry: dict[str, Any]) -> str:
    if entry["value"] is None:
        return "undefined"
    if entry["lower"] is None or entry["upper"] is None:
        return f"{entry['value']:.3f}"
    return f"{entry['value']:.3f} [{entry['lower']:.3f}, {entry['upper']:.3f}]"


def _short(name: str) -> str:
    one_line = " ".join(name.split())
    return one_line if len(one_line) <= 40 else one_line[:39] + "…"
