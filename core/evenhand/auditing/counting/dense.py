"""Counts by one whole number per row, where Polars holds the rows or reads their file.

Where all cells fit in memory they are counted in place. Where they do not, or where every cluster or score is a key
of its own, Polars groups by the one number.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from evenhand.auditing.counting.cells import Cells
from evenhand.auditing.counting.coding import Coding
from evenhand.auditing.counting.exact_sums import Sums, add_up
from evenhand.auditing.counting.hashed import numbers_of, summed
from evenhand.auditing.table.rows import Rows, batches, collect
from evenhand.statistics.arrays import Ints

MOST_CELLS = 4_000_000  # that are held in memory
MOST_ROWS = 5_000_000  # that are held where every cluster or score is a key
IN_CACHE = 1 << 14  # rows whose numbers stay in the processor's cache


def dense(
    frame: nw.LazyFrame[Any],
    rows: Rows,
    coding: Coding,
    keys: list[str],
    sums: tuple[Sums, Sums],
    bins: int,
    at_once: int,
) -> tuple[Cells, Cells | None]:
    """(cells with their rows and the first sums, cells without levels with the second sums, if there are any).

    frame: the rows with the columns `keys`. bins: how many levels there are, 0 where every score is its own.
    at_once: rows of a file that are counted together, at most.
    """
    weights, values = sums
    own: list[str] = [key for key in ("level", "cluster") if key in keys and (key == "cluster" or not bins)]
    levels = bins if "level" in keys and bins else 1
    if not own and coding.cells * levels <= MOST_CELLS:
        return _in_place(frame, rows, coding, sums, levels, at_once)
    found = _keyed(frame, rows, coding, own, weights, levels, at_once)
    return found, _in_place(frame, rows, coding, (Sums(), values), 1, at_once)[1] if values.summands else None


def _in_place(
    frame: nw.LazyFrame[Any], rows: Rows, coding: Coding, sums: tuple[Sums, Sums], levels: int, at_once: int
) -> tuple[Cells, Cells | None]:
    weights, values = sums
    n = np.zeros(coding.cells * levels, dtype=np.int64)
    totals = [{name: np.zeros((2, size), dtype=np.int64) for name in s.summands}
              for s, size in zip(sums, (len(n), coding.cells), strict=True)]  # fmt: skip
    numbers = {**weights.summands, **values.summands}
    native: pl.LazyFrame = nw.to_native(frame.with_columns(**numbers) if numbers else frame)
    level = [pl.col("level").cast(pl.Int32)] if levels > 1 else []
    narrow = native.select(coding.cell().alias("cell"), *level, *(pl.col(name).cast(pl.Float64) for name in numbers))
    for part in batches(narrow, rows.count, at_once, rows.where):
        columns = [part[name].to_numpy() for name in part.columns]
        for first in range(0, len(part), IN_CACHE):
            cell, *others = (column[first : first + IN_CACHE] for column in columns)
            cell = cell.astype(np.int64)
            key = cell * levels + others.pop(0) if levels > 1 else cell
            np.add.at(n, key, 1)
            for value, (name, (high, low)) in zip(others, [*totals[0].items(), *totals[1].items()], strict=True):
                shift = weights.shift.get(name)
                add_up(high, low, cell if shift is None else key, value, values.shift[name] if shift is None else shift)
    there = np.flatnonzero(n.reshape(-1, levels).any(axis=1))
    which, at = np.nonzero(n.reshape(-1, levels)[there])
    key = there[which] * levels + at
    found = _cells(coding, there, which, at if levels > 1 else None, {"n": n[key], **_halves(totals[0], key)})
    if not values.summands:
        return found, None
    return found, _cells(coding, there, np.arange(len(there)), None, _halves(totals[1], there))


def _halves(totals: dict[str, Ints], at: Ints) -> dict[str, Ints]:
    return {f"{name} {half}": total[i][at] for name, total in totals.items() for i, half in enumerate(("high", "low"))}


def _keyed(
    frame: nw.LazyFrame[Any], rows: Rows, coding: Coding, own: list[str], sums: Sums, levels: int, at_once: int
) -> Cells:
    """Entries of one number, and beside it the columns `own`: hashed, or as they are where they are hardly fewer."""
    key = coding.cell().cast(pl.Int64) * levels + (pl.col("level") if levels > 1 else 0)
    keyed = nw.from_native(nw.to_native(frame).with_columns(key=key))
    if own and rows.count <= MOST_ROWS:
        found = collect(keyed.select("key", *own, nw.lit(1).alias("n"), **sums.columns), rows.where)
    else:
        found = summed(keyed, ["key", *own], sums, rows, at_once)
    cell, place = np.divmod(found.get_column("key").to_numpy(), levels)
    there = np.arange(coding.cells) if coding.cells <= len(found) else np.unique(cell)
    which = cell if len(there) == coding.cells else np.searchsorted(there, cell)
    level = place if levels > 1 else found.get_column("level").to_numpy() if "level" in own else None
    cluster = found.get_column("cluster") if "cluster" in own else None
    return _cells(coding, there, which, level, numbers_of(found), cluster)


def _cells(coding: Coding, there: Ints, which: Ints, level: Any, numbers: dict[str, Any], cluster: Any = None) -> Cells:
    """Entries whose cells are `there[which]`."""
    groups, label, decision = coding.read(there)
    floats = {name: values.astype(np.float64) for name, values in numbers.items()}
    return Cells(groups[which], None if label is None else label[which], decision[which], level, cluster, floats)
