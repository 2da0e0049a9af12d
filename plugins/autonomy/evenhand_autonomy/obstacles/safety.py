"""What misses mean on the road: recall weighted by time to collision, and the distance at which half are seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from evenhand import Metric, Predictions

SOONEST = 0.5  # seconds below which no object counts more
DRAWS, DRAWS_OF_DISTANCE = 400, 100  # of pictures, by bootstrap


def urgency(ttc: np.ndarray) -> np.ndarray:
    """The weight of an object: one over the seconds until it would be reached, at most 2."""
    return 1 / np.maximum(ttc, SOONEST)


def weighted_recall(found: np.ndarray, weight: np.ndarray, pictures: Sequence[Any], seed: int = 0) -> tuple[float, ...]:
    """(share of the weight that was found, lower, upper): a bootstrap of whole pictures, 95 %."""
    if not len(found):
        return float("nan"), float("nan"), float("nan")
    _, place = np.unique(np.array([str(name) for name in pictures]), return_inverse=True)
    hits, all_of_it = np.bincount(place, found * weight), np.bincount(place, weight)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(hits), np.full(len(hits), 1 / len(hits)), DRAWS)
    drawn = (times @ hits) / np.maximum(times @ all_of_it, 1e-12)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(hits.sum() / all_of_it.sum()), float(low), float(high)


def performance(predictions: Predictions) -> list[Metric]:
    """Recall by object and by urgency, of the detector and of the baseline; precision is the operating point's."""
    import polars as pl

    frame = pl.read_parquet(predictions.table)
    roles = predictions.schema
    truth = frame[roles.require("label", "evaluating")].to_numpy() == 1
    pictures = frame[roles.require("group_id", "evaluating")].to_list()
    names = [name for name, there in zip(pictures, truth, strict=True) if there]
    columns = {"adapted": roles.require("prediction", "evaluating"), **predictions.baselines}
    metrics = []
    for model, column in columns.items():
        said = frame[column].to_numpy() == 1
        objects = int(truth.sum())
        one = weighted_recall(said[truth].astype(float), np.ones(objects), names)
        metrics.append(Metric("recall", *one, n=objects, model=model, says="share of objects that are found"))
        if "ttc_s" in frame.columns:
            weight = urgency(frame["ttc_s"].to_numpy()[truth].astype(float))
            soon = weighted_recall(said[truth].astype(float), weight, names)
            says = "the same, each object weighing one over its seconds to collision (at most 2)"
            metrics.append(Metric("safety_weighted_recall", *soon, n=objects, model=model, says=says))
    return metrics


def half_seen_at(distance: np.ndarray, found: np.ndarray) -> float:
    """Metres at which half of the objects are seen: where a logistic curve of log distance crosses one half.

    Newton's method with a weak prior (Gelman et al. 2008, Annals of Applied Statistics), so that it always ends.
    """
    x = np.stack([np.ones(len(distance)), np.log(distance)], 1)
    beta, prior = np.zeros(2), np.diag([0.01, 0.1])
    for _ in range(12):
        chance = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        slope = x.T @ (found - chance) - prior @ beta
        bend = (x * (chance * (1 - chance))[:, None]).T @ x + prior
        beta = beta + np.linalg.solve(bend, slope)
    if beta[1] >= 0:  # not seen less from afar: no such distance
        return float("inf") if chance.mean() > 0.5 else 0.0
    return float(np.exp(-beta[0] / beta[1]))


def half_seen_gap(
    distance: np.ndarray, found: np.ndarray, pictures: Sequence[Any], first: np.ndarray, seed: int = 0
) -> tuple[float, ...]:
    """(metres by which the rows of `first` are half seen further away than the others, lower, upper)."""

    def gap(rows: np.ndarray) -> float:
        mine, others = rows[first[rows]], rows[~first[rows]]
        if not len(mine) or not len(others):
            return float("nan")
        return half_seen_at(distance[mine], found[mine]) - half_seen_at(distance[others], found[others])

    drawn = np.array([gap(rows) for rows in _drawn(pictures, seed)])
    low, high = np.quantile(drawn[np.isfinite(drawn)], [0.025, 0.975]) if np.isfinite(drawn).any() else (np.nan, np.nan)
    return gap(np.arange(len(distance))), float(low), float(high)


def _drawn(pictures: Sequence[Any], seed: int) -> Iterator[np.ndarray]:
    """Rows of as many pictures, drawn with replacement, again and again."""
    _, place = np.unique(np.array([str(name) for name in pictures]), return_inverse=True)
    rows = [np.flatnonzero(place == k) for k in range(place.max() + 1)]
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS_OF_DISTANCE):
        yield np.concatenate([rows[k] for k in rng.integers(0, len(rows), len(rows))])


def half_seen(distance: np.ndarray, found: np.ndarray, pictures: Sequence[Any], seed: int = 0) -> tuple[float, ...]:
    """(half_seen_at, lower, upper): a bootstrap of whole pictures."""
    drawn = [half_seen_at(distance[rows], found[rows]) for rows in _drawn(pictures, seed)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return half_seen_at(distance, found), float(low), float(high)
