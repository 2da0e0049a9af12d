"""Rows of a request as a table that the run's model may read: known columns, plain finite values, every input there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from evenhand.deploying.serving.body import Row
from evenhand.deploying.serving.refused import Refused
from evenhand.deploying.serving.settings import LONGEST_TEXT
from evenhand.errors import did_you_mean, missing_column
from evenhand.schema import Schema

WHERE = "the request"
IMAGE = pl.Struct({"bytes": pl.Binary, "path": pl.String})
LARGEST_WHOLE = 2**53  # beyond it a float is not that number any more


def frame_of(rows: list[Row], schema: Schema, known: Iterable[str] | None, most: int) -> pl.DataFrame:
    """The rows of one request as a frame. known: the columns that may be there; None: whatever the plugin reads.

    Raises Refused, 422, with the sentence that `evenhand predict` has for the same fault of a file.
    """
    if not rows:
        raise Refused(422, f"{WHERE} has no rows; there is nothing to score")
    if len(rows) > most:
        raise Refused(422, f"{WHERE} has {len(rows):,} rows, and {most:,} are the most; send several requests")
    names = list(dict.fromkeys(name for row in rows for name in row))
    if known is not None:
        _check_names(rows, names, schema, set(known))
    return pl.DataFrame([_series(name, [row.get(name) for row in rows], schema) for name in names])


def known_columns(schema: Schema, types: Mapping[str, str]) -> tuple[str, ...]:
    """The columns that a request may have: those with a role, and what training saw beside them."""
    roles = [column for role, column in schema.columns() if role not in ("score", "prediction", "split")]
    return tuple(dict.fromkeys((*roles, *types)))


def check_texts(rows: list[Row], schema: Schema) -> None:
    """Refused where a row has nothing to read: a model of texts would answer that too, as if it meant something."""
    for number, row in enumerate(rows, start=1):
        if schema.input and all(str(row.get(name) or "").strip() == "" for name in schema.input):
            raise Refused(422, f"row {number:,} of {WHERE} has no text in '{schema.input[0]}'; fill or drop it")


def _check_names(rows: list[Row], names: list[str], schema: Schema, known: set[str]) -> None:
    for name in names:
        if name not in known:
            reads = ", ".join(schema.input[:20])
            raise Refused(
                422,
                f"column '{name[:60]}' of {WHERE} is not one that this model knows; it reads: {reads}."
                f"{did_you_mean(name, known)}",
            )
    for number, row in enumerate(rows, start=1):
        for column in schema.input:
            if column not in row:
                where = WHERE if len(rows) == 1 else f"row {number:,} of {WHERE}"
                raise Refused(422, str(missing_column(column, where, row, option="schema.input")))


def _series(name: str, values: list[Any], schema: Schema) -> pl.Series:
    """One column. Numbers stay; all else becomes text, which is understood, or refused, as a CSV's is."""
    _check_text(name, name)
    if any(isinstance(value, bytes) for value in values):
        return pl.Series(name, [None if v is None else {"bytes": v, "path": None} for v in values], dtype=IMAGE)
    kinds = {type(value) for value in values if value is not None}
    for number, value in enumerate(values, start=1):
        if isinstance(value, list | dict) and not (isinstance(value, list) and name == schema.label):
            what = "a list" if isinstance(value, list) else "a structure"
            raise Refused(422, f"column '{name}' of {WHERE} holds {what} in row {number:,}; send one value per row")
        if isinstance(value, int | float) and not _finite(value):
            raise Refused(
                422,
                f"column '{name}' of {WHERE} holds a number in row {number:,} that is beyond any here; mend the column",
            )
        if isinstance(value, str):
            _check_text(value, name)
    if kinds == {int} and all(v is None or abs(v) <= LARGEST_WHOLE for v in values):
        return pl.Series(name, values, dtype=pl.Int64)
    if kinds and kinds <= {int, float}:
        return pl.Series(name, [None if v is None else float(v) for v in values], dtype=pl.Float64)
    return pl.Series(name, [_as_text(value) for value in values], dtype=pl.String)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        import json

        return json.dumps(value, ensure_ascii=False)
    return None if value is None else str(value)


def _check_text(value: str, column: str) -> None:
    if len(value) > LONGEST_TEXT:
        raise Refused(
            422,
            f"column '{column[:60]}' of {WHERE} holds a text of {len(value):,} characters, and {LONGEST_TEXT:,} are the"
            " most; shorten it",
        )
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused(422, f"{WHERE} holds half of a character (a lone surrogate); send whole characters") from None
