"""The core's reader: a source becomes train, validation and test splits, checked against the recipe's schema."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.errors import BadInput, did_you_mean, missing_column
from evenhand.reading import PARTS, Parts, read, to_rows
from evenhand.recipe import Recipe
from evenhand.splitting import test_rows, validation_rows, without_groups_of
from evenhand.values import Splits

if TYPE_CHECKING:
    from datasets import Dataset


def read_splits(recipe: Recipe, source: Path | str | None) -> Splits:
    """Read a file, a folder or a hub data set's name by the recipe's schema.

    An official test split is kept; validation is carved from train. Else rows are divided by `recipe.split`. The same
    source and seed always give the same rows in the same order. Raises BadInput.
    """
    if source is None:
        raise BadInput(f"recipe '{recipe.full_name}' brings no sample data; name yours with --data PATH")
    parts, fingerprint = read(source, recipe.schema, recipe.modality)
    return _divide(recipe, parts, str(source), fingerprint)


def splits_from_rows(recipe: Recipe, rows: Dataset | dict[str, list[Any]], source: str) -> Splits:
    """The same from rows in memory, such as a plugin's generated sample. `source` names them in messages."""
    table = to_rows(rows) if isinstance(rows, dict) else rows
    content = hashlib.sha256(json.dumps(table.to_dict(), sort_keys=True, default=str).encode())
    return _divide(recipe, {"all": table}, source, content.hexdigest())


def _divide(recipe: Recipe, parts: Parts, source: str, fingerprint: str) -> Splits:
    notes: list[str] = []
    parts = _by_split_column(recipe, parts, source)
    parts = {
        name: _checked(recipe, rows, f"{source} ({name})" if name != "all" else source, notes)
        for name, rows in parts.items()
    }
    _check_ids(recipe, parts, source)
    rows, index = _indexed(recipe, parts, notes)
    _check_classes(recipe, rows, index, source, notes)
    train, validation, test = (rows.select(index[name]) for name in ("train", "validation", "test"))
    notes.append(f"{len(train)} rows to train on, {len(validation)} to choose by, {len(test)} to test on")
    _note_leakage(recipe, train, test, notes)
    return Splits(train, validation, test, recipe.schema, source, fingerprint, tuple(notes))


def _by_split_column(recipe: Recipe, parts: Parts, source: str) -> Parts:
    """An undivided table with a split column, as its parts."""
    column = recipe.schema.split
    if column is None or "all" not in parts:
        return parts
    rows = parts["all"]
    if column not in rows.column_names:
        raise missing_column(column, source, rows.column_names, option="schema.split")
    names = [PARTS.get(str(value).lower()) for value in rows[column]]
    if "train" not in names or "test" not in names:
        found = ", ".join(sorted({str(value) for value in rows[column]})[:5])
        raise BadInput(f"column '{column}' of {source} should say train and test; it says: {found}")
    found_parts = {
        name: [i for i, value in enumerate(names) if value == name] for name in ("train", "validation", "test")
    }
    return {name: rows.select(index) for name, index in found_parts.items() if index}


def _checked(recipe: Recipe, rows: Dataset, where: str, notes: list[str]) -> Dataset:
    """The rows with every role's column present and a label in each; what was left out is noted."""
    schema = recipe.schema
    label = schema.require("label", "training")
    schema.check(rows.column_names, where)
    if len(rows) == 0:
        raise BadInput(f"{where} has no rows; it needs at least a few dozen to learn from")
    values = rows[label]
    known = [i for i, value in enumerate(values) if value is not None and value == value and value != ""]
    if not known:
        raise BadInput(
            f"the label column '{label}' of {where} is empty throughout; name another one with --set schema.label=COLUMN"
        )
    if len(known) < len(rows):
        notes.append(f"{len(rows) - len(known)} rows of {where} have no label and were left out")
        rows = rows.select(known)
    return rows


def _check_ids(recipe: Recipe, parts: Parts, source: str) -> None:
    column = recipe.schema.id
    if column is None:
        return
    counts = Counter(value for rows in parts.values() for value in rows[column])
    name, times = counts.most_common(1)[0]
    if times > 1:
        raise BadInput(
            f"the id {name!r} is on {times} rows of {source} (column '{column}'); ids must be unique: name no id, or a group_id instead"
        )


def _indexed(recipe: Recipe, parts: Parts, notes: list[str]) -> tuple[Dataset, dict[str, np.ndarray]]:
    """(all rows, row numbers of train, validation and test)."""
    from datasets import concatenate_datasets

    rows = parts["all"] if "all" in parts else concatenate_datasets(_alike(list(parts.values())))
    places, start = {}, 0
    for name, part in parts.items():
        places[name] = np.arange(start, start + len(part))
        start += len(part)
    if "test" in places:
        test = places["test"]
        rest = places["train"]
    else:
        whole = np.concatenate([places.get("all", np.array([], int)), places.get("train", np.array([], int))]).astype(
            int
        )
        picked, how = test_rows(recipe, rows.select(whole))
        test, rest = whole[picked], np.setdiff1d(whole, whole[picked])
        notes.append(how)
    rest = _apart(recipe, rows, rest, test, "train and test", notes)
    if "validation" in places:
        validation = _apart(recipe, rows, places["validation"], test, "validation and test", notes)
        train = _apart(recipe, rows, rest, validation, "train and validation", notes)
    else:
        validation = validation_rows(recipe, rows, rest)
        train = np.setdiff1d(rest, validation)
    for name, found in (("training", train), ("validation", validation), ("test", test)):
        if len(found) == 0:
            raise BadInput(
                f"no row is left for the {name} split; give more rows, or other shares with --set split.test=… and split.validation=…"
            )
    return rows, {"train": train, "validation": validation, "test": test}


def _alike(parts: list[Dataset]) -> list[Dataset]:
    """The parts with the columns that all have, in one order, so that they can be joined."""
    shared = [name for name in parts[0].column_names if all(name in part.column_names for part in parts)]
    features = parts[0].select_columns(shared).features
    return [part.select_columns(shared).cast(features) for part in parts]


def _apart(
    recipe: Recipe, rows: Dataset, ours: np.ndarray, theirs: np.ndarray, between: str, notes: list[str]
) -> np.ndarray:
    """`ours` without the groups that an official split put on both sides: those rows go, and that is said."""
    column = recipe.schema.group_id
    if column is None:
        return ours
    kept = without_groups_of(rows[column], ours, theirs)
    if len(kept) < len(ours):
        notes.append(
            f"{len(ours) - len(kept)} rows were left out: their '{column}' is in both {between} of the official split"
        )
    return kept


def _check_classes(recipe: Recipe, rows: Dataset, index: dict[str, np.ndarray], source: str, notes: list[str]) -> None:
    if recipe.task == "regression":
        return
    schema = recipe.schema
    label = schema.require("label", "training")
    counts = Counter(rows[label])
    training = Counter(rows.select(index["train"])[label])
    if len(training) < 2:
        only = next(iter(training))
        raise BadInput(
            f"the label column '{label}' of {source} has one class, {only!r}, to train on; a classifier needs two or more"
        )
    if recipe.task == "binary" and len(counts) > 2:
        raise BadInput(
            f"the label column '{label}' of {source} has {len(counts)} values, but the task is binary; use --set task=multiclass, or another label"
        )
    if schema.positive is not None and str(schema.positive) not in {str(value) for value in counts}:
        known = [str(value) for value in counts]
        hint = did_you_mean(str(schema.positive), known)
        raise BadInput(
            f"schema.positive is {schema.positive!r}, which is not in the label column '{label}' of {source}; it has: {', '.join(known)}.{hint}"
        )
    rare = [str(name) for name, times in counts.items() if times == 1]
    if rare:
        notes.append(
            f"{len(rare)} classes have a single row ({', '.join(rare[:5])}): they cannot be both learnt and tested"
        )


def _note_leakage(recipe: Recipe, train: Dataset, test: Dataset, notes: list[str]) -> None:
    """Exact copies across the split make a test easier than it looks: they are counted and stay."""
    if recipe.modality != "text":
        return
    columns = list(recipe.schema.input)
    seen = set(zip(*(train[name] for name in columns), strict=True))
    copies = sum(row in seen for row in zip(*(test[name] for name in columns), strict=True))
    if copies:
        notes.append(
            f"{copies} test rows have the same input as a training row; they stay, and make the test a little easier"
        )
