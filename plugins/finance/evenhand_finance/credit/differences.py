"""Standardised mean difference of the score: how far two groups' means lie apart, in standard deviations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from evenhand import Estimate, Predictions, Recipe
from evenhand_finance.credit.groups import Grouped

SOURCE = "Cohen 1988; its limits: Hedges & Olkin 1985, formula 8 of chapter 5"


def standardised(recipe: Recipe, predictions: Predictions) -> list[Estimate]:
    """One for every group but the largest of each sensitive column."""
    rows = pl.read_parquet(predictions.table)
    score = rows[str(predictions.schema.score)].to_numpy()
    found = (Grouped.of(rows[name], recipe) for name in predictions.schema.sensitive)
    return [estimate for group in found for estimate in _of(group, score)]


def _of(group: Grouped, score: np.ndarray) -> Iterator[Estimate]:
    sizes = [int((group.code == place).sum()) for place in range(len(group.names))]
    if len(sizes) < 2:
        return
    largest = int(np.argmax(sizes))
    for place, name in enumerate(group.names):
        if place == largest or sizes[place] < 2:
            continue
        value, lower, upper = difference(score[group.code == place], score[group.code == largest])
        says = (
            f"mean score less that of {group.names[largest]}, in standard deviations; 0.3 and more is often a concern"
        )
        yield Estimate("standardised mean difference", f"{group.column}={name}", value, lower, upper, says, SOURCE)


def difference(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """(difference of the means over the pooled standard deviation, its 95 % limits).

    >>> [round(x, 2) for x in difference(np.array([1.0, 2, 3, 4]), np.array([0.0, 1, 2, 3]))]
    [0.77, -0.66, 2.21]
    """
    n, m = len(one), len(other)
    pooled = np.sqrt(((n - 1) * one.var(ddof=1) + (m - 1) * other.var(ddof=1)) / max(n + m - 2, 1))
    value = float((one.mean() - other.mean()) / pooled) if pooled > 0 else 0.0
    error = float(np.sqrt((n + m) / (n * m) + value**2 / (2 * (n + m))))
    return value, value - 1.96 * error, value + 1.96 * error
