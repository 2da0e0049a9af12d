"""Reads posts for toxicity: labels brought to toxic and not, and what each post mentions put beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from evenhand import BadInput, Recipe, Splits, read_splits, splits_from_rows
from evenhand_nlp.identity.columns import columns
from evenhand_nlp.identity.lexicon import Lexicon, lexicon
from evenhand_nlp.slices import message_length
from evenhand_nlp.support import as_text
from evenhand_nlp.toxicity.samples import posts

OTHERWISE = "not toxic"
LENGTH = "message_length"


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """The source's posts (None: the simulated sample), each with a column for every axis that is audited."""
    words = lexicon(str(recipe.options.get("terms", "")))
    bare = _bare(recipe, words, source is None)
    if source is None:
        splits = splits_from_rows(bare, posts(recipe.seed), "simulated posts")
    else:
        splits = _labelled(recipe, read_splits(_of_any_label(recipe, bare), source))
    text = str(splits.schema.input[0])
    wanted = [name for name in recipe.schema.sensitive if _computed(name, words) and not _brought(splits, name)]

    def made(rows: Any) -> dict[str, list[str]]:
        return mentions(words, wanted, map(as_text, rows[text]))

    roles = {"sensitive": recipe.schema.sensitive, "positive": recipe.schema.positive}
    schema = splits.schema.model_copy(update=roles)
    return splits.map_columns(made).with_schema(schema)


def prepare(recipe: Recipe, rows: Any) -> Any:
    """New posts (a Polars LazyFrame) with the same columns."""
    import polars as pl

    words = lexicon(str(recipe.options.get("terms", "")))
    names, text = rows.collect_schema().names(), str(recipe.schema.input[0])
    wanted = [name for name in recipe.schema.sensitive if _computed(name, words) and name not in names]
    if text not in names or not wanted:
        return None
    frame = rows.collect()
    made = mentions(words, wanted, map(as_text, frame[text].to_list()))
    return frame.with_columns(pl.Series(name, values) for name, values in made.items()).lazy()


def mentions(words: Lexicon, wanted: Iterable[str], texts: Iterable[str]) -> dict[str, list[str]]:
    """column -> one value for each text."""
    read, names = list(texts), list(wanted)
    made = columns(words, (name for name in names if name != LENGTH), read)
    return made | ({LENGTH: [message_length(text) for text in read]} if LENGTH in names else {})


def _computed(name: str, words: Lexicon) -> bool:
    return name in words.axes or name == LENGTH


def _bare(recipe: Recipe, words: Lexicon, sample: bool) -> Recipe:
    """The recipe without the columns that are still to be made, and without roles of the sample alone."""
    schema = recipe.schema
    own = [name for name in schema.sensitive if not _computed(name, words)]
    update: dict[str, Any] = {"sensitive": tuple(own)}
    if not sample:
        for role in ("id", "time"):
            if recipe.origin(f"schema.{role}") == recipe.origin("name"):  # the recipe's own, about the sample
                update[role] = None
    return recipe.model_copy(update={"schema_": schema.model_copy(update=update)})


def _of_any_label(recipe: Recipe, bare: Recipe) -> Recipe:
    """The recipe as a reader that leaves the source's own labels alone, where they are brought to two afterwards."""
    if not recipe.options.get("toxic") and not recipe.options.get("leave_out"):
        return bare
    free = bare.schema.model_copy(update={"positive": None})
    return bare.model_copy(update={"task": "multiclass", "schema_": free})


def _labelled(recipe: Recipe, splits: Splits) -> Splits:
    """Rows with labels brought to the recipe's two, and without those that are to be left out."""
    toxic, gone = (_values(recipe, name) for name in ("toxic", "leave_out"))
    label, positive = splits.schema.require("label", "training"), str(recipe.schema.positive)
    if gone:
        kept = {
            part: getattr(splits, part).filter(lambda row: plain(row[label]) not in gone)
            for part in ("train", "validation", "test")
        }
        splits = replace(splits, **kept)
    if not toxic:
        return splits
    seen = {plain(value) for part in (splits.train, splits.validation, splits.test) for value in part[label]}
    if strange := sorted(toxic - seen):
        raise BadInput(
            f"options.toxic names the label '{strange[0]}', which is not in {splits.source}; its labels are"
            f" {', '.join(sorted(seen)[:12])}"
        )
    return splits.map_columns(
        lambda rows: {label: [positive if plain(value) in toxic else OTHERWISE for value in rows[label]]}
    )


def _values(recipe: Recipe, name: str) -> set[str]:
    values = recipe.options.get(name, [])
    if not isinstance(values, list):
        raise BadInput(f'options.{name} is {values!r}; give a list of label values, such as ["hate"]')
    return {plain(value) for value in values}


def plain(value: Any) -> str:
    """A label as it is compared: 1 and 1.0 are "1", blanks around it do not count."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _brought(splits: Splits, name: str) -> bool:
    parts = (splits.train, splits.validation, splits.test)
    return all(name in part.column_names for part in parts)
