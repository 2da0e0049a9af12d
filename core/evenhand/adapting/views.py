"""Rows as the simple models read them: a table, a text, a thumbnail. Only the schema's input columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.schema import Schema

THUMBNAIL = 8  # pixels on a side


def table_of(rows: Dataset, schema: Schema) -> Any:
    """The input columns as a pandas frame; missing values are NaN or None."""
    schema.require("input", "a model")
    return rows.select_columns(list(schema.input)).to_pandas()


def dated_table(rows: Dataset, schema: Schema) -> Any:
    """The same frame with dates and times as days since 1970: numbers to a model that knows no calendar."""
    import pandas as pd

    frame = table_of(rows, schema)
    for column, kind in rows.features.items():
        if column in frame and str(getattr(kind, "dtype", "")).startswith(("date", "timestamp")):
            frame[column] = (pd.to_datetime(frame[column]) - pd.Timestamp(0)) / pd.Timedelta(days=1)
    return frame


def texts(rows: Dataset, schema: Schema) -> list[str]:
    """The input columns of each row as one text."""
    from evenhand.pretrained.text import texts_of

    return texts_of(rows, schema)


def thumbnails(rows: Dataset, schema: Schema) -> np.ndarray:
    """Mean colours of 8 × 8 fields of each image, in [0, 1]: float32 of shape [rows, 192]."""
    from evenhand.pretrained.pictures import pictures

    size = (THUMBNAIL, THUMBNAIL)
    return np.stack([np.asarray(p.resize(size), np.float32).reshape(-1) / 255 for p in pictures(rows, schema)])


def constant(rows: Dataset, schema: Schema) -> np.ndarray:
    """Nothing of a row: zeros of shape [rows, 1]."""
    return np.zeros((len(rows), 1))


VIEWS: dict[str, Callable[[Any, Any], Any]] = {
    "table": table_of,
    "dated_table": dated_table,
    "text": texts,
    "thumbnail": thumbnails,
    "constant": constant,
}
