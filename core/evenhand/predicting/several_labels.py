"""How well a multi-label model does: each label's F1, average precision and AUC, and their means, with intervals.

Intervals are percentiles of a bootstrap of whole groups (`schema.group_id`), or of rows where there are none: F1 and
average precision are no shares of rows. The gain over the best baseline is drawn with the same rows for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evenhand.predicting.thresholds import column_of, truth_of
from evenhand.statistics import concordance
from evenhand.values import Metric, Predictions

if TYPE_CHECKING:
    import polars as pl

REPLICATES, FEWEST, HELD = 1_000, 200, 100_000_000  # draws; at least; draws × clusters that are held
AT_ONCE = 4_000_000  # numbers held at once while average precision is drawn
EACH_BASELINE = 8  # labels up to which every baseline is told label by label, too
Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Said:
    """What one model says of the rows: decisions and scores, [rows, labels]."""

    decided: np.ndarray
    scores: np.ndarray


def several_labels(predictions: Predictions) -> list[Metric]:
    """Means over labels of the adapted model and each baseline, the gain, then every label by itself."""
    import polars as pl

    frame = pl.read_parquet(predictions.table)
    roles, labels = predictions.schema, predictions.schema.labels
    truth = truth_of(frame, roles)
    said = {"adapted": _said(frame, labels, str(roles.prediction), str(roles.score))}
    for name, pattern in predictions.baselines.items():
        said[name] = _said(frame, labels, pattern, predictions.baseline_scores[name])
    cluster = frame[roles.group_id].to_numpy() if roles.group_id else None
    draws = _Draws(len(truth), cluster)
    f1 = {name: f1_of(_counted(truth, one.decided, draws)) for name, one in said.items()}
    precision = {name: _precisions(truth, one.scores, draws) for name, one in said.items()}
    metrics = [metric for name in said for metric in _means(name, truth, said[name], f1[name], precision[name], draws)]
    metrics += _gains(f1, precision, len(truth))
    for name in said:
        if name == "adapted" or len(labels) <= EACH_BASELINE:
            metrics += _each(name, labels, truth, said[name], f1[name], precision[name], cluster)
    return metrics


def _said(frame: pl.DataFrame, labels: tuple[str, ...], prediction: str, score: str) -> Said:
    decided = frame.select(column_of(prediction, name) for name in labels).to_numpy() == 1
    return Said(decided, frame.select(column_of(score, name) for name in labels).to_numpy().astype(np.float64))


class _Draws:
    """How often each row is drawn: the first line is the data as they are, then whole clusters with replacement."""

    def __init__(self, rows: int, cluster: np.ndarray | None) -> None:
        place = np.arange(rows) if cluster is None else np.unique(cluster.astype(str), return_inverse=True)[1]
        self.place, self.clusters = place, int(place.max()) + 1 if rows else 0
        rng, many = np.random.default_rng(0), int(np.clip(HELD // max(self.clusters, 1), FEWEST, REPLICATES))
        self.of_clusters = np.ones((1 + many, self.clusters), dtype=np.uint8)
        for line in self.of_clusters[1:]:
            line[:] = np.bincount(rng.integers(0, self.clusters, self.clusters), minlength=self.clusters)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """[draws, labels] of values [rows, labels]."""
        each = np.stack([np.bincount(self.place, column, self.clusters) for column in values.T], axis=1)
        step = max(1, AT_ONCE // max(self.clusters, 1))
        parts = range(0, len(self.of_clusters), step)
        return np.concatenate([self.of_clusters[first : first + step].astype(float) @ each for first in parts])

    def rows(self, first: int, last: int) -> np.ndarray:
        """[last - first, rows] how often each row is drawn."""
        return np.asarray(self.of_clusters[first:last][:, self.place].astype(np.float32))


def _counted(truth: np.ndarray, decided: np.ndarray, draws: _Draws) -> np.ndarray:
    """[hits, labels that are there, labels that are given], each [draws, labels]."""
    return np.stack([draws.sums(part.astype(float)) for part in (truth & decided, truth, decided)])


def f1_of(counted: np.ndarray) -> dict[str, np.ndarray]:
    """F1 of each label, [draws, labels], and the means over labels, [draws]: NaN where a draw has nothing to find."""
    hits, there, given = counted
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(there > 0, 2 * hits / (there + given), np.nan)
        micro = 2 * hits.sum(axis=1) / (there + given).sum(axis=1)
    return {"each": each, "macro": _nan_mean(each), "micro": micro}


def _nan_mean(values: np.ndarray) -> np.ndarray:
    there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, values, 0).sum(axis=1) / there.sum(axis=1))


def _precisions(truth: np.ndarray, scores: np.ndarray, draws: _Draws) -> np.ndarray:
    """Average precision of each label in each draw, [draws, labels]; NaN where a draw has no row with the label."""
    found = np.full((len(draws.of_clusters), truth.shape[1]), np.nan)
    step = max(1, AT_ONCE // max(len(truth), 1))
    for first in range(0, len(found), step):
        weights = draws.rows(first, min(first + step, len(found)))
        for j in range(truth.shape[1]):
            found[first : first + step, j] = average_precision(truth[:, j], scores[:, j], weights)
    return found


def average_precision(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[draws]: sum over positive rows of the precision at their score, each row counting as often as it was drawn.

    weights: [draws, rows]. Rows that score alike are found together.
    """
    order = np.argsort(-score, kind="stable")
    falling, mine = score[order], weights[:, order]
    hits = (mine * positive[order]).cumsum(axis=1)
    every = mine.cumsum(axis=1)
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    hits, every = hits[:, last], every[:, last]
    gained = np.diff(hits, axis=1, prepend=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(every > 0, hits / every, 0.0)
        return np.asarray((gained * precision).sum(axis=1) / hits[:, -1])


def _means(
    name: str, truth: np.ndarray, said: Said, f1: Mapping[str, np.ndarray], precision: np.ndarray, draws: _Draws
) -> Iterator[Metric]:
    n = len(truth)
    exact = (truth == said.decided).all(axis=1, keepdims=True).astype(float)
    hits = draws.sums(exact)[:, 0] / np.maximum(draws.sums(np.ones((n, 1)))[:, 0], 1)
    yield _metric("macro_f1", f1["macro"], n, name, "F1 averaged over labels, each label counting the same")
    yield _metric("micro_f1", f1["micro"], n, name, "F1 of all labels of all rows together")
    says = "average precision averaged over labels; no threshold moves it"
    yield _metric("mean_average_precision", _nan_mean(precision), n, name, says)
    yield _metric("exact_match", hits, n, name, "share of rows whose labels are all right, and no other is given")


def _gains(f1: Mapping[str, Mapping[str, np.ndarray]], precision: Mapping[str, np.ndarray], n: int) -> Iterator[Metric]:
    """How far the adapted model is above the best baseline, by macro F1 and by average precision."""
    for name, figures in (
        ("macro_f1_gain", {model: found["macro"] for model, found in f1.items()}),
        ("mean_average_precision_gain", {model: _nan_mean(found) for model, found in precision.items()}),
    ):
        rivals = [model for model in figures if model != "adapted"]
        if not rivals:
            return
        best = max(rivals, key=lambda model: figures[model][0])
        what = "macro F1" if name == "macro_f1_gain" else "mean average precision"
        says = f"{what} of the adapted model minus that of the best baseline ({best}), on the same rows"
        yield _metric(name, figures["adapted"] - figures[best], n, "adapted", says)


def _each(
    model: str,
    labels: tuple[str, ...],
    truth: np.ndarray,
    said: Said,
    f1: Mapping[str, np.ndarray],
    precision: np.ndarray,
    cluster: np.ndarray | None,
) -> Iterator[Metric]:
    for j, label in enumerate(labels):
        n = int(truth[:, j].sum())
        yield _metric(f"f1: {label}", f1["each"][:, j], n, model, "F1 of this label; rows: those that have it")
        says = "average precision of this label"
        yield _metric(f"average_precision: {label}", precision[:, j], n, model, says)
        if truth[:, j].any() and not truth[:, j].all():
            found = concordance.auc(truth[:, j], said.scores[:, j])
            limits = concordance.inside_unit(found.value, found.error(cluster), Z)
            says = "chance that a row with this label scores above one without it"
            yield Metric(f"auc: {label}", found.value, *limits, n, model=model, says=says)


def _metric(name: str, drawn: np.ndarray, n: int, model: str, says: str) -> Metric:
    """The figure of the data as they are, and the limits of what the draws gave."""
    value, draws = float(drawn[0]), drawn[1:][np.isfinite(drawn[1:])]
    if not np.isfinite(value):
        return Metric(name, 0.0, n=n, model=model, says=f"{says} (no test row has it, so this says nothing)")
    lower, upper = (float(end) for end in np.quantile(draws, (0.025, 0.975))) if len(draws) else (None, None)
    return Metric(name, value, lower, upper, n, model=model, says=says)
