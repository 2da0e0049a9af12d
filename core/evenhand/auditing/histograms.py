"""Score histograms of the labelled rows by group: they travel with the audit, for the threshold slider and the preview."""

from __future__ import annotations

from typing import Any

import numpy as np

from evenhand.auditing.counts import Floats, Table

EXACT_BINS = 100  # every hundredth is an edge
COARSE_BINS = 128  # divides the 4,096 bins in which many rows are counted, so that no bin lies on both sides of an edge


def histograms_of(table: Table) -> dict[str, Any] | None:
    """{edges, attributes: {column: {group: {positive, negative}}}} of every single column; None without scores or labels.

    A score on an edge lies in the bin that begins there, as `score >= threshold` is positive.
    """
    if not len(table.scores) or not (table.label >= 0).any():
        return None
    size = COARSE_BINS if table.binned else EXACT_BINS
    edges = np.arange(size + 1) / size
    bins = np.clip(np.searchsorted(edges, table.scores, side="right") - 1, 0, size - 1)[table.level]
    found = {column: _of_column(table, i, bins, size) for i, column in enumerate(table.columns)}
    return {"edges": edges.tolist(), "attributes": found}


def _of_column(table: Table, column: int, bins: Floats, size: int) -> dict[str, Any]:
    cell, groups = table.groups[:, column] * size + bins, len(table.levels[column])
    positive, negative = (
        np.bincount(cell[table.label == y], table.w[table.label == y], groups * size).reshape(groups, size).tolist()
        for y in (1, 0)
    )
    return {name: {"positive": positive[i], "negative": negative[i]} for i, name in enumerate(table.levels[column])}
