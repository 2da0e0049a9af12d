"""Readmission of patients with diabetes: the columns of UCI's Diabetes 130-US hospitals, by its own code book.

readmitted_again   yes where `readmitted` is "<30" or ">30" (any later stay), no where it is NO
race, gender       as recorded; empty or "Unknown/Invalid" is unknown
age_band           from the ten-year bands "[70-80)": under 40, 40 to 59, 60 to 79, 80 and over
age                the middle of the band, in years
diag_1 … diag_3    ICD-9 codes, as the nine groups of Strack et al. 2014 (BioMed Research International 2014:781670)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from evenhand import Recipe, Splits
from evenhand_healthcare import derived
from evenhand_healthcare.derived import Rules, band, code, number, text

AGES = (40, 60, 80)
DIAGNOSES = ("diag_1", "diag_2", "diag_3")
CODES = ("discharge_disposition_id", "admission_type_id", "admission_source_id")
GROUPS = (  # (name, first code, one past the last), besides single codes
    ("circulatory", 390, 460),
    ("circulatory", 785, 786),
    ("respiratory", 460, 520),
    ("respiratory", 786, 787),
    ("digestive", 520, 580),
    ("digestive", 787, 788),
    ("diabetes", 250, 251),
    ("injury", 800, 1000),
    ("musculoskeletal", 710, 740),
    ("genitourinary", 580, 630),
    ("genitourinary", 788, 789),
    ("neoplasms", 140, 240),
)
NAMES = {name for name, _, _ in GROUPS} | {"other"}


def columns(recipe: Recipe, names: Sequence[str]) -> list[pl.Expr]:
    """What is made of the columns that are there."""
    made = [code(name).alias(name) for name in CODES if name in names]
    made += [diagnosis(name).alias(name) for name in DIAGNOSES if name in names]
    for name in ("race", "gender"):
        if name in names:
            known = text(name)
            made.append(
                pl.when(known == "Unknown/Invalid").then(None).otherwise(known).fill_null("unknown").alias(name)
            )
    if "age" in names:
        made.append(years("age").alias("age"))
        if "age_band" not in names:
            made.append(band(years("age"), AGES).alias("age_band"))
    if "readmitted" in names and "readmitted_again" not in names:
        said = text("readmitted").str.to_uppercase()
        again = pl.when(said.is_in(["<30", ">30"])).then(pl.lit("yes")).when(said == "NO").then(pl.lit("no"))
        made.append(again.alias("readmitted_again"))
    return made


def years(column: str) -> pl.Expr:
    """The middle of a band such as "[70-80)", or the number that is there."""
    low = text(column).str.extract(r"^\[(\d+)-\d+\)$", 1).cast(pl.Float64)
    high = text(column).str.extract(r"^\[\d+-(\d+)\)$", 1).cast(pl.Float64)
    return ((low + high) / 2).fill_null(number(column))


def diagnosis(column: str) -> pl.Expr:
    """The group of an ICD-9 code; a name of a group stays as it is, codes with letters are other."""
    said, value = text(column), number(column)
    found = pl.when(said.is_null()).then(None).when(said.is_in(sorted(NAMES))).then(said)
    for name, low, high in GROUPS:
        found = found.when((value >= low) & (value < high)).then(pl.lit(name))
    return found.otherwise(pl.lit("other"))


RULES = Rules(
    "readmitted",
    "readmitted_again",
    columns,
    (
        "time_in_hospital",
        "num_lab_procedures",
        "num_procedures",
        "num_medications",
        "number_outpatient",
        "number_emergency",
        "number_inpatient",
        "number_diagnoses",
    ),
    "new_sources",
)


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """See `derived.load`; the sample is simulated and says nothing about people."""
    from evenhand_healthcare.records import SIMULATED, readmission_records

    sample = readmission_records(recipe.seed) if source is None else pl.DataFrame()
    return derived.load(recipe, source, RULES, sample, f"readmission records, {SIMULATED}")


def prepare(recipe: Recipe, rows: pl.LazyFrame) -> pl.LazyFrame:
    """New rows with the same columns."""
    return derived.prepare(recipe, rows, RULES)
