"""A Spark frame scored where its rows lie: rows reach the workers through mapInArrow, a batch at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    import pyarrow as pa

OLDEST = pl.CompatLevel.oldest()  # strings as every reader of Arrow knows them
Work = Callable[[pl.DataFrame], Iterable[pl.DataFrame]]


def is_spark(frame: Any) -> bool:
    """Whether this is a frame of PySpark, classic or by Spark Connect."""
    return type(frame).__module__.startswith("pyspark.sql")


def without_rows(frame: Any) -> pl.DataFrame:
    """The columns of a Spark frame in Polars' types."""
    nothing: Any = pl.from_arrow(frame.limit(0).toArrow())
    return pl.DataFrame(nothing)


def mapped(frame: Any, work: Work, gives: pl.DataFrame) -> Any:
    """The Spark frame of what `work` makes of the rows; nothing is computed until somebody asks for them.

    work: what Spark can send to its workers. gives: a table without rows that has the columns it makes.
    """
    made = gives.to_arrow(compat_level=OLDEST)
    kinds = frame.sparkSession.createDataFrame(made).schema
    return frame.mapInArrow(functools.partial(_each, work, made.schema), kinds)


def _each(work: Work, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What a worker does with its rows."""
    for batch in batches:
        if batch.num_rows:
            for part in work(pl.DataFrame(pl.from_arrow(batch))):
                yield from part.to_arrow(compat_level=OLDEST).cast(schema).to_batches()
