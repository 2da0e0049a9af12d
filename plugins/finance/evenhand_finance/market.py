"""Loads price bars for the market recipes and divides their days, purged and with an embargo at each border."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand import BadInput, Recipe, Splits
from evenhand_finance.fraud_stream import read
from evenhand_finance.market_bars import FEATURES, LABELS, bars_of, with_features

if TYPE_CHECKING:
    import polars as pl
    from datasets import Dataset

LEAST = 250  # days to learn from


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """The bars (None: the simulated sample) as days to learn from, to choose by and to be tested on."""
    if source is None:
        from evenhand_finance.fraud_samples import content_of
        from evenhand_finance.market_samples import bars

        rows, where = bars(recipe.seed), "simulated bars"
        content = content_of(rows)
    else:
        rows, content = read(Path(source))
        where = str(source)
    found, notes = bars_of(recipe, rows, where)
    label = recipe.schema.require("label", "training")
    if label not in LABELS:
        raise BadInput(f"schema.label is '{label}'; a market recipe forecasts {' or '.join(LABELS)}")
    strange = [column for column in recipe.schema.input if column not in FEATURES]
    if strange:
        raise BadInput(
            f"the input '{strange[0]}' is none of those that are computed from bars ({', '.join(FEATURES)}), and a"
            " column of the source may know what came later; leave it out of schema.input"
        )
    made = with_features(found, whole_number(recipe, "horizon")).drop_nulls([label])
    parts, told = divide(recipe, made, where)
    datasets = {name: _dataset(part.drop("last")) for name, part in parts.items()}
    return Splits(**datasets, schema=recipe.schema, source=where, fingerprint=content, notes=(*notes, *told))


def prepare(recipe: Recipe, rows: pl.LazyFrame) -> pl.LazyFrame:
    """New bars with their features, in their order; days without enough history have features that are empty."""
    import polars as pl

    frame = rows.collect()
    found, _ = bars_of(recipe, frame, "the new bars")
    made = with_features(found, whole_number(recipe, "horizon")).select("date", "instrument", "regime", *FEATURES)
    keys = frame.select(
        pl.Series("date", found["date"].to_list()) if False else pl.col(str(recipe.schema.time)).cast(pl.String)
    )
    if keys.height != found.height:
        raise BadInput("the new bars could not be laid beside their features; sort them by instrument and date")
    return found.select("date", "instrument").join(made, on=["date", "instrument"], how="left").lazy()


def divide(recipe: Recipe, made: pl.DataFrame, where: str) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """(train, validation, test; notes). A label that reaches over a border is purged, and `embargo` days go after it."""
    import polars as pl

    days = made["date"].unique().sort()
    embargo = whole_number(recipe, "embargo")
    test, validation = (_share(recipe, name) for name in ("test", "validation"))
    second = round(len(days) * (1 - test))
    first = round(second * (1 - validation))
    if first < LEAST or len(days) - second < 50:
        raise BadInput(
            f"{where} leaves {first} days to learn from and {len(days) - second} to test on; at least {LEAST} and 50 are"
            " needed: give more bars, or set options.test and options.validation"
        )
    day, last = pl.col("date"), pl.col("last")
    parts = {
        "train": made.filter(last < days[first]),
        "validation": made.filter((day >= days[min(first + embargo, second)]) & (last < days[second])),
        "test": made.filter(day >= days[second + embargo]),
    }
    gone = made.height - sum(part.height for part in parts.values())
    spans = ", ".join(f"{name} {part['date'].min()} to {part['date'].max()}" for name, part in parts.items())
    return parts, [f"days: {spans}; {gone} bars at the borders purged or under embargo"]


def whole_number(recipe: Recipe, name: str) -> int:
    """An option that counts days."""
    value = recipe.options.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadInput(f"options.{name} is {value!r}; give a whole number of 1 or more (--set options.{name}=5)")
    return value


def _share(recipe: Recipe, name: str) -> float:
    value = recipe.options.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise BadInput(f"options.{name} is {value!r}; give a share between 0 and 1 (--set options.{name}=0.4)")
    return float(value)


def _dataset(part: Any) -> Dataset:
    import polars as pl
    from datasets import Dataset

    return Dataset(part.sort("date", "instrument").to_arrow(compat_level=pl.CompatLevel.oldest()))
