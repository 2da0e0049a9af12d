"""How many rows have each value of a numeric column, counted in the engine: what quantiles follow from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np

from evenhand.auditing.table.rows import Rows, collect
from evenhand.errors import BadInput
from evenhand.statistics.arrays import Floats

MOST_VALUES = 100_000  # beyond, values are counted in bins of equal width
WIDTHS = 1 << 16
TAIL = 0.0005  # share of the rows that may lie beyond either end of these


@dataclass(frozen=True, slots=True)
class ValueCounts:
    """Distinct values, increasing, and the rows that have each; of bins, their lower ends."""

    values: Floats
    counts: Floats

    @property
    def rows(self) -> int:
        """Rows that have a value."""
        return int(self.counts.sum())

    @property
    def shares_below(self) -> Floats:
        """The share of the rows below each value."""
        return np.asarray((np.cumsum(self.counts) - self.counts) / self.counts.sum())

    def below(self, edge: float) -> float:
        """The share of the rows below `edge`."""
        place = int(np.searchsorted(self.values, edge, side="left"))
        return float(self.counts[:place].sum() / self.counts.sum())

    def means_between(self, edges: Sequence[float]) -> tuple[float, ...]:
        """The mean value of the rows in each bin that `edges` part; no bin may be empty."""
        place = np.searchsorted(edges, self.values, side="right")
        total = np.bincount(place, self.values * self.counts, len(edges) + 1)
        return tuple((total / np.bincount(place, self.counts, len(edges) + 1)).tolist())


def value_counts(rows: Rows, name: str, column: str) -> ValueCounts:
    """The counts of column `name` without missing values. Raises BadInput for infinite ones."""
    number = nw.col(name).cast(nw.Float64)
    held = rows.frame.filter(~rows.missing(name)).select(value=number)
    ends = collect(held.select(low=nw.col("value").min(), high=nw.col("value").max()), rows.where)
    low, high = (ends.get_column(end).to_list()[0] for end in ("low", "high"))
    if low is None or low != low:
        return ValueCounts(np.array([]), np.array([]))
    if not np.isfinite([low, high, high - low]).all():
        raise BadInput(
            f"column '{column}' in {rows.where} has infinite values, which fit in no bin; mend them (--bins)"
        )
    if rows.facts[f"{name} distinct"] > MOST_VALUES:
        return _in_widths(held, float(low), float(high), rows.where)
    found = collect(held.group_by("value").agg(nw.len().alias("n")), rows.where)
    values, place = np.unique(np.asarray(found.get_column("value").to_numpy()) + 0.0, return_inverse=True)
    return ValueCounts(values, np.bincount(place, np.asarray(found.get_column("n").to_numpy(), dtype=float)))


def _in_widths(held: nw.LazyFrame[Any], low: float, high: float, where: str) -> ValueCounts:
    """Counts in bins of equal width, of a range that narrows until long tails do not make the bins too wide."""
    while True:
        width = (high - low) / WIDTHS
        place = ((nw.col("value") - low) / width).floor().clip(0, WIDTHS - 1).cast(nw.Int64)
        found = collect(held.with_columns(bin=place).group_by("bin").agg(nw.len().alias("n")), where)
        bins = np.asarray(found.get_column("bin").to_numpy(), dtype=np.int64)
        counts = np.bincount(bins, np.asarray(found.get_column("n").to_numpy(), dtype=float), WIDTHS)
        below = np.cumsum(counts) / counts.sum()
        first, last = (int(np.searchsorted(below, share)) for share in (TAIL, 1 - TAIL))
        narrow, start = (last - first + 1) * width, low + first * width
        if last - first >= WIDTHS // 16 or start + narrow / WIDTHS <= start:
            return ValueCounts((low + np.arange(WIDTHS) * width)[counts > 0], counts[counts > 0])
        low, high = start, start + narrow
