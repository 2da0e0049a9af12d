"""Loads price bars for the market recipes and divides their days, purged and with an embargo at each border."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evenhand import BadInput, Recipe, Splits
from evenhand_finance.fraud.stream import read
from evenhand_finance.market.bars import bars_of, tradable
from evenhand_finance.market.features import FEATURES, LABELS, PLACE, with_features

if TYPE_CHECKING:
    import polars as pl
    from datasets import Dataset

LEAST = 250  # days to learn from
SIMULATED = "the bars are simulated, with directions drawn by chance, and are no evidence about any market"


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """The bars (None: the simulated sample) as days to learn from, to choose by and to be tested on."""
    if source is None:
        from evenhand_finance.fraud.samples import content_of
        from evenhand_finance.market.samples import bars

        rows, where = bars(recipe.seed), "simulated bars"
        content, notes = content_of(rows), [SIMULATED]
    else:
        rows, content = read(Path(source))
        where, notes = str(source), []
    check_recipe(recipe)
    found, told = bars_of(recipe, rows, where)
    label = recipe.schema.require("label", "training")
    if label == "next_return":
        told += tradable(recipe, found)
    made = with_features(found, whole_number(recipe, "horizon")).drop_nulls([*FEATURES, *PLACE, label])
    parts, days = divide(recipe, made, where)
    kept = [*PLACE, *FEATURES, label]
    schema = recipe.schema.model_copy(update={"time": "date"})
    datasets = {name: _dataset(part.select(kept)) for name, part in parts.items()}
    return Splits(**datasets, schema=schema, source=where, fingerprint=content, notes=(*notes, *told, *days))


def check_recipe(recipe: Recipe) -> None:
    """BadInput for a label, an input or a horizon that no market recipe has."""
    label = recipe.schema.require("label", "training")
    if label not in LABELS:
        raise BadInput(f"schema.label is '{label}'; a market recipe forecasts {' or '.join(LABELS)}")
    strange = [column for column in recipe.schema.input if column not in (*FEATURES, *PLACE)]
    if strange:
        raise BadInput(
            f"the input '{strange[0]}' is none of those that are computed from bars ({', '.join(FEATURES)}), and a"
            " column of the source may know what came later; leave it out of schema.input"
        )
    absent = [column for column in (*PLACE, "r_1", "rv_22") if column not in recipe.schema.input]
    if absent:
        raise BadInput(f"schema.input lacks '{absent[0]}', by which the walk forward goes on; put it back")
    if label == "next_return" and whole_number(recipe, "horizon") != 1:
        raise BadInput(
            f"options.horizon is {recipe.options['horizon']}, and positions are taken anew each day; set it to 1"
        )


def prepare(recipe: Recipe, rows: pl.LazyFrame) -> pl.LazyFrame:
    """New bars with their features, in the order they came; give history too, since only what is there is looked at."""
    frame = rows.collect()
    found, _ = bars_of(recipe, frame, "the new bars")
    made = with_features(found, whole_number(recipe, "horizon")).sort("row").select(*PLACE, *FEATURES)
    return frame.drop(column for column in made.columns if column in frame.columns).hstack(made).lazy()


def divide(recipe: Recipe, made: pl.DataFrame, where: str) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """(train, validation, test; notes). A label that reaches over a border is purged; `embargo` days go after it."""
    import polars as pl

    days = made["date"].unique().sort()
    embargo = whole_number(recipe, "embargo")
    test, validation = (_share(recipe, name) for name in ("test", "validation"))
    second = round(len(days) * (1 - test))
    first = round(second * (1 - validation))
    if first < LEAST or len(days) - second < 50 + embargo or second - first < 50 + embargo:
        raise BadInput(
            f"{where} leaves {first} days to learn from, {second - first} to choose by and {len(days) - second} to test"
            f" on; at least {LEAST}, {50 + embargo} and {50 + embargo} are needed: give more bars, or set options.test"
            " and options.validation"
        )
    day, last = pl.col("date"), pl.col("last")
    parts = {
        "train": made.filter(last < days[first]),
        "validation": made.filter((day >= days[first + embargo]) & (last < days[second])),
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


def _dataset(part: pl.DataFrame) -> Dataset:
    import polars as pl
    from datasets import Dataset

    return Dataset(part.sort("date", "instrument").to_arrow(compat_level=pl.CompatLevel.oldest()))
