"""One page that links several reports: their verdicts first, people's groups before those of things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from evenhand.reporting import formatting as words
from evenhand.reporting.html import asset, environment, hash_of

PEOPLE, THINGS = "Groups of people", "Groups of messages, pictures and other things"


def render_index(title: str, entries: Sequence[dict[str, Any]], damaged: Sequence[str] = ()) -> str:
    """The page. entries: title, link, recipe, verdict, sensitive, rows, says, measured, source, and `people`: whether
    the groups are of people. damaged: a sentence for each folder that has no report to link."""
    style = asset("report.css")
    parts = [
        (heading, [words.clean(entry) for entry in entries if entry["people"] is people])
        for heading, people in ((PEOPLE, True), (THINGS, False))
    ]
    return (
        environment()
        .get_template("index.html.j2")
        .render(
            title=words.clean(title),
            parts=parts,
            damaged=words.clean(list(damaged)),
            style=Markup(style),
            policy=f"default-src 'none'; style-src '{hash_of(style)}'; base-uri 'none'; form-action 'none'",
        )
    )
