"""Reads a stream of card transactions and says in words what is wrong with it; what comes out is sorted and typed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand import BadInput, Recipe

if TYPE_CHECKING:
    import polars as pl

LEAST_YEAR_FIRST = r"^\s*\d{4}\D"  # 01/02/2026 is January here and February there


def read(path: Path) -> tuple[pl.DataFrame, str]:
    """(the table in a CSV, Parquet or JSON-lines file, with a CSV's columns as text; the sha256 of the file)."""
    import polars as pl

    if not path.is_file():
        raise BadInput(f"'{path}' is no file; name a CSV, Parquet or JSON-lines file of transactions (--data)")
    readers = {
        ".parquet": pl.read_parquet,
        ".pq": pl.read_parquet,
        ".jsonl": pl.read_ndjson,
        ".ndjson": pl.read_ndjson,
        ".csv": lambda file: pl.read_csv(file, infer_schema=False),
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BadInput(f"{path} is none of {', '.join(readers)}; save the transactions as one of them (--data)")
    try:
        frame = reader(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        why = " ".join(str(error).split())[:200]
        raise BadInput(f"{path} cannot be read ({why}); write it again (--data)") from None
    if frame.height == 0:
        raise BadInput(f"{path} has no rows; give a stream of transactions (--data)")
    with path.open("rb") as file:
        return frame, hashlib.file_digest(file, "sha256").hexdigest()


def stream_of(recipe: Recipe, rows: pl.DataFrame, where: str) -> pl.DataFrame:
    """customer, terminal, time, amount, fraud (1, 0 or null) and `row`, the place in `rows`; in time order.

    A label column that is not there leaves fraud null throughout: new transactions have none yet.
    """
    import polars as pl

    roles = {"customer": role(recipe, "customer"), "terminal": role(recipe, "terminal")}
    names = {**roles, "amount": role(recipe, "amount"), "time": recipe.schema.require("time", "a stream")}
    for what, column in names.items():
        option = "schema.time" if what == "time" else f"options.{what}"
        if column not in rows.columns:
            raise BadInput(
                f"column '{column}' is not in {where}, which has: {', '.join(rows.columns[:20])}; name the {what} with"
                f" --set {option}=COLUMN"
            )
        if rows[column].null_count():
            raise BadInput(
                f"{rows[column].null_count():,} rows of {where} have no {what} (column '{column}'); fill or drop them"
            )
    made = rows.select(
        *(pl.col(column).cast(pl.String).rank("dense").cast(pl.Int64).alias(what) for what, column in roles.items()),
        times(rows[names["time"]], where),
        amounts(rows[names["amount"]], where),
        fraud_of(recipe, rows, where),
    )
    return made.with_row_index("row").sort("time", maintain_order=True)


def role(recipe: Recipe, name: str) -> str:
    """The column that `options` names for a part of a transaction."""
    column = recipe.options.get(name)
    if not isinstance(column, str) or not column:
        raise BadInput(f"options.{name} names no column; set it with --set options.{name}=COLUMN")
    return column


def times(column: pl.Series, where: str) -> pl.Series:
    """Moments as the column `time`; BadInput for a text that is none."""
    import polars as pl

    found = column
    if column.dtype == pl.String:
        found = column.str.to_datetime(strict=False, time_unit="us")
        bad = column.filter(found.is_null() | ~column.str.contains(LEAST_YEAR_FIRST))
        if bad.len():
            raise BadInput(
                f"the time '{str(bad[0])[:40]}' in column '{column.name}' of {where} cannot be read; write times as"
                " 2026-11-23T18:30:00"
            )
    if not found.dtype.is_temporal():
        raise BadInput(f"column '{column.name}' of {where} holds no times; write them as 2026-11-23T18:30:00")
    return found.cast(pl.Datetime("us")).alias("time")


def amounts(column: pl.Series, where: str) -> pl.Series:
    """Numbers as the column `amount`, also from texts such as "1,234.50", "1.234,50", "€ 12" or "12.50-".

    The last of , and . is the decimal sign where both occur. Where all texts hold one kind alone, it separates
    thousands only if three digits follow it everywhere, and one text has it twice; else "1,234" could be either.
    """
    import polars as pl

    if column.dtype != pl.String:
        found = column.cast(pl.Float64, strict=False)
        bad = column.filter(~found.is_finite().fill_null(False))
    else:
        bare = column.str.replace_all(r"[^\d.,+\-]", "").str.replace(r"^(.*)-$", "-${1}")
        found = _plain(bare, column, where).cast(pl.Float64, strict=False)
        bad = column.filter(found.is_null() | ~column.str.contains(r"\d"))
    if bad.len():
        raise BadInput(f"the amount {str(bad[0])[:40]!r} in column '{column.name}' of {where} is no number; mend it")
    return found.alias("amount")


def _plain(bare: pl.Series, column: pl.Series, where: str) -> pl.Series:
    """Texts of amounts with the decimal point alone."""
    both = bare.filter(bare.str.contains(",", literal=True) & bare.str.contains(".", literal=True))
    comma_last = both.str.contains(r",\d*$")
    if both.len() and comma_last.any() and not comma_last.all():
        raise BadInput(
            f"the amounts in column '{column.name}' of {where} write decimals both as 1,234.50 and as 1.234,50; write"
            " all alike"
        )
    if both.len():
        thousands, decimal = (".", ",") if comma_last[0] else (",", ".")
    else:
        thousands, decimal = _only_sign(bare, column, where)
    return bare.str.replace_all(thousands, "", literal=True).str.replace_all(decimal, ".", literal=True)


def _only_sign(bare: pl.Series, column: pl.Series, where: str) -> tuple[str, str]:
    """(thousands sign, decimal sign) of amounts of which none holds both."""
    commas = bare.filter(bare.str.contains(",", literal=True))
    if not commas.len():
        return ",", "."
    if commas.str.contains(r",\d*,").any() or bare.str.contains(".", literal=True).any():
        return ",", "."
    if commas.str.contains(r",\d{3}$").all():
        raise BadInput(
            f"the amount {str(column.filter(bare.str.contains(',', literal=True))[0])[:40]!r} in column '{column.name}'"
            f" of {where} may be thousands or a fraction; write decimals with a point and no other sign"
        )
    return ".", ","


def fraud_of(recipe: Recipe, rows: pl.DataFrame, where: str) -> pl.Series:
    """1 and 0 as the column `fraud`, null where nobody has said."""
    import polars as pl

    label, positive = recipe.schema.require("label", "training"), str(recipe.schema.positive)
    if label not in rows.columns:
        return pl.Series("fraud", [None] * rows.height, dtype=pl.Int8)
    said = rows[label].cast(pl.String).str.strip_chars()
    said = said.set(said == "", None)
    values = sorted(said.drop_nulls().unique())
    if len(values) > 2:
        raise BadInput(
            f"the label column '{label}' of {where} has {len(values)} values ({', '.join(values[:5])}, …); fraud or not"
            " is two"
        )
    if values and positive not in values and len(values) == 2:
        raise BadInput(
            f"schema.positive is '{positive}', which is not in the label column '{label}' of {where}; it has"
            f" {', '.join(values)}"
        )
    return (said == positive).cast(pl.Int8).alias("fraud")


def backwards(stream: pl.DataFrame) -> int:
    """How many rows came after a row of a later time."""
    moved: Any = (stream.sort("row")["time"].diff().dt.total_microseconds() < 0).sum()
    return int(moved)
