"""p-values that agree with limits: the critical value at which they just touch the tolerance, and its tail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evenhand.auditing.evidence.group_estimates import GRID, GRID_PARTS
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats

At = Callable[[Floats | float], tuple[Floats, Floats]]  # limits at a critical value, or at several [critical value, 1]


def touching(value: Floats, at: At, tolerance: float = 0.0) -> Floats:
    """[gap] the critical value at which limits stop proving the gap larger than the tolerance.

    0 where none proves it, the end of the grid where all do, NaN where the gap is undefined.
    """
    reach, last = np.full(value.shape, np.nan), np.abs(value) - tolerance
    open_ = last > 0
    for places in GRID_PARTS:
        lower, upper = at(GRID[places][:, None])
        margin = np.where(value >= 0, lower, -upper) - tolerance
        shut = ~(margin > 0)
        crossed, step = open_ & shut.any(axis=0), shut.argmax(axis=0)
        before, here = np.take_along_axis(np.stack([last, *margin]), np.stack([step, step + 1]), axis=0)
        share = np.where(before > 0, before / np.maximum(before - here, 1e-300), 0.0)
        c, smaller = GRID[places][step], GRID[places - 1][step]
        reach = np.where(crossed, c - (c - smaller) * (1 - np.clip(share, 0, 1)), reach)
        open_, last = open_ & ~crossed, margin[-1]
        if not open_.any():
            break
    reach = np.where(open_, GRID[-1], reach)
    return np.where(np.isnan(value), np.nan, np.where(np.abs(value) <= tolerance, 0.0, reach))


def p_values(value: Floats, at: At) -> Floats:
    """[gap] two-sided p-values of no gap: the confidence at which the interval just touches 0."""
    return tails(touching(value, at))


def tails(c: Floats, allowance: Floats | float = 0.0) -> Floats:
    """P(|Z| > c), where what lies against the gap's direction has the allowance, in standard errors, besides."""
    c, allowance = np.broadcast_arrays(np.asarray(c, dtype=float), np.asarray(allowance, dtype=float))
    each = [
        intervals.NORMAL.cdf(-a) + intervals.NORMAL.cdf(-min(a + b, 37.0)) if np.isfinite(a) else np.nan
        for a, b in zip(
            c.ravel().tolist(), np.nan_to_num(allowance.ravel(), nan=0.0, posinf=37.0).tolist(), strict=True
        )
    ]
    return np.where(c <= 0, 1.0, np.minimum(np.array(each).reshape(c.shape), 1.0))


def touching_largest(margin: Callable[[float], float]) -> float:
    """The critical value at which a margin that falls with it is no longer above 0."""
    low, high = 0, len(GRID)
    found = {0: max(margin(0.0), 0.0), len(GRID): 0.0}
    while high - low > 1:
        middle = (low + high) // 2
        found[middle] = margin(float(GRID[middle]))
        low, high = (middle, high) if found[middle] > 0 else (low, middle)
    share = found[low] / (found[low] - found[high]) if found[low] > found[high] and high < len(GRID) else 0.0
    return float(GRID[low] + share * (GRID[min(high, len(GRID) - 1)] - GRID[low]))
