"""Score histograms of the labelled rows by group: they travel with the audit, for the threshold slider and the
preview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.auditing.counting.aggregation import BINS, Table
from evenhand.auditing.counting.counts import CELLS
from evenhand.auditing.counting.groups import PARTS
from evenhand.auditing.counting.projection import project
from evenhand.auditing.evidence.estimation import estimate
from evenhand.auditing.evidence.thresholds import at_thresholds, follows_threshold
from evenhand.auditing.metrics.built_in import SLID
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.statistics.arrays import Floats, Ints, ratio

EXACT_BINS = 100  # every hundredth is an edge
FOLDS = 5  # in which the preview of other thresholds is judged
COARSE_BINS = 128  # divides the 4,096 bins in which many rows are counted, so that no bin lies on both sides of an edge


SELECTED = (CELLS.index("tp"), CELLS.index("fp"), CELLS.index("selected_unlabelled"))


def histograms_of(
    table: Table, threshold: float | None, scored: bool, own: Sequence[GroupMetric] = ()
) -> dict[str, Any] | None:
    """{edges, attributes: {column: {group: {positive, negative}}}, effective} of every single column; None without
    scores or labels.

    A score on an edge lies in the bin that begins there, as `score >= threshold` is positive; the audit's threshold is
    an edge.
    scored: whether the decisions are those of the threshold, and not a column's.
    effective: {column: {group: {metric: how many rows a unit of weight is worth}}} where weights or clusters make that
    differ from 1, else null.
    own: a plugin's metrics; what the slider must know of them is `also`, which is there where there are any.
    """
    if not len(table.scores) or not (table.label >= 0).any():
        return None
    edges, bins = _binned(table, threshold, scored)
    found = {column: _of_column(table, i, bins, len(edges) - 1, table.w) for i, column in enumerate(table.columns)}
    shown = {metric.name: metric for metric in (*SLID, *filter(follows_threshold, own))}
    effective = _effective(table, list(shown.values()))
    also = list(at_thresholds(own, table, found, effective is not None))
    return {"edges": edges.tolist(), "attributes": found, "effective": effective, **({"also": also} if also else {})}


@dataclass(frozen=True, slots=True)
class Folds:
    """The same rows in parts, drawn at random, a cluster always whole.

    attributes: of each fold {column: {group: {positive, negative}}}. worth: {column: {group: {metric: how many rows a
    unit of weight is worth}}}.
    """

    attributes: list[dict[str, Any]]
    worth: dict[str, dict[str, dict[str, float]]]


def folds_of(
    table: Table, threshold: float | None, scored: bool, judged: Sequence[GroupMetric], seed: int
) -> Folds | None:
    """The rows of `histograms_of` in FOLDS parts; None where there are none."""
    if not len(table.scores) or not (table.label >= 0).any():
        return None
    edges, bins = _binned(table, threshold, scored)
    draw = np.random.default_rng(seed)
    if table.cluster is not None:
        fold = (draw.permutation(table.clusters) % FOLDS)[table.cluster]
        shares = (fold[:, None] == np.arange(FOLDS)).astype(float)
    else:  # rows of one cell differ in nothing, so that drawing how many go where is drawing rows
        shares = draw.multinomial(table.n.astype(np.int64), [1 / FOLDS] * FOLDS) / np.maximum(table.n, 1)[:, None]
    parts = [
        {c: _of_column(table, i, bins, len(edges) - 1, table.w * share) for i, c in enumerate(table.columns)}
        for share in shares.T
    ]
    return Folds(parts, {column: _worth(table, i, judged) for i, column in enumerate(table.columns)})


def _binned(table: Table, threshold: float | None, scored: bool) -> tuple[Floats, Ints]:
    """(the edges of the bins, the bin of each entry)."""
    size = COARSE_BINS if table.binned else EXACT_BINS
    edges = np.arange(size + 1) / size
    if threshold is not None and 0 < threshold < 1:
        edges = np.unique(np.append(edges, threshold))
    bins = np.clip(np.searchsorted(edges, table.scores, side="right") - 1, 0, len(edges) - 2)[table.level]
    if table.binned and threshold is not None and scored:
        bins = _by_decision(bins, table, edges, threshold)
    return edges, bins


def _by_decision(bins: Ints, table: Table, edges: Floats, threshold: float) -> Ints:
    """Rows of the counted bin that the threshold cuts lie on the side of their decision."""
    cut = int(np.searchsorted(edges, threshold))
    straddles = (np.floor(threshold * BINS) == np.floor(table.scores * BINS))[table.level]
    selected = np.isin(table.outcome, SELECTED)
    return np.where(straddles & selected, np.maximum(bins, cut), np.where(straddles, np.minimum(bins, cut - 1), bins))


def _effective(table: Table, shown: Sequence[GroupMetric]) -> dict[str, Any] | None:
    if table.cluster is None and np.array_equal(table.w, table.n):
        return None
    return {column: _worth(table, i, shown) for i, column in enumerate(table.columns)}


def _worth(table: Table, column: int, shown: Sequence[GroupMetric]) -> dict[str, dict[str, float]]:
    """Effective rows per unit of weight in the denominator of each rate that the slider shows, at the audit's
    threshold."""
    groups = project(table, table.groups[:, column], len(table.names[column]))
    found: dict[str, dict[str, float]] = {name: {} for name in table.names[column]}
    for metric in shown:
        cells = {part for cell in metric.denominator for part in PARTS.get(cell, (cell,))}
        inside = [i for i, cell in enumerate(CELLS[:6]) if cell in cells]
        worth = ratio(estimate(metric, groups).size, groups.total[:, inside].sum(axis=1))
        for name, value in zip(table.names[column], worth, strict=True):
            found[name][metric.name] = 1.0 if np.isnan(value) else float(value)
    return found


def _of_column(table: Table, column: int, bins: Ints, size: int, weight: Floats) -> dict[str, Any]:
    cell, groups = table.groups[:, column] * size + bins, len(table.names[column])
    positive, negative = (
        np.bincount(cell[table.label == y], weight[table.label == y], groups * size).reshape(groups, size).tolist()
        for y in (1, 0)
    )
    return {name: {"positive": positive[i], "negative": negative[i]} for i, name in enumerate(table.names[column])}
