"""The parts of the report that every network that writes has: how it learnt, and texts to read."""

from __future__ import annotations

import json
from typing import Any

from evenhand import Chart, Line, Section
from evenhand_nlp.writing.audited import columns_of, table_of
from evenhand_nlp.writing.exchanged_section import cut

SHOWN = 8


def of_learning(run: Any) -> list[Section]:
    """The validation loss by epochs."""
    file = run.path / "model" / "model.json"
    told = json.loads(file.read_text("utf-8"))["validation"] if file.is_file() else {}
    losses = [value for name, value in told.items() if name.startswith("loss_after_")]
    if len(losses) < 2:
        return []
    line = Line("validation pairs", tuple(map(float, range(len(losses)))), tuple(map(float, losses)))
    chart = Chart("Loss of a token of the target", "epochs", "loss", (line,))
    text = f"Loss on validation pairs, which stop the training: {losses[0]:.3f} untuned, {min(losses[1:]):.3f} at best."
    return [Section("How it learnt to write", text, charts=(chart,))]


def of_texts(run: Any, what: str) -> list[Section]:
    """The texts that were furthest from the label, and some from the middle."""
    table = table_of(run)
    if table is None:
        return []
    names, label = columns_of(run), str(run.recipe.schema.label)
    ordered = table.sort(names["score"])
    middle = max(0, len(ordered) // 2 - SHOWN // 2)
    made = []
    for title, part in (
        ("furthest from the label", ordered.head(SHOWN)),
        ("from the middle", ordered.slice(middle, SHOWN)),
    ):
        rows = tuple(
            (cut(row[names["prediction"]]), cut(row[label]), f"{row[names['score']]:.2f}")
            for row in part.iter_rows(named=True)
        )
        text = f"{len(rows)} of {len(table):,} test rows, beside their labels; the measure counts words, so read them."
        made.append(Section(f"{what}, {title}", text, ("written", "label", "quality"), rows))
    return made
