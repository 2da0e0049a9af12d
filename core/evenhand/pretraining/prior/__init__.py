"""The prior: a recipe for random tables, from which the tabular network learns what tables are like.

Formulas and random numbers only; no record of a person is inside. One call of `draw_table` is one table: hidden causes
(`causes`), a label that depends on them (`labels`), and what recording does to values (`dirt`). The knobs were set by
general knowledge of tables of people: many weak and mostly monotone effects, correlated and useless columns, a minority
class of a few per cent to a half, codes that stand for nothing in order, and cells missing for reasons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.pretraining.prior.causes import draw_causes
from evenhand.pretraining.prior.dirt import draw_codes, level_values, lose_cells, shift, warp
from evenhand.pretraining.prior.labels import draw_labels, draw_scores

__all__ = ["SyntheticTable", "draw_table"]

FEWEST = 2  # rows of either class that a context must have


@dataclass(frozen=True, slots=True)
class SyntheticTable:
    """One draw from the prior; context rows come first."""

    values: np.ndarray  # float32 [rows, columns]; NaN where missing, codes in categorical columns
    categorical: np.ndarray  # bool [columns]
    labels: np.ndarray  # int64 [rows], 0 or 1
    chance: np.ndarray  # float32 [rows], the true probability of a 1
    n_context: int


def draw_table(rng: np.random.Generator, n_context: int, n_query: int, columns: int) -> SyntheticTable:
    """A table with both classes in its context; drawn again until that holds."""
    while True:
        table = draw_once(rng, n_context, n_query, columns)
        positives = int(table.labels[:n_context].sum())
        if FEWEST <= positives <= n_context - FEWEST:
            return table


def draw_once(rng: np.random.Generator, n_context: int, n_query: int, columns: int) -> SyntheticTable:
    """A table as the dice fall."""
    rows = n_context + n_query
    hidden = int(rng.integers(0, 4))
    clean = draw_causes(rng, rows, columns + hidden)
    values = np.empty((rows, columns))
    categorical = rng.random(columns) < rng.choice([0.0, 0.2, 0.5, 0.8])
    for c in range(columns):
        if categorical[c]:
            codes = draw_codes(rng, clean[:, c])
            clean[:, c] = level_values(rng, clean[:, c], codes)
            values[:, c] = codes
        else:
            values[:, c] = warp(rng, clean[:, c])
    if rng.random() < 0.2:  # the label is itself a cause of columns
        node = int(rng.integers(clean.shape[1]))
        scores = clean[:, node].copy()
        if node < columns and not categorical[node]:
            values[:, node] = warp(rng, rng.standard_normal(rows))
        elif node < columns:
            values[:, node] = rng.integers(0, 4, rows)
    else:
        scores = draw_scores(rng, clean)
    labels, chance = draw_labels(rng, scores)
    if rng.random() < 0.4:
        lose_cells(rng, values, clean, scores)
    order = shift(rng, clean, n_context) if rng.random() < 0.15 else np.arange(rows)
    return SyntheticTable(
        values[order].astype(np.float32), categorical, labels[order], chance[order].astype(np.float32), n_context
    )
