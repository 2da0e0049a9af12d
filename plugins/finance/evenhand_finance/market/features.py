"""What is known of an instrument at the end of each day, and the label that the days after it bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

LABELS = ("next_return", "next_variance")
PLACE = ("date", "instrument", "regime")  # inputs that say when and of what a row is
FEATURES = (
    *("r_1", "r_5", "r_22", "r_63", "z_22"),  # returns of the last days, in percent; the last one against its month
    *("rv_1", "rv_5", "rv_22", "down_1", "down_5"),  # mean squared returns, and those of losses alone
    "implied",  # variance a day that options imply
)
YEAR = 252  # trading days
TWO_YEARS, LEAST = 504, 126  # days that a regime is seen against, and the fewest


def with_features(bars: pl.DataFrame, horizon: int) -> pl.DataFrame:
    """The bars with FEATURES, LABELS, regime, and `last`, the date on which the label is known.

    Every feature of a day is computed from that day and the ones before; the first days lack some.
    """
    import polars as pl

    r = pl.col("r_1")
    down = pl.when(r < 0).then(r**2).when(r.is_not_null()).then(0.0)
    made = bars.with_columns(r_1=100 * pl.col("close").log().diff().over("instrument"))
    made = made.with_columns(
        *(r.rolling_sum(days).over("instrument").alias(f"r_{days}") for days in (5, 22, 63)),
        *((r**2).rolling_mean(days).over("instrument").alias(f"rv_{days}") for days in (5, 22)),
        (r**2).alias("rv_1"),
        down.alias("down_1"),
        down.rolling_mean(5).over("instrument").alias("down_5"),
        _ahead(r, horizon).over("instrument").alias("next_return"),
        (_ahead(r**2, horizon) / horizon).over("instrument").alias("next_variance"),
        pl.col("date").shift(-horizon).over("instrument").alias("last"),
    )
    implied = pl.col("implied").forward_fill().over("instrument") ** 2 / YEAR
    return made.with_columns(
        implied=pl.coalesce(implied, "rv_22"),
        z_22=r / (pl.col("rv_22").sqrt() + 1e-9),
        regime=_regime(),
    )


def _ahead(value: Any, days: int) -> Any:
    """The sum over the next `days` days."""
    import polars as pl

    return pl.sum_horizontal(*(value.shift(-k) for k in range(1, days + 1)), ignore_nulls=False)


def _regime() -> Any:
    """Calm, usual or rough: the month's variance against the thirds of the two years before."""
    import polars as pl

    month = pl.col("rv_22")
    low, high = (
        month.rolling_quantile(share, "linear", TWO_YEARS, min_samples=LEAST).over("instrument")
        for share in (1 / 3, 2 / 3)
    )
    named = pl.when(month <= low).then(pl.lit("calm")).when(month <= high).then(pl.lit("usual"))
    return pl.when(low.is_not_null()).then(named.otherwise(pl.lit("rough")))
