"""The page of costs: the sum, a bar for each folder, every stage, and what is to be known of the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from markupsafe import Markup

from evenhand.reporting import formatting as words
from evenhand.reporting.costs_chart import costs_chart
from evenhand.reporting.html import asset, environment, policy_of

SUM = "sum"
ENERGY = ("energy_joules", "energy_low_joules", "energy_high_joules")


def render_costs(found: dict[str, Any], folders: Sequence[str]) -> str:
    """The page. found: rows, total, counted_within, grid and says, as `evenhand costs --json` prints them."""
    style, script = asset("report.css"), asset("report.js")
    found = words.clean(found)
    names = [words.clean(folder) for folder in folders]
    return (
        environment()
        .get_template("costs.html.j2")
        .render(
            found=found,
            folders=[_folder(name, found["rows"]) for name in names],
            chart=costs_chart([_drawn(name, found["rows"]) for name in names]),
            style=Markup(style),
            script=Markup(script),
            policy=policy_of(style, script),
        )
    )


def _folder(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    mine = [row for row in rows if row["folder"] == name]
    whole = next(row for row in mine if row["stage"] == SUM and row["attempts"] is None)
    return {"name": PurePath(name).name, "path": name, "rows": [row for row in mine if row is not whole], "sum": whole}


def _drawn(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The folder as the chart takes it."""
    folder = _folder(name, rows)
    parts = [(row["stage"], row["energy_joules"]) for row in folder["rows"] if row["energy_joules"]]
    return {"name": folder["name"], "parts": parts, "total": [folder["sum"][end] for end in ENERGY]}
