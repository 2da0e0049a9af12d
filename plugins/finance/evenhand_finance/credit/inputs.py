"""Applicants as numbers: what was seen while training decides, and is kept as JSON.

Numbers and dates stay one column each, texts become codes of the values seen twice or more. A value never seen, or
missing, is NaN: models treat it as unknown, not as an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from evenhand import BadInput

NUMBER, NAME, DAY = "number", "name", "day"
MOST_VALUES = 200


@dataclass(frozen=True, slots=True)
class Column:
    """One input as it was while training: its kind, the middle of its numbers, the values of its texts."""

    name: str
    kind: str
    middle: float = 0.0
    steps: tuple[float, ...] = ()  # quintiles; a scorecard may bend there
    low: float = 0.0  # first and last percentile; a scorecard is straight between them and flat beyond
    high: float = 0.0
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inputs:
    """The input columns; `learn` makes them from training rows."""

    columns: tuple[Column, ...]

    @classmethod
    def learn(cls, rows: pl.DataFrame, names: Sequence[str]) -> Inputs:
        """Kinds, middles and values of the named columns of training rows. A constant column is kept, and useless."""
        if not names:
            raise BadInput("the schema names no input; name columns with --set schema.input='[\"income\", …]'")
        return cls(tuple(_learned(rows[name]) for name in names))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def without(self, names: Sequence[str]) -> Inputs:
        """The inputs but for some columns."""
        return Inputs(tuple(column for column in self.columns if column.name not in names))

    def matrix(self, rows: pl.DataFrame) -> np.ndarray:
        """float64 [rows, columns]; NaN where missing or, of a text, never seen."""
        return np.column_stack([_numbers(rows[column.name], column) for column in self.columns])

    def as_dict(self) -> list[dict[str, Any]]:
        """For JSON."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_dict(cls, told: list[dict[str, Any]]) -> Inputs:
        """What `as_dict` gave."""
        tuples = ({**one, "steps": tuple(one["steps"]), "values": tuple(one["values"])} for one in told)
        return cls(tuple(Column(**one) for one in tuples))


def as_frame(rows: Any) -> pl.DataFrame:
    """The rows of a `datasets.Dataset` as a Polars frame."""
    frame = pl.from_arrow(rows.with_format("arrow")[:])
    assert isinstance(frame, pl.DataFrame)
    return frame


def _learned(column: pl.Series) -> Column:
    kind = _kind(column)
    if kind == NAME:
        counts = column.cast(pl.String).drop_nulls().value_counts().sort("count", column.name, descending=[True, False])
        values = counts.filter(pl.col("count") > 1)[column.name].head(MOST_VALUES).to_list()
        return Column(column.name, kind, values=tuple(values))
    numbers = _numbers(column, Column(column.name, kind))
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return Column(column.name, kind)
    steps = np.unique(np.quantile(known, [0.2, 0.4, 0.6, 0.8]))
    low, middle, high = np.quantile(known, [0.01, 0.5, 0.99])
    inner = tuple(float(step) for step in steps if step < known.max())
    return Column(column.name, kind, float(middle), inner, float(low), float(high))


def _kind(column: pl.Series) -> str:
    if column.dtype.is_numeric() or column.dtype == pl.Null:
        return NUMBER
    if column.dtype.is_temporal():
        return DAY
    if column.dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum):
        return NAME
    raise BadInput(f"the input '{column.name}' holds {column.dtype} values; credit-default reads numbers, dates, texts")


def _numbers(column: pl.Series, learned: Column) -> np.ndarray:
    if learned.kind == NAME:
        code = {value: float(place) for place, value in enumerate(learned.values)}
        return np.array([code.get(str(value), np.nan) for value in column.cast(pl.String)], dtype=float)
    if learned.kind == DAY and column.dtype == pl.String:
        column = column.str.to_datetime(strict=False)
    if learned.kind == DAY:
        column = column.cast(pl.Datetime("us"), strict=False).dt.timestamp("us").cast(pl.Float64) / 86_400e6
    values = column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)
