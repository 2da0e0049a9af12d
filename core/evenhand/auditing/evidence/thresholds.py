"""What a plugin's metrics say at every decision threshold: as cells where they are shares, else as numbers worked out
here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from evenhand.auditing.counting.aggregation import Table
from evenhand.auditing.counting.counts import CELLS, Counts
from evenhand.auditing.counting.groups import PARTS, Groups
from evenhand.auditing.counting.projection import project
from evenhand.auditing.evidence.of_plugins import estimated
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.metrics.of_plugins import checked
from evenhand.statistics.arrays import Floats, ratio
from evenhand.statistics.intervals import critical

LABELLED = CELLS[:4]
CONFIDENCE = 0.95  # of the slider's intervals
DIGITS = 6


def follows_threshold(metric: GroupMetric) -> bool:
    """Whether it is a share of labelled rows that a threshold decides, so that it follows from cells alone."""
    return bool(metric.numerator) and set(labelled(metric.denominator)) <= set(LABELLED) and not metric.of_labels


def labelled(cells: Sequence[str]) -> list[str]:
    """The cells, with selected and rejected as those of them that have a label."""
    parts = [
        part
        for cell in cells
        for part in PARTS.get(cell, (cell,))
        if part not in ("selected_unlabelled", "rejected_unlabelled")
    ]
    return list(dict.fromkeys(parts))


def at_thresholds(
    metrics: Sequence[GroupMetric], table: Table, histograms: Mapping[str, Any], effective: bool
) -> Iterator[dict[str, Any]]:
    """What the slider must know of each: {metric, label} with {hits, among} or {at}; nothing of those it cannot show.

    histograms: column -> group -> {positive, negative} by bin. effective: whether a unit of weight is worth more or
    less than a row.
    """
    for metric in metrics:
        about = {"metric": metric.name, "label": metric.title}
        if follows_threshold(metric):
            yield {**about, "hits": labelled(metric.numerator), "among": labelled(metric.denominator)}
        elif _of_cells(metric):
            try:
                found = {
                    column: _of_column(metric, table, i, histograms[column], effective)
                    for i, column in enumerate(table.columns)
                }
            except (
                Exception,
                SystemExit,
            ):  # it works on the audit's own counts, which are others: shown everywhere but here
                continue
            yield {**about, "at": found}


def _of_cells(metric: GroupMetric) -> bool:
    """Whether it is some other function of the labelled cells."""
    of_rows = metric.numerator or metric.mean_of or metric.curve is not None or metric.quantities
    return not of_rows and set(metric.needs) <= {"label", "decision"}


def _of_column(
    metric: GroupMetric, table: Table, column: int, histograms: Mapping[str, Any], effective: bool
) -> dict[str, dict[str, list[float]]]:
    """{group: {value, lower, upper}}, each with a number for every edge."""
    names = table.names[column]
    cells = _swept(*(np.array([histograms[name][side] for name in names]) for side in ("positive", "negative")))
    function, flat = checked(metric).function, cells.reshape(-1, len(LABELLED))
    value = function(_counts(cells))
    if not np.array_equal(value.ravel(), function(_counts(flat)), equal_nan=True):
        raise ValueError("the number of a group is not of its own cells alone")
    worth = _worth(metric, table, column) if effective else np.ones(len(names))
    lower, upper = estimated(metric, _as_rows(flat * np.tile(worth, len(cells))[:, None])).limits(critical(CONFIDENCE))
    limits = np.fmin(lower.reshape(value.shape), value), np.fmax(upper.reshape(value.shape), value)
    kept = {"value": value, "lower": limits[0], "upper": limits[1]}
    return {
        name: {key: np.round(numbers[:, i], DIGITS).tolist() for key, numbers in kept.items()}
        for i, name in enumerate(names)
    }


def _swept(positive: Floats, negative: Floats) -> Floats:
    """[edge, group, cell]: positive when the score is at least the edge; the last edge selects nobody."""
    tp, fp = (
        np.concatenate([np.cumsum(side.T[::-1], axis=0)[::-1], np.zeros((1, len(side)))])
        for side in (positive, negative)
    )
    return np.stack([tp, fp, positive.sum(axis=1) - tp, negative.sum(axis=1) - fp], axis=-1)


def _counts(cells: Floats) -> Counts:
    tp, fp, fn, tn = np.moveaxis(np.maximum(cells, 0), -1, 0)
    none = np.zeros_like(tp)
    return Counts(tp, fp, fn, tn, tp + fp, fn + tn, none, none)


def _as_rows(cells: Floats) -> Groups:
    """Groups of so many independent rows of weight 1."""
    total = np.zeros((len(cells), len(CELLS)))
    total[:, : len(LABELLED)] = np.maximum(cells, 0)
    moment = total[:, :, None] * np.eye(len(CELLS))
    return Groups(total, total, total, moment, total.sum(axis=1), (), False, None)


def _worth(metric: GroupMetric, table: Table, column: int) -> Floats:
    """Rows per unit of weight, [group], as the metric's variance at the audit's decisions shows it."""
    groups = project(table, table.groups[:, column], len(table.names[column]))
    alone = estimated(metric, _as_rows(groups.total[:, : len(LABELLED)]))
    found = ratio(alone.variance, estimated(metric, groups).variance)
    return np.where(np.isfinite(found) & (found > 0), found, 1.0)
