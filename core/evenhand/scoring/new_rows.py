"""New rows as the model was trained to read them: every input there, of its own type, and nothing guessed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from evenhand.auditing.table.source import open_source
from evenhand.data.image_folders import class_folders, image_column, image_path
from evenhand.data.multilabel import flags_among, labels_of
from evenhand.errors import BadInput, missing_column

if TYPE_CHECKING:
    from evenhand.extending.discovering import Plugins
    from evenhand.recipe import Recipe
    from evenhand.schema import Schema

KINDS = (  # (what a recorded Arrow type begins with, the Polars type, in words)
    (("int", "uint", "float", "double", "halffloat", "decimal"), pl.Float64, "numbers"),
    (("bool",), pl.Boolean, "true or false"),
    (("date",), pl.Date, "dates such as 2026-03-31"),
    (("timestamp",), pl.Datetime, "times such as 2026-03-31 08:00:00"),
)
TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def open_rows(
    source: Any, recipe: Recipe, types: Mapping[str, str], plugins: Plugins, called: str | None = None
) -> tuple[pl.LazyFrame, str]:
    """(the rows of a file, a folder of images or a frame, ready for the model; what they are called in messages).

    `called`: what to call them, where their own name says nothing. Raises BadInput where an input column is missing, or
    holds what its type cannot.
    """
    frame, where, text = _opened(source, recipe)
    where = called or where
    prepared = plugins.first_or_none(recipe, "prepare_rows", recipe=recipe, rows=frame)
    frame = frame if prepared is None else prepared
    names = frame.collect_schema().names()
    for column in recipe.schema.input:
        if column not in names:
            raise missing_column(column, where, names, option="schema.input")
    return _typed(frame, recipe, types, where, text), where


def carried(schema: Schema, names: list[str]) -> list[str]:
    """The columns that go along with the scores: those with a role, without inputs that have no other one."""
    roles = [column for role, column in schema.columns() if role not in ("input", "split", "score", "prediction")]
    return [name for name in dict.fromkeys(roles) if name in names]


def with_flags_of(rows: pl.DataFrame, column: str, labels: tuple[str, ...]) -> pl.DataFrame:
    """The rows with a column of 0 and 1 for each of the labels that training knew, in place of one of lists."""
    each = [
        [] if value in (None, "") else labels_of(value, row, column, "the new rows")
        for row, value in enumerate(rows[column].to_list(), start=1)
    ]
    names = [name.removeprefix(f"{column}: ") for name in labels]
    return rows.drop(column).with_columns(
        pl.Series(name, flags) for name, flags in flags_among(each, names, labels).items()
    )


def _opened(source: Any, recipe: Recipe) -> tuple[pl.LazyFrame, str, bool]:
    """(rows, name, whether every column is still text)."""
    if isinstance(source, str | Path) and Path(source).is_dir():
        return _folder(Path(source), recipe)
    opened = open_source(source)
    native: Any = opened.frame.to_native()
    if not isinstance(native, pl.LazyFrame):
        collected = opened.frame.collect()
        native = pl.LazyFrame(pl.from_arrow(collected.to_arrow()))
    if isinstance(source, str | Path) and recipe.modality == "image":
        native = _with_paths(native.collect(), Path(source), recipe.schema).lazy()
    return native, opened.where, opened.text


def _folder(folder: Path, recipe: Recipe) -> tuple[pl.LazyFrame, str, bool]:
    if recipe.modality != "image":
        raise BadInput(f"{folder} is a folder; name the file of new rows in it (--data)")
    table = folder / "metadata.csv"
    if table.is_file():
        opened = open_source(table)
        native: Any = opened.frame.to_native()
        return _with_paths(native.collect(), table, recipe.schema).lazy(), str(folder), True
    return class_folders(folder, recipe.schema).lazy(), str(folder), False


def _with_paths(frame: pl.DataFrame, table: Path, schema: Schema) -> pl.DataFrame:
    column = image_column(frame, schema)
    if column is None:
        return frame
    paths = [image_path(table.parent, name, table) for name in frame[column]]
    return frame.with_columns(pl.Series(schema.input[0] if schema.input else column, paths, dtype=pl.String))


def _typed(frame: pl.LazyFrame, recipe: Recipe, types: Mapping[str, str], where: str, text: bool) -> pl.LazyFrame:
    """The inputs in the types that training saw; a value that cannot be is refused with its row."""
    if recipe.modality == "text":
        schema = frame.collect_schema()
        for column in recipe.schema.input:
            if schema[column].is_nested():
                raise BadInput(
                    f"the input column '{column}' of {where} holds lists or structures, and the model reads texts; join"
                    " the words of each row to one text"
                )
    if recipe.modality != "table":
        return frame
    schema = frame.collect_schema()
    casts: dict[str, pl.Expr] = {}
    understood: dict[str, str] = {}  # of each column that must be understood: what its values are, in words
    for column in recipe.schema.input:
        wanted = meant(types.get(column, ""))
        if wanted is None:
            if text or schema[column] not in (pl.String, pl.Categorical):
                casts[column] = pl.col(column).cast(pl.String)
        elif schema[column] != wanted[0] and not (schema[column].is_numeric() and wanted[0] == pl.Float64):
            casts[column], understood[column] = _cast(column, schema[column], wanted[0]), wanted[1]
    _check(frame, {column: casts[column] for column in understood}, understood, where)
    return frame.with_columns(expression.alias(column) for column, expression in casts.items())


def meant(recorded: str) -> tuple[Any, str] | None:
    """(Polars type, in words) of a recorded type; None for text, and for what was not recorded."""
    return next(((kind, words) for starts, kind, words in KINDS if recorded.startswith(starts)), None)


def _cast(column: str, found: pl.DataType, wanted: Any) -> pl.Expr:
    if found != pl.String:
        return pl.col(column).cast(wanted, strict=False)
    stripped = pl.col(column).str.strip_chars()
    stripped = pl.when(stripped == "").then(None).otherwise(stripped)
    if wanted == pl.Boolean:
        return stripped.str.to_lowercase().replace_strict(TRUTH, default=None, return_dtype=pl.Boolean)
    if wanted in (pl.Date, pl.Datetime):
        return stripped.str.to_datetime(strict=False).cast(wanted)
    return stripped.cast(wanted, strict=False)


def _check(frame: pl.LazyFrame, casts: Mapping[str, pl.Expr], meant: Mapping[str, str], where: str) -> None:
    """BadInput for the first value that is there and cannot be what its column means; one pass over the rows."""
    if not casts:
        return
    row, asked = pl.int_range(1, pl.len() + 1), []
    for column, cast in casts.items():
        empty = pl.col(column).is_null() | (pl.col(column).cast(pl.String).str.strip_chars() == "")
        bad = cast.is_null() & ~empty
        asked += [row.filter(bad).first().alias(f"{column} row"), pl.col(column).filter(bad).first().alias(column)]
    found = frame.select(asked).collect(engine="streaming").row(0, named=True)
    for column in casts:
        if found[f"{column} row"] is not None:
            value, row = str(found[column])[:40], found[f"{column} row"]
            raise BadInput(
                f"column '{column}' of {where} holds '{value}' in row {row:,}, and the model was"
                f" trained on {meant[column]} there; mend the column"
            )


def as_given(table: pl.DataFrame, like: Any) -> Any:
    """The table in the library that `like` is of: pandas, Polars, Arrow or another that narwhals knows; of a file,
    Polars."""
    if isinstance(like, str | Path):
        return table
    given = nw.from_native(like)
    if given.implementation.is_polars():
        return table
    return nw.from_arrow(table.to_arrow(), backend=given.implementation).to_native()
