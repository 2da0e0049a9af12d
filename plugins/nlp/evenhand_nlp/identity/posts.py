"""Reads texts and their labels, brought to two, and puts beside each what it mentions and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evenhand import BadInput, Recipe, Splits, read_splits, splits_from_rows
from evenhand_nlp.identity.columns import columns
from evenhand_nlp.identity.dialect import dialect
from evenhand_nlp.identity.lexicon import Lexicon, lexicon
from evenhand_nlp.slices import message_length
from evenhand_nlp.support import as_text

WRITTEN: Mapping[str, Callable[[str], str]] = {"message_length": message_length, "dialect": dialect}


@dataclass(frozen=True, slots=True)
class Task:
    """What a recipe's two labels are.

    option: the option that lists the label values that count as positive; otherwise: what all others become;
    sample: seed -> the columns of the simulated texts; called: what the sample is called.
    """

    option: str
    otherwise: str
    sample: Callable[[int], dict[str, list[str]]]
    called: str


def load(recipe: Recipe, source: Path | str | None, task: Task) -> Splits:
    """The source's texts (None: the simulated sample), each with a column for every axis that is audited."""
    words = lexicon(str(recipe.options.get("terms", "")))
    bare = _bare(recipe, words, source is None)
    if source is None:
        splits = splits_from_rows(bare, task.sample(recipe.seed), task.called)
    else:
        splits = _labelled(recipe, read_splits(_of_any_label(recipe, bare, task), source), task)
    text = str(splits.schema.input[0])
    _check_texts(splits, text)
    audited = tuple(name for name in recipe.schema.sensitive if not _left(recipe, name, splits, words))
    wanted = [name for name in audited if _computed(name, words) and not _brought(splits, name)]

    def made(rows: Any) -> dict[str, list[str]]:
        return mentions(words, wanted, map(as_text, rows[text]))

    roles = {"sensitive": audited, "positive": recipe.schema.positive}
    schema = splits.schema.model_copy(update=roles)
    return splits.map_columns(made).with_schema(schema)


def prepare(recipe: Recipe, rows: Any) -> Any:
    """New texts (a Polars LazyFrame) with the same columns."""
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
    made = columns(words, (name for name in names if name not in WRITTEN), read)
    return made | {name: [WRITTEN[name](text) for text in read] for name in names if name in WRITTEN}


def _computed(name: str, words: Lexicon) -> bool:
    return name in words.axes or name in WRITTEN


def _own(recipe: Recipe, role: str) -> bool:
    """Whether the recipe's own file says this, about its sample."""
    return recipe.origin(f"schema.{role}") == recipe.origin("name")


def _left(recipe: Recipe, name: str, splits: Splits, words: Lexicon) -> bool:
    """Whether a column to audit is the sample's alone and the source has none of that name."""
    return _own(recipe, "sensitive") and not _computed(name, words) and not _brought(splits, name)


def _bare(recipe: Recipe, words: Lexicon, sample: bool) -> Recipe:
    """The recipe without the columns that are still to be made, and without roles of the sample alone."""
    schema = recipe.schema
    named = () if _own(recipe, "sensitive") else schema.sensitive
    update: dict[str, Any] = {"sensitive": tuple(name for name in named if not _computed(name, words))}
    if not sample:
        update |= {role: None for role in ("id", "time", "site") if _own(recipe, role)}
    return recipe.model_copy(update={"schema_": schema.model_copy(update=update)})


def _of_any_label(recipe: Recipe, bare: Recipe, task: Task) -> Recipe:
    """The recipe as a reader that leaves the source's own labels alone, where they are brought to two afterwards."""
    if not recipe.options.get(task.option) and not recipe.options.get("leave_out"):
        return bare
    free = bare.schema.model_copy(update={"positive": None})
    return bare.model_copy(update={"task": "multiclass", "schema_": free})


def _labelled(recipe: Recipe, splits: Splits, task: Task) -> Splits:
    """Rows with labels brought to the recipe's two, and without those that are to be left out."""
    counted, gone = (_values(recipe, name) for name in (task.option, "leave_out"))
    label, positive = splits.schema.require("label", "training"), str(recipe.schema.positive)
    if gone:
        kept = {
            part: getattr(splits, part).filter(lambda row: plain(row[label]) not in gone)
            for part in ("train", "validation", "test")
        }
        splits = replace(splits, **kept)
    if not counted:
        return splits
    seen = {plain(value) for part in (splits.train, splits.validation, splits.test) for value in part[label]}
    if strange := sorted(counted - seen):
        raise BadInput(
            f"options.{task.option} names the label '{strange[0]}', which is not in {splits.source}; its labels are"
            f" {', '.join(sorted(seen)[:12])}"
        )
    return splits.map_columns(
        lambda rows: {label: [positive if plain(value) in counted else task.otherwise for value in rows[label]]}
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


def _check_texts(splits: Splits, column: str) -> None:
    """Refuses a column that is no text: another one was meant."""
    values = [value for value in splits.train[column] if value is not None]
    odd = next((value for value in values if not isinstance(value, str)), None)
    if odd is None:
        return
    if isinstance(odd, int | float) and any(isinstance(value, str) for value in values):
        return
    kind = "numbers" if isinstance(odd, int | float) else "lists or structures"
    mend = (
        "name the column of texts" if kind == "numbers" else "join the words of each row to one text, or name another"
    )
    raise BadInput(
        f"the input column '{column}' of {splits.source} holds {kind}, such as {str(odd)[:40]}; {mend}"
        " (--set schema.input=COLUMN)"
    )


def _brought(splits: Splits, name: str) -> bool:
    parts = (splits.train, splits.validation, splits.test)
    return all(name in part.column_names for part in parts)
