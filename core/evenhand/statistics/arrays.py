"""The arrays that arithmetic is done on, and the quotient that knows when it is undefined."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]  # float64; numpy types the sums of bincount more loosely
Ints = NDArray[np.int64]


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """numerator / denominator; NaN where there is no denominator, never 0 and never 1."""
    top, bottom = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    out = np.full(np.broadcast_shapes(top.shape, bottom.shape), np.nan)
    return np.asarray(np.divide(top, bottom, out=out, where=bottom > 0))


def once_each(arrays: Iterable[Floats], make: Callable[[Floats], Floats]) -> list[Floats]:
    """`make` of each array, done once for those that are one and the same: without weights they are the rows."""
    found: dict[int, Floats] = {}
    return [found[id(a)] if id(a) in found else found.setdefault(id(a), make(a)) for a in arrays]
