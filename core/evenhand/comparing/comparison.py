"""What a comparison found, as values, as JSON and as text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from evenhand.console import table, visible
from evenhand.json_values import json_value

BETTER, WORSE, CHANGED, UNSURE = "better", "worse", "changed", "not enough evidence"
LONGEST = 40  # characters of a group's name in a line of text


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one group (attribute None: of all rows) in both audits, and second minus first. None: not defined.

    lower, upper: limits of the change at the comparison's confidence; `_simultaneous`: limits that hold at once
    for every change over all rows, or for every change of every group; the verdict comes from these. rows: rows in the
    denominator, of the audit that has fewer.
    """

    attribute: str | None
    group: str
    metric: str
    better: str
    first: float | None
    second: float | None
    change: float | None
    lower: float | None
    upper: float | None
    lower_simultaneous: float | None
    upper_simultaneous: float | None
    rows: int
    verdict: str


@dataclass(frozen=True, slots=True)
class GapChange:
    """How far apart groups were in both audits, and how much further apart (above 0) or closer (below 0) they are now.

    kind "difference": `group` minus `versus`, the reference, with its sign; the change is that of its size. kind
    "largest": the distance between the highest and the lowest group, which were `group` and `versus` in the first audit
    and `group_second` and `versus_second` in the second. Limits as in Change; those of "largest" allow for every pair.
    """

    attribute: str
    metric: str
    kind: str
    group: str
    versus: str
    group_second: str
    versus_second: str
    first: float
    second: float
    change: float
    lower: float | None
    upper: float | None
    lower_simultaneous: float | None
    upper_simultaneous: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from the first audit to the second: overall, for every group, and in the gaps between groups.

    verdicts: how each verdict of the two audits went, one record per attribute and metric that either judged.
    """

    first: str
    second: str
    paired: bool
    how: str
    confidence: float
    changes: tuple[Change, ...]
    gaps: tuple[GapChange, ...]
    verdicts: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]

    @property
    def worse(self) -> tuple[Change | GapChange, ...]:
        """Every change and every gap that the evidence calls worse."""
        return tuple(found for found in self._all() if found.verdict == WORSE)

    def _all(self) -> list[Change | GapChange]:
        return [*self.changes, *self.gaps]

    def to_json(self) -> str:
        """Everything, as JSON (docs/compare.md)."""
        content = json_value({"format": "evenhand-comparison", "version": 2, **asdict(self)})
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)

    def __str__(self) -> str:
        parts = [
            "\n".join(map(visible, [f"first: {self.first}", f"second: {self.second}", self.how])),
            self._levels(),
            self._gaps(),
            "\n".join(visible(_went(v)) for v in self.verdicts),
            "\n".join(visible(f"Note: {note}") for note in self.notes),
            self._summary(),
        ]
        return "\n\n".join(part for part in parts if part)

    def _levels(self) -> str:
        header = ("attribute", "group", "metric", "first", "second", "change", self._interval(), "rows", "verdict")
        rows = [
            (c.attribute, _short(c.group), c.metric, c.first, c.second, c.change, _limits(c), c.rows, c.verdict)
            for c in self.changes
        ]
        return table(header, rows)

    def _gaps(self) -> str:
        header = ("largest gap by", "metric", "first", "second", "change", self._interval(), "verdict")
        found = [g for g in self.gaps if g.kind == "largest"]
        rows = [(g.attribute, g.metric, g.first, g.second, g.change, _limits(g), g.verdict) for g in found]
        return table(header, rows) if rows else ""

    def _interval(self) -> str:
        return f"{self.confidence * 100:g} % interval"

    def _summary(self) -> str:
        """How many of the verdicts are which; they allow for all comparisons, the intervals shown are for one alone."""
        said = [found.verdict for found in self._all()]
        counts = ", ".join(f"{said.count(word)} {word}" for word in (BETTER, WORSE, CHANGED, UNSURE) if word in said)
        return f"Allowing for all comparisons: {counts}." if counts else "Nothing could be compared."


def verdict_on_change(better: str, lower: float, upper: float) -> str:
    """The verdict on a change between these simultaneous limits; `better`: "higher", "lower" or "" for neither."""
    if not (lower > 0 or upper < 0):
        return UNSURE
    if not better:
        return CHANGED
    return BETTER if (lower > 0) == (better == "higher") else WORSE


def _limits(found: Change | GapChange) -> str:
    if found.lower is None or found.upper is None:
        return "undefined"
    return f"[{found.lower:+.4f}, {found.upper:+.4f}]"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def _went(record: dict[str, Any]) -> str:
    first, second = (record[key] or "not judged" for key in ("first", "second"))
    return f"{record['metric']} by {record['attribute']}: {first} → {second}"
