"""The arrays that arithmetic is done on, and the quotient that knows when it is undefined."""

from __future__ import annotations

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
