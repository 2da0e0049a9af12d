"""A row's group, label and decision as one whole number, so that a cell is an index and nothing has to be hashed."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import polars as pl

from evenhand.auditing.table.group_names import MISSING, factorised, listed
from evenhand.auditing.table.rows import MOST_KNOWN, AuditTask, Rows, collect
from evenhand.statistics.arrays import Ints

ROOM = 8  # numbers are used as places where few of them lie idle
SHARED = hasattr(pl, "Categories")  # categories are numbered alike in every part of a file


@dataclass(frozen=True, slots=True)
class Part:
    """Of a cell: `place` is never null and lies in [0, len(value)). `value`: what each place stands for."""

    place: pl.Expr
    value: Ints


@dataclass(frozen=True, slots=True)
class Coding:
    """The parts of a cell (a group per column, label, decision), the last one changing fastest; names of the groups."""

    groups: tuple[Part, ...]
    label: Part | None
    decision: Part
    names: tuple[tuple[str, ...], ...]

    @property
    def parts(self) -> list[Part]:
        """All of them."""
        return [*self.groups, *([] if self.label is None else [self.label]), self.decision]

    @property
    def cells(self) -> int:
        """How many there could be."""
        return prod(len(part.value) for part in self.parts)

    def cell(self) -> pl.Expr:
        """The cell of each row."""
        wide = pl.Int32 if self.cells < 2**31 else pl.Int64
        found = pl.lit(0, wide)
        for part in self.parts:
            found = found * len(part.value) + part.place.cast(wide)
        return found

    def read(self, cell: Ints) -> tuple[Ints, Ints | None, Ints]:
        """(group of each column [entry, column], label, decision) of cells."""
        found: list[Ints] = []
        for part in reversed(self.parts):
            cell, place = np.divmod(cell, len(part.value))
            found.insert(0, part.value[place])
        return np.column_stack(found[: len(self.groups)]), None if self.label is None else found[-2], found[-1]


def coding_of(rows: Rows, task: AuditTask, labelled: bool) -> Coding | None:
    """How the rows' cells are numbered, by the columns y and d; None where they are not at hand, or cannot be.

    labelled: there is a column y.
    """
    if not rows.frame.implementation.is_polars():
        return None
    found = [_column(rows, i) for i in range(len(rows.roles.sensitive))]
    columns = [one for one in found if one is not None]
    if len(columns) < len(found):
        return None
    label = _flag("y", -1 if rows.facts["label missing"] else 0) if labelled else None
    least = {"multiclass": -2, "regression": -1}.get(task, -1 if rows.facts.get("prediction missing") else 0)
    return Coding(tuple(part for part, _ in columns), label, _flag("d", least), tuple(names for _, names in columns))


def _flag(name: str, least: int) -> Part:
    return Part(pl.col(name) - least, np.arange(least, 2))


def _column(rows: Rows, i: int) -> tuple[Part, tuple[str, ...]] | None:
    """(how the i-th sensitive column is numbered, its group names); None where values are many, or objects."""
    name = f"g{i}"
    values = rows.known.get(name)
    if values is None:
        found = collect(rows.frame.select(name).unique().head(MOST_KNOWN + 1), rows.where)
        values = found.get_column(name).to_polars()
    if len(values) > MOST_KNOWN or values.dtype == pl.Object:
        return None
    if values.dtype.is_float():
        values = values.fill_nan(None).unique()
    names, codes = factorised(listed(values), rows.order.get(name), rows.called.get(name))
    place, where = _placed(pl.col(name), values.drop_nulls())
    many = int(where.max(initial=-1)) + 1
    code = np.zeros(many + 1, dtype=np.int64)
    code[where] = codes[~values.is_null().to_numpy()]
    if not values.has_nulls():
        return Part(place, code[:-1]), names
    code[-1] = names.index(MISSING)
    return Part(place.fill_null(many), code), names


def _placed(column: pl.Expr, values: pl.Series) -> tuple[pl.Expr, Ints]:
    """(the place of each row, null where the value is missing; the places of `values`)."""
    if values.dtype == pl.Boolean:
        return column.cast(pl.UInt32), values.cast(pl.Int64).to_numpy()
    if values.dtype == pl.Categorical and SHARED:
        where = values.to_physical().cast(pl.Int64).to_numpy()
        if _close(0, where):
            return column.to_physical().cast(pl.UInt32), where
    if values.dtype.is_integer() and len(values) and int(values.max()) < 2**63:  # type: ignore[arg-type]
        where = values.cast(pl.Int64).to_numpy()
        low = int(where.min())
        if _close(low, where):
            return (column.cast(pl.Int64) - low).cast(pl.UInt32), where - low
    each = np.arange(len(values), dtype=np.int64)
    if values.dtype in (pl.String, pl.Categorical, pl.Enum):
        texts = values.cast(pl.String)
        return column.cast(pl.Enum(texts)).to_physical().cast(pl.UInt32), each
    numbers: Any = column.fill_nan(None) if values.dtype.is_float() else column
    return numbers.replace_strict(values, each, default=None, return_dtype=pl.UInt32), each


def _close(low: int, where: Ints) -> bool:
    return int(where.max(initial=low)) - low < 2 * len(where) + ROOM
