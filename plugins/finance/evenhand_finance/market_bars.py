"""Price bars by instrument, checked, with features that know nothing beyond the day itself and the label after it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand import BadInput, Recipe
from evenhand_finance.fraud_stream import amounts, times

if TYPE_CHECKING:
    import polars as pl

LABELS = ("next_return", "next_variance")
FEATURES = ("r_1", "r_5", "r_22", "r_63", "z_22", "rv_1", "rv_5", "rv_22", "down_1", "down_5", "implied")
UNTRADABLE = re.compile(r"(^|[^a-z])(\^?vix|vstoxx|vxn|volatility[ _-]?index)([^a-z]|$)", re.IGNORECASE)
TAKEN_BACK = 0.5  # variance ratio over a month, under which a price's moves take themselves back
YEAR = 252


def bars_of(recipe: Recipe, rows: pl.DataFrame, where: str) -> tuple[pl.DataFrame, list[str]]:
    """(date, instrument, close, implied where there; by instrument and date), and notes. BadInput as a sentence."""
    import polars as pl

    close, time = str(recipe.options.get("close")), recipe.schema.require("time", "bars")
    for column, option in ((close, "options.close"), (time, "schema.time")):
        if column not in rows.columns:
            raise BadInput(
                f"column '{column}' is not in {where}, which has: {', '.join(rows.columns[:20])}; name it with --set"
                f" {option}=COLUMN"
            )
    name = Path(where).stem
    has = "instrument" in rows.columns
    bars = rows.select(
        times(rows[time], where).dt.date().alias("date"),
        (pl.col("instrument").cast(pl.String) if has else pl.lit(name)).alias("instrument"),
        amounts(rows[close], where).alias("close"),
        _implied(recipe, rows, where),
    )
    notes = _order(bars, where)
    bars = bars.sort("instrument", "date", maintain_order=True)
    _check(bars, close, where)
    return bars, notes + _tradable(recipe, bars)


def _implied(recipe: Recipe, rows: pl.DataFrame, where: str) -> pl.Series:
    import polars as pl

    column = recipe.options.get("implied")
    if column not in rows.columns:
        return pl.Series("implied", [None] * rows.height, dtype=pl.Float64)
    return rows[column].cast(pl.Float64, strict=False).alias("implied")


def _order(bars: pl.DataFrame, where: str) -> list[str]:
    import polars as pl

    back = bars.select((pl.col("date").diff().over("instrument") < pl.duration(days=0)).sum()).item()
    return [f"sorted by date, as it went backwards: {back:,} of {bars.height:,} bars of {where}"] if back else []


def _check(bars: pl.DataFrame, column: str, where: str) -> None:
    import polars as pl

    twice = bars.filter(pl.struct("instrument", "date").is_duplicated())
    if twice.height:
        raise BadInput(
            f"{where} has more than one bar of {twice['instrument'][0]} on {twice['date'][0]}; name the instrument in a"
            " column 'instrument', or keep one bar a day"
        )
    low = bars.filter(pl.col("close") <= 0)
    if low.height:
        raise BadInput(
            f"the price {low['close'][0]:g} of {low['instrument'][0]} on {low['date'][0]} (column '{column}' of"
            f" {where}) is not above 0, so it has no return; leave that bar out"
        )


def _tradable(recipe: Recipe, bars: pl.DataFrame) -> list[str]:
    """Notes on instruments that were allowed though nobody can hold them; BadInput for one that was not."""
    notes = []
    for (name,), own in bars.group_by("instrument", maintain_order=True):
        why = untradable(str(name), own["close"])
        if not why:
            continue
        if name not in (recipe.options.get("allow") or []):
            raise BadInput(
                f"{name} cannot be traded: {why}; leave it out, or allow it with --set 'options.allow=[\"{name}\"]',"
                " and trust no profit on it"
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
    spread = float(moves.var() or 0)
    return float(moves.rolling_sum(days).drop_nulls().var()) / (days * spread) if spread else 1.0


def with_features(bars: pl.DataFrame, horizon: int) -> pl.DataFrame:
    """The bars with FEATURES, LABELS, regime, and `last`, the date on which the label is known."""
    import polars as pl

    r = pl.col("r")
    down = pl.when(r < 0).then(r**2).otherwise(0.0)
    made = bars.with_columns(r=(100 * pl.col("close").log().diff().over("instrument")))
    sums = [r.rolling_sum(days).over("instrument").alias(f"r_{days}") for days in (5, 22, 63)]
    means = [(r**2).rolling_mean(days).over("instrument").alias(f"rv_{days}") for days in (5, 22)]
    made = made.with_columns(
        r.alias("r_1"),
        *sums,
        (r**2).alias("rv_1"),
        *means,
        down.alias("down_1"),
        down.rolling_mean(5).over("instrument").alias("down_5"),
        _ahead(r, horizon).alias("next_return"),
        _ahead(r**2, horizon, mean=True).alias("next_variance"),
        pl.col("date").shift(-horizon).over("instrument").alias("last"),
    )
    implied = pl.col("implied").forward_fill().over("instrument") ** 2 / YEAR
    made = made.with_columns(
        implied=pl.coalesce(implied, "rv_22"), z_22=pl.col("r_1") / (pl.col("rv_22").sqrt() + 1e-9)
    )
    return made.with_columns(regime=_regime()).drop_nulls(["r_63", "rv_22", "regime"]).drop("r")


def _ahead(value: Any, days: int, mean: bool = False) -> Any:
    """The sum or mean over the next `days` days."""
    import polars as pl

    total = pl.sum_horizontal(*(value.shift(-k) for k in range(1, days + 1)), ignore_nulls=False)
    return ((total / days) if mean else total).over("instrument")


def _regime() -> Any:
    """Calm, usual or rough: the month's variance against the thirds of the two years before."""
    import polars as pl

    low, high = (
        pl.col("rv_22").rolling_quantile(share, "linear", 504, min_samples=126).over("instrument")
        for share in (1 / 3, 2 / 3)
    )
    month = pl.col("rv_22")
    return (
        pl.when(low.is_null())
        .then(None)
        .when(month <= low)
        .then(pl.lit("calm"))
        .when(month <= high)
        .then(pl.lit("usual"))
        .otherwise(pl.lit("rough"))
    )
