"""Groups of people in a window against the reference: how many they are, how they are decided on, who is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from evenhand.living.monitoring.drift import is_number, numbers, share_p

BINNED = 12  # values of a number from which it is cut at the reference's quartiles
MISSING = "(missing)"


@dataclass(frozen=True, slots=True)
class GroupDrift:
    """A group of one column in one window; `was`: the same of the reference. rate: the share selected, None where
    nobody is; score: the mean. share_p, rate_p: Fisher's exact p that nothing changed."""

    column: str
    group: str
    rows: int
    share: float
    rate: float | None
    score: float | None
    was_rows: int
    was_share: float
    was_rate: float | None
    was_score: float | None
    share_p: float
    rate_p: float

    @property
    def state(self) -> str:
        """Whether the group is new, missing, or neither."""
        return "new" if not self.was_rows else "missing" if not self.rows else ""


def grouped(values: pl.Series, edges: Sequence[float] | None) -> list[str]:
    """The group of each value; of a number with edges, the quarter of the reference that it lies in."""
    if edges is None:
        return values.cast(pl.String).fill_null(MISSING).to_list()
    known = numbers(values)
    names = [f"below {edges[0]:g}", *(f"{a:g} to {b:g}" for a, b in pairwise(edges))]
    names.append(f"{edges[-1]:g} and more")
    at = np.searchsorted(np.asarray(edges), known, side="right")
    return [MISSING if np.isnan(value) else names[place] for value, place in zip(known, at, strict=True)]


def edges_of(values: pl.Series) -> list[float] | None:
    """Quartiles of a number of many values; None for what has groups of its own."""
    if not is_number(values.dtype) or values.n_unique() <= BINNED:
        return None
    known = numbers(values)
    return [float(edge) for edge in np.unique(np.nanquantile(known, [0.25, 0.5, 0.75]))]


def group_drifts(reference: pl.DataFrame, window: pl.DataFrame, columns: Sequence[str]) -> list[GroupDrift]:
    """Every group of either side. Both frames: a column of groups each, `selected` (perhaps null) and `score`."""
    found = []
    for column in columns:
        before, now = _counts(reference, column), _counts(window, column)
        for group in sorted({*before, *now}):
            found.append(_one(column, group, before, now, reference.height, window.height))
    return found


def _counts(rows: pl.DataFrame, column: str) -> dict[str, dict[str, Any]]:
    table = rows.group_by(column).agg(
        pl.len().alias("rows"),
        pl.col("selected").sum().alias("selected"),
        pl.col("selected").count().alias("decided"),
        pl.col("score").mean().alias("score"),
    )
    return {row[column]: row for row in table.iter_rows(named=True)}


def _one(column: str, group: str, before: dict[str, Any], now: dict[str, Any], old: int, new: int) -> GroupDrift:
    nobody: dict[str, Any] = {"rows": 0, "selected": 0, "decided": 0, "score": None}
    was, here = before.get(group, nobody), now.get(group, nobody)
    rates = [side["selected"] / side["decided"] if side["decided"] else None for side in (here, was)]
    return GroupDrift(
        column,
        group,
        here["rows"],
        here["rows"] / new,
        rates[0],
        here["score"],
        was["rows"],
        was["rows"] / old,
        rates[1],
        was["score"],
        share_p(was["rows"], old, here["rows"], new),
        share_p(was["selected"], was["decided"], here["selected"], here["decided"]),
    )
