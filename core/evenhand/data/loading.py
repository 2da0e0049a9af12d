"""The core's reader: a source becomes train, validation and test splits, checked against the recipe's schema."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.data import fingerprint
from evenhand.data.multilabel import alike, label_columns, with_flags, without_unlearnable
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
from evenhand.errors import BadInput, did_you_mean, missing_column
from evenhand.recipe import Recipe
from evenhand.values import Splits

if TYPE_CHECKING:
    from datasets import Dataset

MOST_CLASSES = 1_000

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
    _check_ids(recipe, rows, source)
    _check_sensitive(recipe, rows, source)
    if recipe.task == "multilabel":
        rows, schema = with_flags(recipe.schema, rows, source, notes)
        recipe = recipe.with_schema(schema)
    _check_labels(recipe, rows, source, notes)
    rows = _with_groups(recipe, rows, notes)
    index = _apportioned(recipe, rows, places, source, notes)
    if recipe.task == "multilabel":
        rows, schema = without_unlearnable(recipe.schema, rows, index["train"], source, notes)
        recipe = recipe.with_schema(schema)
    _check_training(recipe, rows, index, source, notes)
    train, validation, test = (rows.select(index[name]) for name in ("train", "validation", "test"))
    notes.append(f"{len(train)} rows to train on, {len(validation)} to choose by, {len(test)} to test on")
    _note_copies(recipe, train, test, notes)
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
    _check_plain(recipe, rows, where)
    if len(rows) == 0:
        raise BadInput(f"{where} has no rows; it needs at least a few dozen to learn from")
    if recipe.modality == "text":
        check_texts(recipe.schema, {name: values_of(rows, name) for name in recipe.schema.input}, where)
    unknown: set[int] = set()
    for label in columns:
        empty = [i for i, value in enumerate(values_of(rows, label)) if _missing(value)]
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
    without = [i for i, value in enumerate(values_of(rows, label)) if _missing(value)]
    return rows.select(without) if without else None


def _check_plain(recipe: Recipe, rows: Dataset, where: str) -> None:
    """Only an input, and the label of a multi-label task, may hold images, lists or structures."""
    import pyarrow as pa

    kinds = rows.features.arrow_schema
    for role, column in recipe.schema.columns():
        lists = recipe.task == "multilabel" and role == "label"
        if role != "input" and not lists and pa.types.is_nested(kinds.field(column).type):
            raise BadInput(
                f"the {role} column '{column}' of {where} holds lists or structures; it needs one text or number"
                " per row"
            )


def _missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


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


def _check_ids(recipe: Recipe, rows: Dataset, source: str) -> None:
    column = recipe.schema.id
    if column is None:
        return
    counts = Counter(values_of(rows, column))
    name, times = counts.most_common(1)[0]
    if times > 1:
        what = "no id is" if _missing(name) else f"the id {name!r} is"
        raise BadInput(
            f"{what} on {times} rows of {source} (column '{column}'); ids must be there and unique: mend them, name no"
            " id, or name the column as group_id instead"
        )


def _check_sensitive(recipe: Recipe, rows: Dataset, source: str) -> None:
    for column in recipe.schema.sensitive:
        if all(_missing(value) for value in values_of(rows, column)):
            raise BadInput(
                f"the sensitive column '{column}' of {source} is empty throughout; fill it, or leave it out of"
                " schema.sensitive"
            )


def _check_labels(recipe: Recipe, rows: Dataset, source: str, notes: list[str]) -> None:
    """Refuse labels that the task cannot have; note classes that a single row has."""
    schema = recipe.schema
    if recipe.task == "multilabel":
        _note_rare({name: int(sum(values_of(rows, name))) for name in schema.labels}, notes)
        return
    label = schema.require("label", "training")
    values = values_of(rows, label)
    if recipe.task == "generate":
        _check_texts(label, values, source)
        return
    if recipe.task == "regression":
        bad = [v for v in values if isinstance(v, str | bool) or not math.isfinite(v)]
        if bad:
            raise BadInput(
                f"the label column '{label}' of {source} holds {bad[0]!r}, but the task is regression; give finite"
                " numbers, or use --set task=multiclass"
            )
        return
    counts = Counter(values)
    if len(counts) > MOST_CLASSES:
        raise BadInput(
            f"the label column '{label}' of {source} has {len(counts):,} different values, and at most"
            f" {MOST_CLASSES:,} classes can be learnt and audited; name the column of classes, or join rare ones"
        )
    known = ", ".join(sorted(str(value) for value in counts)[:10]) + (", …" if len(counts) > 10 else "")
    if recipe.task == "binary" and len(counts) > 2:
        raise BadInput(
            f"the label column '{label}' of {source} has {len(counts)} values ({known}), but the task is binary; use"
            " --set task=multiclass, or another label"
        )
    positive = schema.positive
    if positive is not None and not any(value == positive or str(value) == str(positive) for value in counts):
        hint = did_you_mean(str(positive), map(str, counts))
        raise BadInput(
            f"schema.positive is {positive!r}, which is not in the label column '{label}' of {source}; it has:"
            f" {known}.{hint}"
        )
    notes += alike(counts, label)
    _note_rare(counts, notes)


def _note_rare(counts: Mapping[Any, int], notes: list[str]) -> None:
    rare = [str(name) for name, times in counts.items() if times == 1]
    if rare:
        which = "1 class has" if len(rare) == 1 else f"{len(rare)} classes have"
        notes.append(f"{which} a single row ({', '.join(rare[:5])}), which cannot be both learnt and tested")


def _check_texts(label: str, values: list[Any], source: str) -> None:
    """Refuse labels that are no texts, where texts are to be written."""
    wrong = next((value for value in values if not isinstance(value, str)), None)
    if wrong is not None:
        raise BadInput(
            f"the label column '{label}' of {source} holds {wrong!r}, but the task is generate; give the texts that"
            " should be written, or name their column with --set schema.label=COLUMN"
        )


def _with_groups(recipe: Recipe, rows: Dataset, notes: list[str]) -> Dataset:
    """The rows with a group each: one that tells none is a group of its own, under a name that no other has."""
    column = recipe.schema.group_id
    if column is None:
        return rows
    groups = values_of(rows, column)
    missing = [i for i, value in enumerate(groups) if _missing(value)]
    if not missing:
        return rows
    if len(missing) == len(groups):
        raise BadInput(
            f"the group_id column '{column}' is empty throughout; fill it, or name another one with --set"
            " schema.group_id=COLUMN"
        )
    notes.append(f"a group of its own each, as they have no '{column}': {len(missing)} of {len(rows)} rows")
    names = [f"(none, row {i + 1})" if _missing(value) else str(value) for i, value in enumerate(groups)]
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


def _check_training(recipe: Recipe, rows: Dataset, index: Index, source: str, notes: list[str]) -> None:
    """Refuse a training split of one class; note classes that only the test has."""
    if recipe.task in ("regression", "multilabel", "generate"):
        return
    label = recipe.schema.require("label", "training")
    values = values_of(rows, label)
    training = {values[i] for i in index["train"]}
    if len(training) < 2:
        raise BadInput(
            f"the label column '{label}' of {source} has one class, {training.pop()!r}, to train on; a classifier needs"
            " two or more"
        )
    unseen = sorted({str(values[i]) for i in index["test"] if values[i] not in training})
    if unseen:
        notes.append(f"classes of the test rows that no training row has: {', '.join(unseen[:5])}")


def _note_copies(recipe: Recipe, train: Dataset, test: Dataset, notes: list[str]) -> None:
    """Exact copies across the split make a test easier than it looks: they are counted and stay."""
    columns = recipe.schema.input
    if not columns:
        return
    seen = set(fingerprint.inputs(train, columns))
    copies = sum(row in seen for row in fingerprint.inputs(test, columns))
    if copies:
        notes.append(
            f"same input as a training row: {copies} of {len(test)} test rows; they stay, and make the test easier than"
            " new rows would"
        )
