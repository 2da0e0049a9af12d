"""The five real tables on which the tabular backbone is measured, split once into a half to choose by and a half to
report.

Traps of these files (shared/data/TRAPS.md) are heeded here: late decisions, survey weights, identifiers and dead
patients' encounters are out, and all encounters of a patient fall on one side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

SHARE = 0.6  # of the units that may be trained on or chosen by; the others are only ever reported on


@dataclass(frozen=True, slots=True)
class RealTable:
    """A set as the benchmark sees it."""

    name: str
    columns: pl.DataFrame
    labels: np.ndarray  # 0 or 1
    reported: np.ndarray  # bool: rows that no choice may look at


def load(name: str, data: Path) -> RealTable:
    """One of SETS from the folder of data sets."""
    file, read = SETS[name]
    frame, label, unit, side = read(pl.read_parquet(data / file))
    rng = np.random.default_rng(20_261_125)
    if side is None:
        units = unit.to_numpy() if unit is not None else np.arange(len(frame))
        distinct, position = np.unique(units, return_inverse=True)
        reported = (rng.random(len(distinct)) >= SHARE)[position]
    else:
        reported = side.to_numpy()
    return RealTable(name, frame, label.cast(pl.Int8).to_numpy(), reported)


Parts = tuple[pl.DataFrame, pl.Series, pl.Series | None, pl.Series | None]


def credit(frame: pl.DataFrame) -> Parts:
    """Default in the next month; codes of sex, education and marriage are names, not amounts."""
    codes = pl.col("SEX", "EDUCATION", "MARRIAGE").cast(pl.String)
    columns = frame.drop("ID", "default_payment_next_month").with_columns(codes)
    return columns, frame["default_payment_next_month"] == 1, None, None


def adult(frame: pl.DataFrame) -> Parts:
    """Income above 50,000 US$; the official test rows are the reported ones."""
    columns = frame.drop("fnlwgt", "education", "income", "split")
    return columns, frame["income"] == ">50K", None, frame["split"] == "test"


def hmda(frame: pl.DataFrame) -> Parts:
    """Denial of a mortgage, without the late decision of the insurer."""
    return frame.drop("deny", "insurance"), frame["deny"] == "yes", None, None


def heart(frame: pl.DataFrame) -> Parts:
    """Any disease, in both hospitals; the hospital itself is not told."""
    codes = pl.col("sex", "cp", "fbs", "restecg", "exang", "slope", "thal").cast(pl.Int64).cast(pl.String)
    return frame.drop("row_id", "hospital", "num").with_columns(codes), frame["num"] > 0, None, None


def diabetes(frame: pl.DataFrame) -> Parts:
    """Readmission within 30 days of those discharged alive; diagnoses by their first three signs."""
    frame = frame.filter(~pl.col("discharge_disposition_id").is_in([11, 13, 14, 19, 20, 21]))
    age = pl.col("age").str.extract(r"\[(\d+)-").cast(pl.Int64)
    columns = frame.drop("encounter_id", "patient_nbr", "weight", "readmitted").with_columns(
        age,
        pl.col("admission_type_id", "discharge_disposition_id", "admission_source_id").cast(pl.String),
        pl.col("diag_1", "diag_2", "diag_3").str.slice(0, 3),
    )
    return columns, frame["readmitted"] == "<30", frame["patient_nbr"], None


SETS: dict[str, tuple[str, Callable[[pl.DataFrame], Parts]]] = {
    "credit-taiwan": ("finance/credit-taiwan/credit_taiwan.parquet", credit),
    "adult-income": ("finance/adult-income/adult.parquet", adult),
    "heart-uci": ("healthcare/heart-uci/heart_cleveland_hungarian.parquet", heart),
    "diabetes130": ("healthcare/diabetes130/diabetes130_shared.parquet", diabetes),
    "hmda-boston": ("finance/hmda-boston/hmda_boston.parquet", hmda),
}
