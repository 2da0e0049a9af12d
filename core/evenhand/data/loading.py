"""The core's reader: a source becomes train, validation and test splits by the recipe's schema; see `checking`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.data import fingerprint
from evenhand.data.checking import (
    check_ids,
    check_labels,
    check_plain,
    check_sensitive,
    check_training,
    is_missing,
    note_copies,
)
from evenhand.data.multilabel import label_columns, with_flags, without_unlearnable
from evenhand.data.reading import PARTS, Parts, read, to_rows, values_of
from evenhand.data.reading_texts import check_texts
from evenhand.data.splitting import (
    LEAST_ROWS,
    block_of,
    far_from,
    test_rows,
    validation_rows,
    with_blocks,
    without_groups_of,
)
from evenhand.errors import BadInput, missing_column
from evenhand.recipe import Recipe
from evenhand.values import Splits

if TYPE_CHECKING:
    from datasets import Dataset

Index = dict[str, np.ndarray]  # row numbers of each part


def read_splits(recipe: Recipe, source: Path | str | None, unfound: list[str] | None = None) -> Splits:
    """Read a file, a folder or a hub data set's name by the recipe's schema.

    An official test split is kept; validation is carved from train. Else rows are divided by `recipe.split`. Rows
    whose group would be on two sides are left out of the earlier one, so a test split stays as it is; the notes say
    how many. A list `unfound` takes the names of images that are not there, and their rows are left out; without one
    they are refused. The same source and seed always give the same rows in the same order. Raises BadInput.
    """
    if source is None:
        raise BadInput(f"recipe '{recipe.full_name}' brings no sample data; name yours with --data PATH")
    parts, content = read(source, recipe.schema, recipe.modality, unfound)
    return _divide(recipe, parts, str(source), content)


def splits_from_rows(recipe: Recipe, rows: Dataset | dict[str, list[Any]], source: str) -> Splits:
    """The same from rows in memory, such as a plugin's generated sample. `source` names them in messages."""
    parts = {"all": to_rows(rows) if isinstance(rows, dict) else rows}
    return _divide(recipe, parts, source, fingerprint.of_rows(parts))


def _divide(recipe: Recipe, parts: Parts, source: str, content: str) -> Splits:
    notes: list[str] = []
    parts = _by_split_column(recipe, parts, source, notes)
    if recipe.split.by == "order" and "all" in parts:
        parts["all"], recipe = with_blocks(recipe, parts["all"])
    unlabelled = _unlabelled(recipe, parts)
    parts = {
        name: _labelled(recipe, rows, f"{source} ({name})" if name != "all" else source, notes)
        for name, rows in parts.items()
    }
    rows, places = _together(parts, source)
    check_ids(recipe, rows, source)
    check_sensitive(recipe, rows, source)
    if recipe.task == "multilabel":
        rows, schema = with_flags(recipe.schema, rows, source, notes)
        recipe = recipe.with_schema(schema)
    check_labels(recipe, rows, source, notes)
    rows = _with_groups(recipe, rows, notes)
    index = _apportioned(recipe, rows, places, source, notes)
    if recipe.task == "multilabel":
        rows, schema = without_unlearnable(recipe.schema, rows, index["train"], source, notes)
        recipe = recipe.with_schema(schema)
    check_training(recipe, rows, index, source, notes)
    train, validation, test = (rows.select(index[name]) for name in ("train", "validation", "test"))
    notes.append(f"{len(train)} rows to train on, {len(validation)} to choose by, {len(test)} to test on")
    note_copies(recipe, train, test, notes)
    return Splits(train, validation, test, recipe.schema, source, content, tuple(notes), unlabelled)


def _by_split_column(recipe: Recipe, parts: Parts, source: str, notes: list[str]) -> Parts:
    """An undivided table with a split column, as its parts."""
    column = recipe.schema.split
    if column is None or "all" not in parts:
        return parts
    rows = parts["all"]
    if column not in rows.column_names:
        raise missing_column(column, source, rows.column_names, option="schema.split")
    values = values_of(rows, column)
    names = [PARTS.get(str(value).strip().lower()) for value in values]
    if "train" not in names or "test" not in names:
        found = ", ".join(sorted({str(value) for value in values})[:5])
        raise BadInput(f"column '{column}' of {source} should say train and test; it says: {found}")
    if None in names:
        other = next(value for value, name in zip(values, names, strict=True) if name is None)
        notes.append(
            f"left out, as their '{column}' is no split (such as {other!r}): {names.count(None)} of {len(rows)} rows"
        )
    index = {name: [i for i, value in enumerate(names) if value == name] for name in ("train", "validation", "test")}
    return {name: rows.select(found) for name, found in index.items() if found}


def _labelled(recipe: Recipe, rows: Dataset, where: str, notes: list[str]) -> Dataset:
    """The rows with every role's column present and a label in each; what was left out is noted."""
    columns = _label_columns(recipe)
    recipe.schema.check(rows.column_names, where)
    check_plain(recipe, rows, where)
    if len(rows) == 0:
        raise BadInput(f"{where} has no rows; it needs at least a few dozen to learn from")
    if recipe.modality == "text":
        check_texts(recipe.schema, {name: values_of(rows, name) for name in recipe.schema.input}, where)
    unknown: set[int] = set()
    for label in columns:
        empty = [i for i, value in enumerate(values_of(rows, label)) if is_missing(value)]
        if len(empty) == len(rows):
            raise BadInput(
                f"the label column '{label}' of {where} is empty throughout; name another one with --set"
                f" {'schema.label=COLUMN' if recipe.schema.label else 'schema.labels=[…]'}"
            )
        unknown.update(empty)
    known = [i for i in range(len(rows)) if i not in unknown]
    if not known:
        raise BadInput(f"no row of {where} has a value in each of the label columns; fill them, or name fewer")
    if len(known) < len(rows):
        notes.append(f"left out, as they have no label: {len(rows) - len(known)} of {len(rows)} rows of {where}")
        rows = rows.select(known)
    return rows


def _label_columns(recipe: Recipe) -> tuple[str, ...]:
    """The columns that hold labels: one, or those of a multi-label task."""
    if recipe.task == "multilabel":
        return label_columns(recipe.schema)
    if recipe.schema.labels and not recipe.schema.label:
        raise BadInput(
            f"schema.labels names {len(recipe.schema.labels)} label columns, and the task is {recipe.task}; use --set"
            " task=multilabel, or name one column with --set schema.label=COLUMN"
        )
    return (recipe.schema.require("label", "training"),)


def _unlabelled(recipe: Recipe, parts: Parts) -> Dataset | None:
    """The rows without a label of what is no test or validation split; None where all have one."""
    rows = parts.get("train", parts.get("all"))
    label = recipe.schema.label
    if rows is None or label is None or label not in rows.column_names:
        return None
    without = [i for i, value in enumerate(values_of(rows, label)) if is_missing(value)]
    return rows.select(without) if without else None


def _together(parts: Parts, source: str) -> tuple[Dataset, Index]:
    """(all rows, where each part is among them); columns that a part lacks are left out."""
    from datasets import concatenate_datasets

    places, start = {}, 0
    for name, part in parts.items():
        places[name] = np.arange(start, start + len(part))
        start += len(part)
    first = next(iter(parts.values()))
    shared = [name for name in first.column_names if all(name in part.column_names for part in parts.values())]
    alike = [part.select_columns(shared) for part in parts.values()]
    try:
        return concatenate_datasets(alike), places
    except (ValueError, TypeError) as error:
        why = " ".join(str(error).split())[:200]
        raise BadInput(f"the splits of {source} hold columns of different types ({why}); write them alike") from None


def _with_groups(recipe: Recipe, rows: Dataset, notes: list[str]) -> Dataset:
    """The rows with a group each: one that tells none is a group of its own, under a name that no other has."""
    column = recipe.schema.group_id
    if column is None:
        return rows
    groups = values_of(rows, column)
    missing = [i for i, value in enumerate(groups) if is_missing(value)]
    if not missing:
        return rows
    if len(missing) == len(groups):
        raise BadInput(
            f"the group_id column '{column}' is empty throughout; fill it, or name another one with --set"
            " schema.group_id=COLUMN"
        )
    notes.append(f"a group of its own each, as they have no '{column}': {len(missing)} of {len(rows)} rows")
    names = [f"(none, row {i + 1})" if is_missing(value) else str(value) for i, value in enumerate(groups)]
    return rows.remove_columns(column).add_column(column, names)


def _apportioned(recipe: Recipe, rows: Dataset, places: Index, source: str, notes: list[str]) -> Index:
    """Row numbers of train, validation and test; official parts are kept but for groups on two sides."""
    train = places["all"] if "all" in places else places["train"]
    validation, test = places.get("validation"), places.get("test")
    if test is None:
        picked, how = test_rows(recipe, rows.select(train), source)
        notes.append(how)
        test, train = train[picked], np.setdiff1d(train, train[picked])
    elif len(train) < LEAST_ROWS:
        raise BadInput(f"{source} has {len(train)} usable rows to train on; at least {LEAST_ROWS} are needed")
    ordered = recipe.split.by == "order" and "all" in places
    if ordered:
        train = _beyond(train, test, block_of(recipe, rows) // 2, "test", notes)
    groups = values_of(rows, recipe.schema.group_id) if recipe.schema.group_id else None
    if groups is not None:
        column = str(recipe.schema.group_id)
        train = _apart(groups, train, test, f"{source} to train on", column, "test", notes)
        if validation is not None:
            validation = _apart(groups, validation, test, f"{source} to choose by", column, "test", notes)
            train = _apart(groups, train, validation, f"{source} to train on", column, "validation", notes)
    if validation is None:
        validation = validation_rows(recipe, rows, train)
        train = np.setdiff1d(train, validation)
        train = _beyond(train, validation, block_of(recipe, rows) // 2, "validation", notes) if ordered else train
    for name, found in (("training", train), ("validation", validation), ("test", test)):
        if len(found) == 0:
            raise BadInput(
                f"{source} leaves no row for the {name} split; give more rows, or other shares with --set split.test=…"
                " and split.validation=…"
            )
    return {"train": train, "validation": validation, "test": test}


def _beyond(train: np.ndarray, taken: np.ndarray, gap: int, other: str, notes: list[str]) -> np.ndarray:
    """`train` without the rows beside the other split's, which may be of the same document; that is said."""
    kept = far_from(train, taken, gap)
    if len(kept) < len(train):
        notes.append(
            f"left out of training, as they stand within {gap} rows of the {other} split: {len(train) - len(kept)} rows"
        )
    return kept


def _apart(
    groups: list[Any], ours: np.ndarray, theirs: np.ndarray, where: str, column: str, other: str, notes: list[str]
) -> np.ndarray:
    """`ours` without the rows whose group is also among `theirs`: those rows go, and that is said."""
    kept = without_groups_of(groups, ours, theirs)
    if len(ours) and not len(kept):
        raise BadInput(
            f"every row of {where} has a '{column}' that is also in the {other} split, so none is left; split by group"
            " instead (--set split.by=group_id)"
        )
    if len(kept) < len(ours):
        notes.append(
            f"left out, as their '{column}' is also in the {other} split: {len(ours) - len(kept)} of {len(ours)} rows"
            f" of {where}"
        )
    return kept
