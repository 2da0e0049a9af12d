"""Rows to fit on and rows to compare on: the validation split, or by turns all rows where they are few."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evenhand.adapting.tables.members import Part
from evenhand.adapting.tables.told import FEW, Told

if TYPE_CHECKING:
    from evenhand.values import Splits

FOLDS = 5
MOST_HELD = 1_000  # validation rows that members are compared on: the network takes a second for a hundred or so
FEW_HELD = 200  # below which stopping early would follow noise


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows to fit on, rows held out, and whether these are enough to stop trees by.

    places: of the held-out rows among train and validation together.
    """

    train: Part
    held: Part
    places: np.ndarray
    stops: bool = False


def folds_of(told: Told, splits: Splits) -> tuple[Fold, ...]:
    """Five folds of train and validation together where they are at most FEW rows, else the validation split.

    Rows of one `group_id` stay in one fold. A fold whose training part would have a single class is left out.
    """
    if len(told.train) + len(told.validation) > FEW and len(told.validation):
        held = np.arange(len(told.validation))
        if len(held) > MOST_HELD and not told.all_validation:
            held = np.sort(np.random.default_rng(told.seed).permutation(held)[:MOST_HELD])
        stops = len(told.validation) >= FEW_HELD
        return (Fold(told.train, told.validation.rows(held), len(told.train) + held, stops),)
    both, groups = told.both, _groups(told, splits)
    found = []
    for train, held in _divided(both.targets, groups, told.labels.task, told.seed):
        part = both.rows(train)
        if told.labels.task == "regression" or len(np.unique(part.targets)) > 1:
            found.append(Fold(part, both.rows(held), held))
    return tuple(found)


def _groups(told: Told, splits: Splits) -> np.ndarray:
    """Which rows belong together, as numbers: one each where no column says."""
    column = splits.schema.group_id
    if not column:
        return np.arange(len(told.train) + len(told.validation))
    late = np.asarray(splits.validation[column], dtype=object)[told.labels.validation_rows]
    values = [str(value) for value in (*splits.train[column], *late)]
    return np.unique(values, return_inverse=True)[1]


def _divided(targets: np.ndarray, groups: np.ndarray, task: str, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    count = min(FOLDS, len(np.unique(groups)))
    if count < 2:
        return []
    kind = GroupKFold if task == "regression" else StratifiedGroupKFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class rarer than folds is in some of them only, as it must
        return list(kind(count, shuffle=True, random_state=seed).split(targets, targets, groups))
