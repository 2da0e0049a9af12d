"""What rows must be for a recipe to learn from them: refused where they are not, noted where it only matters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from evenhand.data import fingerprint
from evenhand.data.multilabel import alike
from evenhand.data.reading import values_of
from evenhand.errors import BadInput, did_you_mean
from evenhand.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset

MOST_CLASSES = 1_000


def check_plain(recipe: Recipe, rows: Dataset, where: str) -> None:
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


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def check_ids(recipe: Recipe, rows: Dataset, source: str) -> None:
    """Refuse ids that are not there or that two rows have."""
    column = recipe.schema.id
    if column is None:
        return
    counts = Counter(values_of(rows, column))
    name, times = counts.most_common(1)[0]
    if times > 1:
        what = "no id is" if is_missing(name) else f"the id {name!r} is"
        raise BadInput(
            f"{what} on {times} rows of {source} (column '{column}'); ids must be there and unique: mend them, name no"
            " id, or name the column as group_id instead"
        )


def check_sensitive(recipe: Recipe, rows: Dataset, source: str) -> None:
    """Refuse a sensitive column that is empty throughout."""
    for column in recipe.schema.sensitive:
        if all(is_missing(value) for value in values_of(rows, column)):
            raise BadInput(
                f"the sensitive column '{column}' of {source} is empty throughout; fill it, or leave it out of"
                " schema.sensitive"
            )


def check_labels(recipe: Recipe, rows: Dataset, source: str, notes: list[str]) -> None:
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


def check_training(
    recipe: Recipe, rows: Dataset, index: Mapping[str, np.ndarray], source: str, notes: list[str]
) -> None:
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


def note_copies(recipe: Recipe, train: Dataset, test: Dataset, notes: list[str]) -> None:
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
