"""Tables of pandas and Arrow handed over to Polars, which counts faster; numbers and Arrow's text are not copied.

Only columns that mean the same there: numbers, truth values, text and categories of text. With any other column the
table stays where it is, and is counted there to the same bytes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

NUMBERS = (nw.Int8, nw.Int16, nw.Int32, nw.Int64, nw.UInt8, nw.UInt16, nw.UInt32, nw.UInt64, nw.Float32, nw.Float64)
SAME = (*NUMBERS, nw.Boolean, nw.String, nw.Categorical, nw.Enum)
TEXT = (pl.String, pl.Categorical, pl.Enum)


def handed_over(frame: nw.LazyFrame[Any], texts: Collection[str]) -> nw.LazyFrame[Any]:
    """The same rows in Polars, or as they are. texts: columns of Python objects that hold nothing but text."""
    if not (frame.implementation.is_pandas() or frame.implementation.is_pyarrow()):
        return frame
    table = frame.collect()
    series = [table.get_column(name) for name in table.columns]
    if not all(isinstance(one.dtype, SAME) or one.name in texts for one in series):
        return frame
    try:
        columns = [_column(one) for one in series]
    except (Exception, pl.exceptions.PanicException):  # no pyarrow, or values of several kinds
        return frame
    if not all(_meant(one, was.dtype) for one, was in zip(columns, series, strict=True)):
        return frame
    return nw.from_native(pl.DataFrame([_plain(one) for one in columns]).lazy())


def _meant(column: pl.Series, was: nw.dtypes.DType) -> bool:
    """Numbers are still numbers, and all else is text: categories may have been of something else."""
    if was.is_numeric() or was == nw.Boolean:
        return column.dtype.is_numeric() or column.dtype == pl.Boolean
    return column.dtype in TEXT


def _plain(column: pl.Series) -> pl.Series:
    """Categories as text where they are compared with values."""
    named = column.dtype in (pl.Categorical, pl.Enum) and not column.name.startswith("g")
    return column.cast(pl.String) if named else column


def _column(series: nw.Series[Any]) -> pl.Series:
    native = series.to_native()
    if isinstance(getattr(native, "dtype", None), np.dtype) and native.dtype.kind in "biuf":
        return pl.Series(series.name, native.to_numpy())
    found = pl.from_arrow(series.to_arrow(), rechunk=False)
    assert isinstance(found, pl.Series)
    return found.alias(series.name)
