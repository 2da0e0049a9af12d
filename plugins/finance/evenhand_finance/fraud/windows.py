"""Looks back from every transaction at once: how many rows an entity had by a moment, and sums over them.

Rows are laid out by (entity, time); sums over a window are then differences of an entity's running sums at two places,
and the places of all rows are found by one binary search in sorted keys. No window has a loop, and none reaches
forward: running sums begin anew with each entity, so that even rounding knows nothing but the entity's own past.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

DAY = 86_400.0  # seconds


class Past:
    """The rows of each entity (a customer, a terminal) in time order; arrays below are in this order.

    seconds: the rows' times, [rows]. first: where the row's entity begins. Rows of one moment keep the order they
    came in. `of(values)` brings values of the stream into this order, `back(values)` returns them to the stream's.
    """

    def __init__(self, entity: np.ndarray, seconds: np.ndarray) -> None:
        self.order = np.lexsort((seconds, entity))  # stable
        ordered, self.seconds = entity[self.order], seconds[self.order]
        new = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
        self.entity = np.cumsum(new) - 1
        self.first = np.flatnonzero(new)[self.entity]
        self.here = np.arange(len(ordered))
        begin, end = (float(seconds.min()), float(seconds.max())) if len(seconds) else (0.0, 0.0)
        self._begin, self._span = begin, end - begin + 1.0

    def of(self, values: np.ndarray) -> np.ndarray:
        """Values of the stream in this order."""
        return values[self.order]

    def back(self, values: np.ndarray) -> np.ndarray:
        """Values in this order, in that of the stream."""
        out = np.empty_like(values)
        out[self.order] = values
        return out

    def rows_by(self, days: float) -> np.ndarray:
        """Where the rows end that the entity had `days` before each row, or earlier: [rows], at least `first`."""
        moment = self.seconds - self._begin
        keys = self.entity * (2 * self._span) + moment
        wanted = self.entity * (2 * self._span) + np.maximum(moment - days * DAY, -self._span / 2)
        return np.maximum(np.searchsorted(keys, wanted, side="right"), self.first)

    def sums(self, values: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """between(start, end): the sums over each row's entity from row `start` to the one before `end`, [rows]."""
        import polars as pl

        rows = pl.DataFrame({"of": self.entity, "value": values.astype(np.float64)})
        until = rows.select(pl.col("value").cum_sum().over("of")).to_series().to_numpy()

        def before(row: np.ndarray) -> np.ndarray:
            return np.where(row > self.first, until[np.maximum(row - 1, 0)], 0.0)

        return lambda start, end: before(end) - before(start)


def latest(flag: np.ndarray, past: Past) -> np.ndarray:
    """The last row at or before each one, of the same entity, whose flag is set; -1 where there is none."""
    found = np.maximum.accumulate(np.where(flag, past.here, -1))
    return np.where(found >= past.first, found, -1)
