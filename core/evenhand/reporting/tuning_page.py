"""The report of a search: who won, what choosing did to the figures, the Pareto front, and every trial."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from evenhand.reporting import formatting as words
from evenhand.reporting.front_chart import front_chart
from evenhand.reporting.html import asset, environment, policy_of


def render_tuning(title: str, found: dict[str, Any], best: dict[str, Any], manifest: dict[str, Any]) -> str:
    """The page. found: what trials.json holds; best: what best.json does."""
    style, script = asset("report.css"), asset("report.js")
    found, best = words.clean(found), words.clean(best)
    chart = front_chart(found["trials"], found["objective"], found["limits"], best.get("trial"))
    return (
        environment()
        .get_template("tuning.html.j2")
        .render(
            title=words.clean(title),
            found=found,
            best=best,
            keys=list(dict.fromkeys(key for row in found["trials"] for key in row["settings"])),
            energies=sorted({_how(row["energy_obtained"]) for row in found["trials"] if row["state"] == "done"}),
            chart=chart,
            command=manifest.get("command"),
            manifest=words.clean(manifest),
            audit=None,
            recipe_rows=[],
            style=Markup(style),
            script=Markup(script),
            policy=policy_of(style, script),
        )
    )


def _how(obtained: str) -> str:
    """How energy was obtained, without the figures of one trial.

    >>> _how("estimated: 4.5 processor seconds at an assumed 10 W")
    'estimated from processor seconds at an assumed 10 W'
    """
    start, seconds, rest = obtained.partition(" processor seconds ")
    return f"estimated from processor seconds {rest}" if seconds and start.startswith("estimated") else obtained
