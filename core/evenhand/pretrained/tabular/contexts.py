"""More labelled rows than one context holds: dealt out into several, each with its share of either class."""

from __future__ import annotations

import math

import numpy as np

MOST_ROWS = 1_000  # of one context: the regressions behind the hints grow with its cube


def draw_contexts(positive: np.ndarray, most_rows: int, most_contexts: int, seed: int) -> list[np.ndarray]:
    """Row numbers of each context, sorted; together every row once, or a random part of them where contexts do not
    suffice.

    positive: bool [rows]; both kinds are dealt out in turn, so contexts differ by one row of each kind at most.
    """
    rows = len(positive)
    if rows <= most_rows:
        return [np.arange(rows)]
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(rows)
    order = shuffled[np.argsort(~positive[shuffled], kind="stable")]  # the positive ones first
    count = math.ceil(rows / most_rows)
    dealt = [np.sort(order[start::count]) for start in range(count)]
    return dealt[:most_contexts]
