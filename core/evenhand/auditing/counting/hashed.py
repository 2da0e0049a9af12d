"""Rows grouped by several columns, in the engine that holds them."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np

from evenhand.auditing.counting.cells import Cells
from evenhand.auditing.counting.exact_sums import Sums
from evenhand.auditing.table.group_names import factorised, listed
from evenhand.auditing.table.rows import Rows, collect
from evenhand.statistics.arrays import Floats, Ints


def hashed(
    frame: nw.LazyFrame[Any], rows: Rows, keys: list[str], sums: tuple[Sums, Sums], at_once: int
) -> tuple[tuple[tuple[str, ...], ...], Cells, Cells | None]:
    """(group names of each column; cells with their rows and the first sums; those without levels, with the second).

    frame: the rows with the columns `keys`. at_once: rows of a file that are grouped together.
    """
    weights, values = sums
    apart = [key for key in keys if key != "level"]
    frames = [summed(frame, keys, weights, rows, at_once)]
    frames += [summed(frame, apart, values, rows, at_once)] if values.summands else []
    names, codes = _groups_of(frames, rows)
    cells = [_cells(found, groups) for found, groups in zip(frames, codes, strict=True)]
    return names, cells[0], cells[1] if len(cells) > 1 else None


def summed(frame: nw.LazyFrame[Any], keys: list[str], sums: Sums, rows: Rows, at_once: int) -> nw.DataFrame[Any]:
    """Rows and sums by keys; of a large file part by part, so that memory does not grow with it."""
    columns = sums.columns
    frame = frame.with_columns(**columns) if columns else frame
    totals = [nw.col(name).sum() for name in columns]
    if not rows.seekable or rows.count <= at_once:
        return collect(frame.group_by(keys).agg(nw.len().alias("n"), *totals), rows.where)
    parts = [nw.from_native(frame.to_native().slice(first, at_once)) for first in range(0, rows.count, at_once)]
    counted = [collect(part.group_by(keys).agg(nw.len().alias("n"), *totals), rows.where) for part in parts]
    return collect(nw.concat(counted).lazy().group_by(keys).agg(nw.col("n").sum(), *totals), rows.where)


def numbers_of(found: nw.DataFrame[Any]) -> dict[str, Floats]:
    """The sums that came back."""
    numeric = [c for c in found.columns if c == "n" or c.endswith((" high", " low"))]
    return {c: np.asarray(found.get_column(c).to_numpy(), dtype=np.float64) for c in numeric}


def _groups_of(frames: list[nw.DataFrame[Any]], rows: Rows) -> tuple[tuple[tuple[str, ...], ...], list[Ints]]:
    """(group names of each sensitive column, for each frame [entry, column] their codes)."""
    names, codes = [], []
    ends = np.cumsum([len(frame) for frame in frames])[:-1]
    for i in range(len(rows.roles.sensitive)):
        together = [value for frame in frames for value in listed(frame.get_column(f"g{i}"))]
        found, code = factorised(together, rows.order.get(f"g{i}"), rows.called.get(f"g{i}"))
        names.append(found)
        codes.append(code)
    return tuple(names), np.split(np.column_stack(codes), ends)


def _cells(found: nw.DataFrame[Any], groups: Ints) -> Cells:
    got = {name: found.get_column(name) for name in found.columns}
    label = np.asarray(got["y"].to_numpy(), dtype=np.int64) if "y" in got else None
    level = np.asarray(got["level"].to_numpy()) if "level" in got else None
    decision = np.asarray(got["d"].to_numpy(), dtype=np.int64)
    return Cells(groups, label, decision, level, got.get("cluster"), numbers_of(found))
