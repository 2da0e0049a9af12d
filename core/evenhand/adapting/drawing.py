"""Rows drawn as often as their weights say, for what cannot weigh them."""

from __future__ import annotations

import numpy as np


def drawn(weights: np.ndarray, seed: int) -> np.ndarray:
    """Places of rows, each as often as its share of the weights says, the rest by chance; as many in all, about.

    >>> drawn(np.array([2.0, 1.0, 1.0, 0.0]), 0).tolist()
    [0, 0, 1, 2]
    """
    share = weights / weights.sum() * len(weights)
    whole = np.floor(share + 1e-9).astype(int)
    more = np.random.default_rng([seed, 8]).random(len(share)) < share - whole
    return np.repeat(np.arange(len(weights)), whole + more)
