"""The report's own part of support-reply: what abstaining buys, whom it leaves out, exchanged groups."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from evenhand import Chart, Line, Section, wilson
from evenhand_nlp.reply.fitting import FACTS
from evenhand_nlp.writing.audited import columns_of, table_of, who_is_answered
from evenhand_nlp.writing.evaluated import Z
from evenhand_nlp.writing.exchanged_section import cut, of_exchanged

POINTS = 40


def sections(run: Any) -> list[Section]:
    """Every section that the run's files give."""
    table = table_of(run)
    if table is None:
        return []
    made = [*_curve(run, table), *who_is_answered(run)]
    file = run.path / "model" / "exhibits" / FACTS
    if file.is_file():
        made += of_exchanged(json.loads(file.read_text("utf-8")), "reply")
    return [*made, _worst(run, table)]


def _curve(run: Any, table: Any) -> list[Section]:
    """How many replies are acceptable, of those that are given, as the model abstains from more and more.

    The quality of rows that it abstained from is not known, so the curve ends where it stopped giving replies.
    """
    names = columns_of(run)
    given = table.filter(table[names["prediction"]].is_not_null())
    if len(given) < 2:
        return []
    sure, quality = given[names["confidence"]].to_numpy(), given[names["score"]].to_numpy()
    threshold = run.recipe.audit.threshold or 0.5
    good = (quality >= threshold)[np.argsort(-sure, kind="stable")]
    hits, counts = good.cumsum(), np.arange(1, len(good) + 1)
    lower, upper = wilson(hits, counts, Z)
    places = np.unique(np.linspace(min(19, len(good) - 1), len(good) - 1, POINTS).astype(int))
    x, y, low, high = (
        tuple(map(float, values[places])) for values in (counts / len(table), hits / counts, lower, upper)
    )
    line = Line("replies given, with 95 % limits", x, y, low, high)
    chart = Chart("What abstaining buys", "share of messages that get a reply", "share of those acceptable", (line,))
    return [
        Section(
            "Replies given, and those handed to a person",
            f"The surest replies first: on {len(table):,} test messages {len(given) / len(table):.1%} get a reply, and"
            f" {good.mean():.1%} of those are acceptable. A higher options.wanted moves to the left along this line.",
            charts=(chart,),
        )
    ]


def _worst(run: Any, table: Any) -> Section:
    """The surest replies that were not acceptable."""
    import polars as pl

    names, label = columns_of(run), str(run.recipe.schema.label)
    given = table.filter(pl.col(names["prediction"]).is_not_null())
    worst = given.sort([names["score"], names["confidence"]], descending=[False, True]).head(8)
    rows = tuple(
        (
            cut(row[names["prediction"]]),
            cut(row[label]),
            f"{row[names['score']]:.2f}",
            f"{row[names['confidence']]:.2f}",
        )
        for row in worst.iter_rows(named=True)
    )
    header = ("reply", "reply that was accepted", "quality", "confidence")
    return Section(
        "Replies that were furthest from the accepted one", "The measure counts words, so read them.", header, rows
    )
