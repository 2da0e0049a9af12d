"""Columns that tell the answer: an input that is the label, that nearly determines it, or an id that orders by it.

Each input is asked alone, out of fold. A single honest column of a credit file stays far below `TELLS_ALL`; one that
does not was most likely written after the decision.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import polars as pl

from evenhand import BadInput

TELLS_ALL = 0.97  # AUC of one column alone
MOST_ROWS, FOLDS, NEIGHBOURS = 10_000, 3, 5
LEAST, PURE = 20, 0.9  # rows of a value, and the share of one label among them, that are worth a note


def refuse_leaks(
    rows: pl.DataFrame, label: np.ndarray, inputs: Collection[str], name: str, allowed: Collection[str]
) -> list[str]:
    """Raise BadInput naming the first input that gives the label away; returns notes on what was let through.

    label: bool [rows]. name: of the label's column, which is never an input. allowed: inputs that are let through.
    """
    if name in inputs:
        raise BadInput(f"'{name}' is the label and an input at once; take it out of schema.input")
    some = np.sort(np.random.default_rng(0).permutation(len(label))[:MOST_ROWS])
    rows, label, notes = rows[some], label[some], []
    for column in inputs:
        found = max(told_alone(rows[column], label), told_by_order(rows[column], label))
        if found >= TELLS_ALL and column not in allowed:
            raise BadInput(
                f"the input '{column}' alone gives '{name}' away (AUC {found:.3f} out of fold), so it was most likely"
                " written after the decision, or is an id that orders by it; take it out of schema.input, or allow it"
                f" with --set options.allow='[\"{column}\"]'"
            )
        if found >= TELLS_ALL:
            notes.append(f"'{column}' alone gives '{name}' away (AUC {found:.3f}) and was allowed by options.allow")
        notes += _pure_values(rows[column], label, name)
    return notes


def told_alone(column: pl.Series, label: np.ndarray) -> float:
    """AUC, out of fold, of the rate of the label by value (texts) or by interval (numbers); 0.5 where it tells
    nothing."""
    from sklearn.metrics import roc_auc_score

    said = np.full(len(label), float(label.mean()))
    codes = _codes(column)
    for train, test in _folds(label):
        said[test] = _rates(codes[train], label[train], codes[test], column.dtype.is_numeric())
    return float(roc_auc_score(label, said)) if label.any() and not label.all() else 0.5


def told_by_order(column: pl.Series, label: np.ndarray) -> float:
    """AUC of the label's share among the nearest rows by order, for a column whose values are nearly all different."""
    from sklearn.metrics import roc_auc_score

    if column.n_unique() < 0.95 * len(column) or not label.any() or label.all():
        return 0.5
    order = np.argsort(column.rank("ordinal").fill_null(0).to_numpy(), kind="stable")
    ordered = label[order].astype(float)
    window = np.ones(2 * NEIGHBOURS + 1)
    window[NEIGHBOURS] = 0  # not the row itself
    return float(roc_auc_score(ordered, np.convolve(ordered, window, "same") / np.convolve(window * 0 + 1, [1])[0]))


def _codes(column: pl.Series) -> np.ndarray:
    """Numbers as they are, others by rank; what is missing lies below all."""
    number = column if column.dtype.is_numeric() else column.cast(pl.String).rank("dense")
    values = number.cast(pl.Float64).fill_nan(None)
    low = values.min()
    return values.fill_null((float(low) if low is not None else 0.0) - 1.0).to_numpy()  # type: ignore[arg-type]


def _rates(codes: np.ndarray, label: np.ndarray, asked: np.ndarray, numbers: bool) -> np.ndarray:
    from sklearn.tree import DecisionTreeClassifier

    if numbers:
        tree = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=5, random_state=0)
        return np.asarray(tree.fit(codes[:, None], label).predict_proba(asked[:, None])[:, -1])
    values, place = np.unique(codes, return_inverse=True)
    total, positive = np.bincount(place), np.bincount(place, label)
    rate = (positive + label.mean()) / (total + 1)
    where = np.clip(np.searchsorted(values, asked), 0, len(values) - 1)
    return np.where(values[where] == asked, rate[where], label.mean())


def _folds(label: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import StratifiedKFold

    if min(label.sum(), (~label).sum()) >= FOLDS:
        yield from StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(label[:, None], label)


def _pure_values(column: pl.Series, label: np.ndarray, name: str) -> list[str]:
    """A note for each value of a text column that nearly always goes with the rarer label."""
    if column.dtype.is_numeric() or column.n_unique() > 50:
        return []
    rare = label if label.mean() <= 0.5 else ~label
    notes = []
    for value in column.drop_nulls().unique(maintain_order=True):
        inside = (column == value).fill_null(False).to_numpy()
        if inside.sum() >= LEAST and rare[inside].mean() >= PURE and rare.mean() < 0.5:
            notes.append(
                f"{rare[inside].sum()} of {inside.sum()} rows with '{column.name}' = {value!r} have the rarer"
                f" '{name}': check that it is known before the decision"
            )
    return notes
