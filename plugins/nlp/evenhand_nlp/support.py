"""Loads customer messages for support-intent and puts the slice columns beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Recipe, Splits, read_splits, splits_from_rows
from evenhand_nlp.samples import support_messages
from evenhand_nlp.slices import Wording, slice_columns


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """The source's messages (None: the simulated sample), each with message_length, wording and intent_family.

    Slice columns that the source brings itself stay as they are. Typos are judged by the words of the training split
    alone, so test messages decide nothing about each other.
    """
    computed = {"message_length", "wording", "intent_family"} & set(recipe.schema.sensitive)
    bare = recipe.with_settings(
        [f"schema.sensitive={[c for c in recipe.schema.sensitive if c not in computed]}"], "load_data"
    )
    if source is None:
        splits = splits_from_rows(bare, support_messages(recipe.seed), "simulated support messages")
    else:
        splits = read_splits(bare, source)
    text, label = splits.schema.input[0], splits.schema.label
    wording = Wording(splits.train[text])

    def columns(rows: Any) -> dict[str, list[str]]:
        made = slice_columns(rows[text], rows[label], wording)
        return {name: made[name] for name in made if name in computed and name not in rows.column_names}

    return splits.map_columns(columns).with_schema(recipe.schema)
