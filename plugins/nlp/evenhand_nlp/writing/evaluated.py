"""Performance of written texts: what the core does not count because it knows no texts."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from evenhand import Metric, Predictions, wilson

Z = NormalDist().inv_cdf(0.975)


def of_given(predictions: Predictions) -> list[Metric]:
    """The share of rows that get a text, and among those the share that is acceptable."""
    import polars as pl

    table = pl.read_parquet(predictions.table)
    roles = predictions.schema
    given = table[roles.require("prediction", "evaluating")].is_not_null().to_numpy()
    good = table[roles.require("score", "evaluating")].to_numpy() >= (predictions.threshold or 0.5)
    metrics = [share("answered", given, "share of rows that get a text; for the others the model abstains")]
    if given.any() and not given.all():
        says = "share of the given texts whose quality reaches the threshold"
        metrics.append(share("acceptable_of_given", good[given], says))
    return metrics


def share(name: str, hits: np.ndarray, says: str, model: str = "adapted") -> Metric:
    """A share with its score interval."""
    count, among = int(hits.sum()), len(hits)
    lower, upper = (float(bound) for bound in wilson(np.array(count), np.array(among), Z))
    return Metric(name, count / among, lower, upper, among, model=model, says=says)
