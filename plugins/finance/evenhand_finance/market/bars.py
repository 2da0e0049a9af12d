"""Reads price bars and says in words what is wrong with them, instruments that nobody can hold among it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from evenhand import BadInput, Recipe
from evenhand_finance.fraud.stream import amounts, times

if TYPE_CHECKING:
    import polars as pl

UNTRADABLE = re.compile(r"(^|[^a-z])(\^?vix|vstoxx|vxn|volatility[ _-]?index)([^a-z]|$)", re.IGNORECASE)
TAKEN_BACK = 0.5  # variance ratio over a month, under which a price's moves take themselves back
PRICES = ("open", "high", "low", "close")


def bars_of(recipe: Recipe, rows: pl.DataFrame, where: str) -> tuple[pl.DataFrame, list[str]]:
    """(row, date, instrument, close, implied; by instrument and date), and notes. `row` is the place in `rows`."""
    import polars as pl

    close, time = str(recipe.options.get("close")), recipe.schema.require("time", "bars")
    for column, option in ((close, "options.close"), (time, "schema.time")):
        if column not in rows.columns:
            raise BadInput(
                f"column '{column}' is not in {where}, which has: {', '.join(rows.columns[:20])}; name it with --set"
                f" {option}=COLUMN"
            )
        if rows[column].null_count():
            raise BadInput(f"{rows[column].null_count():,} bars of {where} have no '{column}'; fill or drop them")
    implied, notes = _implied(recipe, rows, where)
    bars = rows.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
        times(rows[time], where).dt.date().alias("date"),
        _instrument(recipe, rows, where),
        amounts(rows[close], where).alias("close"),
        implied,
    )
    _check_range(recipe, rows, where)
    back = bars.select((pl.col("date").diff().over("instrument") < pl.duration(days=0)).sum()).item()
    if back:
        notes.append(f"sorted by date, as it went backwards: {back:,} of {bars.height:,} bars of {where}")
    bars = bars.sort("instrument", "date", maintain_order=True)
    _check(bars, close, where)
    return bars, notes


def _instrument(recipe: Recipe, rows: pl.DataFrame, where: str) -> pl.Series:
    """What each bar is a price of: the column that options.instrument names, else the name of the file."""
    import polars as pl

    column = recipe.options.get("instrument")
    if column in rows.columns:
        return rows[column].cast(pl.String).fill_null("(missing)").alias("instrument")
    return pl.Series("instrument", [Path(where).stem] * rows.height, dtype=pl.String)


def _implied(recipe: Recipe, rows: pl.DataFrame, where: str) -> tuple[pl.Series, list[str]]:
    import polars as pl

    column = recipe.options.get("implied")
    if column not in rows.columns:
        note = f"{where} has no column '{column}' (options.implied): the past month's variance stands in its place"
        return pl.Series("implied", [None] * rows.height, dtype=pl.Float64), [note]
    return rows[column].cast(pl.Float64, strict=False).alias("implied"), []


def _check_range(recipe: Recipe, rows: pl.DataFrame, where: str) -> None:
    """Where a bar has all four prices, the high is the highest and the low the lowest of them."""
    import polars as pl

    names = [str(recipe.options.get(name)) for name in PRICES]
    if not set(names) <= set(rows.columns):
        return
    prices = pl.DataFrame(
        [amounts(rows[column], where).alias(name) for name, column in zip(PRICES, names, strict=True)]
    )
    slack = 1e-9 * pl.col("high").abs()
    wrong = prices.with_row_index("row").filter(
        (pl.col("high") + slack < pl.max_horizontal("open", "close"))
        | (pl.col("low") - slack > pl.min_horizontal("open", "close"))
    )
    if wrong.height:
        one = wrong.row(0, named=True)
        raise BadInput(
            f"row {one['row'] + 1:,} of {where} opens at {one['open']:g} and closes at {one['close']:g}, outside its"
            f" own low {one['low']:g} and high {one['high']:g}; mend or drop that bar"
        )


def _check(bars: pl.DataFrame, column: str, where: str) -> None:
    import polars as pl

    twice = bars.filter(pl.struct("instrument", "date").is_duplicated())
    if twice.height:
        raise BadInput(
            f"{where} has more than one bar of {twice['instrument'][0]} on {twice['date'][0]}; name the column that"
            " tells instruments apart (--set options.instrument=COLUMN), or keep one bar a day"
        )
    low = bars.filter(pl.col("close") <= 0)
    if low.height:
        raise BadInput(
            f"the price {low['close'][0]:g} of {low['instrument'][0]} on {low['date'][0]} (column '{column}' of"
            f" {where}) is not above 0, so it has no return; leave that bar out"
        )


def tradable(recipe: Recipe, bars: pl.DataFrame) -> list[str]:
    """Notes on instruments that were allowed though nobody can hold them; BadInput for one that was not."""
    notes = []
    for (name,), own in bars.group_by("instrument", maintain_order=True):
        why = untradable(str(name), own["close"])
        if not why:
            continue
        if name not in (recipe.options.get("allow") or []):
            setting = shlex.quote(f"options.allow={json.dumps([name], ensure_ascii=False)}")
            raise BadInput(
                f"{name} cannot be traded: {why}; leave it out, or allow it with --set {setting}, and trust no profit"
                " on it"
            )
        notes.append(f"{name} cannot be traded ({why}): no profit on it could have been had")
    return notes


def untradable(name: str, close: pl.Series) -> str:
    """Why nobody can hold the instrument, or ""."""
    if UNTRADABLE.search(name):
        return "it is an index of volatility, a number that is computed and not sold"
    ratio = variance_ratio(close)
    if ratio < TAKEN_BACK:
        return f"its moves take themselves back (variance ratio over a month {ratio:.2f}), as no price at a market does"
    return ""


def variance_ratio(close: pl.Series, days: int = 22) -> float:
    """Variance of moves over `days`, as a multiple of that of a random walk: 1 where moves are independent."""
    moves = close.log().diff().drop_nulls()
    if len(moves) < 10 * days:
        return 1.0
    spread = float(moves.var() or 0)  # type: ignore[arg-type]
    sums = moves.rolling_sum(days).drop_nulls().var()
    return float(sums) / (days * spread) if spread else 1.0  # type: ignore[arg-type]
