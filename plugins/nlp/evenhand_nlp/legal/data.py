"""Reads clauses and puts beside each how it is worded; neighbours in a document stay in one split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Recipe, Splits, read_splits, splits_from_rows
from evenhand_nlp.legal.samples import contracts
from evenhand_nlp.legal.wording import COLUMNS, columns
from evenhand_nlp.support import as_text


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """The source's rows (None: simulated contracts), each with the columns that its text tells."""
    schema = recipe.schema
    bare = schema.model_copy(update={"sensitive": tuple(name for name in schema.sensitive if name not in COLUMNS)})
    reading = recipe.model_copy(update={"schema_": bare})
    if source is None:
        splits = splits_from_rows(reading, contracts(recipe.seed), "simulated contracts")
    else:
        splits = read_splits(reading, source)
    texts = [str(name) for name in splits.schema.input]
    wanted = [name for name in schema.sensitive if name in COLUMNS and not _brought(splits, name)]

    def made(rows: Any) -> dict[str, list[str]]:
        return columns(
            wanted, (" ".join(map(as_text, row)) for row in zip(*(rows[name] for name in texts), strict=True))
        )

    return splits.map_columns(made).with_schema(splits.schema.model_copy(update={"sensitive": schema.sensitive}))


def prepare(recipe: Recipe, rows: Any) -> Any:
    """New rows (a Polars LazyFrame) with the same columns."""
    import polars as pl

    names = rows.collect_schema().names()
    texts = [str(name) for name in recipe.schema.input]
    wanted = [name for name in recipe.schema.sensitive if name in COLUMNS and name not in names]
    if not wanted or any(name not in names for name in texts):
        return None
    frame = rows.collect()
    read = (" ".join(map(as_text, row)) for row in frame.select(texts).iter_rows())
    return frame.with_columns(pl.Series(name, values) for name, values in columns(wanted, read).items()).lazy()


def _brought(splits: Splits, name: str) -> bool:
    return all(name in part.column_names for part in (splits.train, splits.validation, splits.test))
