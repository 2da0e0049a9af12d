"""Heart disease from routine records over hospitals: the columns of UCI's Heart Disease, by its own code book.

disease   yes where `num` (the diagnosis, 0 to 4) is above 0
sex       1 male, 0 female; words as they are; anything else is unknown
age_band  under 45, 45 to 54, 55 to 64, 65 and over
chol, trestbps   0 means that nobody measured it
cp, restecg, slope, thal   codes of the code book, which stand for names
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from evenhand import Recipe, Splits
from evenhand_healthcare import derived
from evenhand_healthcare.derived import Rules, band, code, number, text

SEX = {"1": "male", "1.0": "male", "m": "male", "male": "male", "0": "female", "0.0": "female", "f": "female"}
AGES = (45, 55, 65)
CODES = ("cp", "restecg", "slope", "thal")
NEVER_ZERO = ("chol", "trestbps")


def columns(recipe: Recipe, names: Sequence[str]) -> list[pl.Expr]:
    """What is made of the columns that are there."""
    made = [code(name).alias(name) for name in CODES if name in names]
    made += [pl.when(number(n) != 0).then(number(n)).otherwise(None).alias(n) for n in NEVER_ZERO if n in names]
    if "sex" in names:
        known = text("sex").str.to_lowercase().replace_strict({**SEX, "female": "female"}, default="unknown")
        made.append(known.fill_null("unknown").alias("sex"))
    if "age" in names and "age_band" not in names:
        made.append(band(number("age"), AGES).alias("age_band"))
    if "num" in names and "disease" not in names:
        sick = pl.when(number("num") > 0).then(pl.lit("yes")).when(number("num") == 0).then(pl.lit("no"))
        made.append(sick.alias("disease"))
    return made


RULES = Rules(
    "num",
    "disease",
    columns,
    ("age", "trestbps", "chol", "fbs", "thalach", "exang", "oldpeak", "ca", *CODES),
    "new_hospitals",
)


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """See `derived.load`; the sample is simulated and says nothing about people."""
    from evenhand_healthcare.records import SIMULATED, heart_records

    sample = heart_records(recipe.seed) if source is None else pl.DataFrame()
    return derived.load(recipe, source, RULES, sample, f"heart records, {SIMULATED}")


def prepare(recipe: Recipe, rows: pl.LazyFrame) -> pl.LazyFrame:
    """New rows with the same columns."""
    return derived.prepare(recipe, rows, RULES)
