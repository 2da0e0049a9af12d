"""The interval of a share whose rows come in clusters: Wilson's, over as many rows as the clusters are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from evenhand import wilson

Z = NormalDist().inv_cdf(0.975)


def clustered_share(hits: Sequence[bool] | np.ndarray, clusters: Sequence[object]) -> tuple[float, float, float]:
    """(share of hits, lower, upper) at 95 %; NaN where there is no row.

    The variance between clusters (linearised, Rao & Scott 1992, Biometrics) says how many independent rows the rows
    are worth; where every row is a hit or none is, they are taken to be worth one per cluster.
    """
    values = np.asarray(hits, float)
    n = len(values)
    if n == 0:
        return math.nan, math.nan, math.nan
    _, places = np.unique(np.array([str(name) for name in clusters]), return_inverse=True)
    share, count = float(values.mean()), int(places.max()) + 1
    worth = float(count)
    if 0 < share < 1 and count > 1:
        sums = np.bincount(places, values - share)
        variance = count / (count - 1) * float((sums**2).sum()) / n**2
        worth = min(float(n), share * (1 - share) / variance) if variance > 0 else float(n)
    lower, upper = wilson(np.array(share * worth), np.array(worth), Z)
    return share, float(lower), float(upper)
