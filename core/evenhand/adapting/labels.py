"""The label column as numbers, and the reasons for which it cannot be learnt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.errors import BadInput

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.values import Splits


@dataclass(frozen=True, slots=True)
class Labels:
    """Targets of train and validation. `classes` is sorted and empty for regression.

    train: int64 class numbers or float64 values, [rows]; of a multi-label task int64 of 0 and 1, [rows, classes], where
    `classes` are the label columns. validation: the same over `validation_rows`, which leaves out
    the rows whose class was never seen in training. weights: how much each row of `train` and of `validation` counts,
    where the splits say so.
    """

    task: str
    classes: tuple[Any, ...]
    train: np.ndarray
    validation: np.ndarray
    validation_rows: np.ndarray
    notes: tuple[str, ...] = ()
    weights: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def train_weights(self) -> np.ndarray | None:
        """How much each training row counts; None where all count the same."""
        return None if self.weights is None else self.weights[0]

    @property
    def all_weights(self) -> np.ndarray | None:
        """The same of train and validation together."""
        return None if self.weights is None else np.concatenate(self.weights)

    @property
    def n_out(self) -> int:
        """Outputs of a head: one per class, or one value."""
        return len(self.classes) or 1


def read_labels(recipe: Recipe, splits: Splits) -> Labels:
    """The labels of train and validation; BadInput where they are missing, of one class or not numbers."""
    found = _read(recipe, splits)
    if splits.importance is None:
        return found
    train, held = (np.asarray(rows[splits.importance], dtype=np.float64) for rows in (splits.train, splits.validation))
    return replace(found, weights=(train, held[found.validation_rows]))


def _read(recipe: Recipe, splits: Splits) -> Labels:
    if recipe.task == "multilabel":
        return _several(splits)
    column = splits.schema.require("label", "training")
    train = _values(splits.train, column, "train")
    validation = _values(splits.validation, column, "validation")
    if recipe.task == "regression":
        return Labels(
            "regression", (), _numbers(train, column), _numbers(validation, column), np.arange(len(validation))
        )
    classes = tuple(sorted(set(train), key=lambda value: (str(type(value)), value)))
    if len(classes) < 2:
        raise BadInput(
            f"label column '{column}' has the single value {classes[0]!r} in all {len(train)} training rows; "
            "there is nothing to tell apart: name another column with --set schema.label=COLUMN"
        )
    if recipe.task == "binary" and len(classes) > 2:
        raise BadInput(
            f"label column '{column}' has {len(classes)} values ({', '.join(map(str, classes[:5]))}, …), but the task"
            " is binary; use --set task=multiclass or another label"
        )
    number = {value: index for index, value in enumerate(classes)}
    kept = np.array([i for i, value in enumerate(validation) if value in number], dtype=np.int64)
    unseen = len(validation) - len(kept)
    notes = (
        (f"{unseen} validation rows have a class that training never saw; selection leaves them out",) if unseen else ()
    )
    known = np.array([number[validation[i]] for i in kept], dtype=np.int64)
    return Labels(recipe.task, classes, np.array([number[value] for value in train]), known, kept, notes)


def _several(splits: Splits) -> Labels:
    """The labels of a multi-label task, each a column of 0 and 1."""
    columns = splits.schema.labels
    if not columns:
        raise BadInput("the schema names no labels columns, which a multi-label task needs; set schema.labels")
    parts: list[np.ndarray] = []
    for name, rows in (("train", splits.train), ("validation", splits.validation)):
        each = [_values(rows, column, name) for column in columns]
        parts.append(np.array(each, dtype=np.int64).reshape(len(columns), len(rows)).T)
    for column, share in zip(columns, parts[0].mean(axis=0), strict=True):
        if share in (0.0, 1.0):
            raise BadInput(
                f"label column '{column}' is {int(share)} in all {len(splits.train)} training rows; there is nothing to"
                " tell apart: leave it out of schema.labels"
            )
    if len(columns) < 2:
        raise BadInput(
            f"a multi-label task has one label alone, '{columns[0]}'; use --set task=binary with --set"
            f" schema.label={columns[0]}, or name more"
        )
    return Labels("multilabel", tuple(columns), parts[0], parts[1], np.arange(len(splits.validation)))


def _values(rows: Dataset, column: str, split: str) -> list[Any]:
    values = list(rows[column])
    empty = [i for i, value in enumerate(values) if value is None or value != value]
    if empty:
        raise BadInput(
            f"label column '{column}' is empty in {len(empty)} {split} rows (first: row {empty[0]}); fill or drop them"
        )
    if split == "train" and not values:
        raise BadInput("the train split has no rows; give more data or a smaller split.test")
    return values


def _numbers(values: list[Any], column: str) -> np.ndarray:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadInput(
            f"label column '{column}' holds text, but the task is regression; use --set task=multiclass"
        ) from None
