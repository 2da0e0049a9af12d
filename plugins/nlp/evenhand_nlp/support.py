"""Loads customer messages for support-intent and puts the slice columns beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Recipe, Section, Splits, read_splits, splits_from_rows
from evenhand_nlp.samples import support_messages
from evenhand_nlp.slices import ABOUT, Wording, message_length, slice_columns

SLICES = ("message_length", "wording", "intent_family")


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """The source's messages (None: the simulated sample), each with message_length, wording and intent_family.

    Slice columns that the source brings itself stay as they are, unless they are empty throughout. Typos are judged by
    the words of the training split alone, so test messages decide nothing about each other.
    """
    wanted = set(SLICES) & set(recipe.schema.sensitive)
    others = tuple(column for column in recipe.schema.sensitive if column not in wanted)
    bare = recipe.model_copy(update={"schema_": recipe.schema.model_copy(update={"sensitive": others})})
    if source is None:
        divided = bare.model_copy(update={"schema_": bare.schema.model_copy(update={"split": "split"})})
        splits = splits_from_rows(divided, support_messages(recipe.seed), "simulated support messages")
    else:
        splits = read_splits(bare, source)
    text, label = splits.schema.input[0], splits.schema.label
    computed = {name for name in wanted if not _brought(splits, name)}
    wording = Wording(map(as_text, splits.train[text]))

    def columns(rows: Any) -> dict[str, list[str]]:
        made = slice_columns(map(as_text, rows[text]), rows[label], wording)
        return {name: made[name] for name in made if name in computed}

    return splits.map_columns(columns).with_schema(recipe.schema)


def prepare_rows(recipe: Recipe, rows: Any) -> Any:
    """New messages (a Polars LazyFrame) with message_length, which needs nothing but the message.

    wording is judged by the words of the training messages, and intent_family by the label: neither is at hand here.
    """
    import polars as pl

    text = recipe.schema.input[0]
    names = rows.collect_schema().names()
    if text not in names or "message_length" not in recipe.schema.sensitive or "message_length" in names:
        return None
    lengths = pl.col(text).map_elements(lambda value: message_length(as_text(value)), pl.String, skip_nulls=False)
    return rows.with_columns(lengths.alias("message_length"))


def report_sections(run: Any) -> list[Section]:
    """Who is left to people, and how the slices were made."""
    from evenhand_nlp.abstaining import sections

    return [*sections(run), Section("How the slices were made", *ABOUT)]


def _brought(splits: Splits, name: str) -> bool:
    """Whether the source fills the column in some row."""
    parts = (splits.train, splits.validation, splits.test)
    return all(name in part.column_names for part in parts) and any(
        value not in (None, "") for part in parts for value in part[name]
    )


def as_text(message: Any) -> str:
    """A message as text: "" where there is none, a number as it is written."""
    return "" if message is None else str(message)
