"""Reads pairs of a text and what should be written for it, with columns of what each text mentions put beside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evenhand import BadInput, Recipe, Splits, read_splits, splits_from_rows
from evenhand_nlp.identity.columns import columns
from evenhand_nlp.identity.lexicon import NONE, Lexicon, lexicon
from evenhand_nlp.support import as_text
from evenhand_nlp.writing.words import length_band

LENGTH = "message_length"
OF_THE_SAMPLE = ("id", "time", "group_id", "site", "split")  # roles that a recipe names for its own sample
NO = frozenset(("0", "0.0", "false", "no", "n", ""))

Sample = Callable[[int], Mapping[str, list[Any]]]


def load(recipe: Recipe, source: Path | str | None, sample: Sample, called: str) -> Splits:
    """The source's pairs (None: the simulated sample), each with a column for every axis that is audited.

    Rows whose answer was not accepted are left out where `options.accepted` names a column that says so.
    """
    words = lexicon(str(recipe.options.get("terms", "")))
    bare = _bare(recipe, words, source is None)
    made_up = source is None
    splits = splits_from_rows(bare, dict(sample(recipe.seed)), called) if made_up else read_splits(bare, source)
    splits = _accepted(recipe, splits)
    wanted = [name for name in recipe.schema.sensitive if _computed(name, words) and not _brought(splits, name)]
    inputs = list(splits.schema.input)

    def made(rows: Any) -> dict[str, list[str]]:
        return mentions(words, wanted, joined([list(rows[name]) for name in inputs]))

    splits = splits.map_columns(made)
    silent = [name for name in wanted if name in words.axes and set(splits.test[name]) == {NONE}]
    if silent:
        note = f"no test text mentions a group of {', '.join(silent)}, so nobody is compared by it"
        splits = replace(splits, notes=(*splits.notes, note))
    roles = {"sensitive": tuple(name for name in recipe.schema.sensitive if name not in silent)}
    return splits.with_schema(splits.schema.model_copy(update=roles))


def prepare(recipe: Recipe, rows: Any) -> Any:
    """New rows (a Polars LazyFrame) with the same columns."""
    import polars as pl

    words = lexicon(str(recipe.options.get("terms", "")))
    names = rows.collect_schema().names()
    wanted = [name for name in recipe.schema.sensitive if _computed(name, words) and name not in names]
    if not wanted or not all(name in names for name in recipe.schema.input):
        return None
    frame = rows.collect()
    made = mentions(words, wanted, joined([frame[name].to_list() for name in recipe.schema.input]))
    return frame.with_columns(pl.Series(name, values) for name, values in made.items()).lazy()


def joined(values: list[list[Any]]) -> list[str]:
    """The columns of each row as one text."""
    return [" ".join(as_text(part) for part in row) for row in zip(*values, strict=True)]


def mentions(words: Lexicon, wanted: Iterable[str], texts: Iterable[str]) -> dict[str, list[str]]:
    """column -> one value for each text."""
    read, names = list(texts), list(wanted)
    made = columns(words, (name for name in names if name != LENGTH), read)
    return made | ({LENGTH: [length_band(text) for text in read]} if LENGTH in names else {})


def _computed(name: str, words: Lexicon) -> bool:
    return name in words.axes or name == LENGTH


def _bare(recipe: Recipe, words: Lexicon, sample: bool) -> Recipe:
    """The recipe without the columns that are still to be made, and without roles of the sample alone."""
    schema = recipe.schema
    update: dict[str, Any] = {"sensitive": tuple(name for name in schema.sensitive if not _computed(name, words))}
    if not sample:
        for role in OF_THE_SAMPLE:
            if recipe.origin(f"schema.{role}") == recipe.origin("name"):  # the recipe's own, about the sample
                update[role] = None
    return recipe.model_copy(update={"schema_": schema.model_copy(update=update)})


def _accepted(recipe: Recipe, splits: Splits) -> Splits:
    """The rows whose answer was accepted, where a column says so."""
    column = str(recipe.options.get("accepted", ""))
    own = recipe.origin("options.accepted") == recipe.origin("name")
    parts = {name: getattr(splits, name) for name in ("train", "validation", "test")}
    if not column or (own and column not in splits.train.column_names):
        return splits
    if column not in splits.train.column_names:
        raise BadInput(
            f"options.accepted names the column '{column}', which is not in {splits.source}; it has:"
            f" {', '.join(splits.train.column_names)}"
        )
    kept = {
        name: rows.select([i for i, value in enumerate(rows[column]) if as_text(value).strip().lower() not in NO])
        for name, rows in parts.items()
    }
    if not all(len(rows) for rows in kept.values()):
        raise BadInput(f"no row of {splits.source} is accepted (column '{column}') in one of the splits; accept some")
    gone = sum(map(len, parts.values())) - sum(map(len, kept.values()))
    note = f"left out, as the column '{column}' says that they were not accepted: {gone} rows"
    return replace(splits, **kept, notes=(*splits.notes, note))


def _brought(splits: Splits, name: str) -> bool:
    parts = (splits.train, splits.validation, splits.test)
    return all(name in part.column_names for part in parts)
