"""An audit in short: one small object for a pipeline, a page of Markdown for a pull request."""

from __future__ import annotations

from collections import Counter
from typing import Any

from evenhand.reporting import formatting as words
from evenhand.reporting.modelcard import table, text

ORDER = ("exceeded", "not enough evidence", "within")
SAID = 10  # sentences; the others stand in audit.json


def summary(audit: dict[str, Any]) -> dict[str, Any]:
    """What a pipeline needs to know of an audit, the worst verdicts first."""
    worst = _worst_first(audit)
    counted = Counter(verdict["verdict"] for verdict in worst)
    return {
        "title": audit["title"],
        "verdict": audit["verdict"],
        "verdicts": {name: counted[name] for name in ORDER},
        "says": [_said(verdict) for verdict in worst[:SAID]],
        "rows": audit["data"]["rows"],
        "data_sha256": audit["data"]["sha256"],
        "plan_sha256": audit["plan_sha256"],
    }


def markdown_summary(audit: dict[str, Any]) -> str:
    """The same as Markdown in which no name of the data is mark-up: a comment on a pull request."""
    audit = words.clean(audit)
    worst, rows = _worst_first(audit), audit["data"]["rows"]
    head, step = words.verdict(audit["verdict"])[1], words.next_step(audit)
    lines = [f"## {text(words.short(audit['title']))}", "", f"**{text(head)}.** {text(step)}", ""]
    lines += (
        table(
            ("verdict", "what", "says"),
            [(v["verdict"], f"{words.short(v['attribute'])}: {v['metric']}", v["says"]) for v in worst[:SAID]],
        )
        if worst
        else []
    )
    if len(worst) > SAID:
        lines.append(f"\nThe other {len(worst) - SAID:,} verdicts stand in audit.json.")
    if worst and words.selected_means(audit):
        lines += ["", text(words.selected_means(audit))]
    lines += ["", f"{rows:,} rows. plan {audit['plan_sha256'][:12]}. Statistics, not legal advice.", ""]
    return "\n".join(lines)


def _worst_first(audit: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(audit["verdicts"], key=lambda verdict: ORDER.index(verdict["verdict"]))


def _said(verdict: dict[str, Any]) -> str:
    return f"{verdict['attribute']}: {verdict['says']}"
