"""Simulated patient records with planted, documented bias: everything runs offline, and nothing is said about people.

`python -m evenhand_healthcare.records heart harbour.csv` writes rows of the new hospital, for `evenhand adapt`.

Planted in heart records
- In women the signs tell WEAKER_SIGNS times as much of the disease, so that a model misses more sick women.
- Hospitals differ: disease is rarer or more frequent, columns are missing, one measures blood pressure 8 mm Hg higher.
- At the new hospital (`harbour`) disease is rarer than at any other: a threshold from elsewhere is wrong there.

Planted in readmission records
- Of earlier stays of African American patients only SEEN_STAYS are on record (they were elsewhere), so that a model
  misses more of their readmissions; the truth is the same for all races.
- Patients who come by the emergency room (source 7) return more often than their records say.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import polars as pl

SIMULATED = "simulated: no evidence about people"
WEAKER_SIGNS = 0.3
SEEN_STAYS = 0.15


@dataclass(frozen=True, slots=True)
class Hospital:
    """Where heart records come from. sick: share of sick patients; missing: share of empty cells by column."""

    name: str
    sick: float
    missing: dict[str, float]
    pressure: float = 0.0  # mm Hg that its device shows too much


HOSPITALS = (
    Hospital("riverside", 0.46, {"ca": 0.02, "thal": 0.01}),
    Hospital("hillcrest", 0.38, {"ca": 0.6, "thal": 0.4, "slope": 0.3}, pressure=8.0),
    Hospital("lakeside", 0.60, {"chol": 0.5, "ca": 0.8, "slope": 0.5, "fbs": 0.2}),
)
HARBOUR = Hospital("harbour", 0.22, {"ca": 0.95, "thal": 0.9, "slope": 0.65, "chol": 0.1}, pressure=4.0)


def heart_records(seed: int, rows: int = 500) -> pl.DataFrame:
    """So many patients of each of four hospitals; `harbour` is the recipe's new one."""
    rng = np.random.default_rng([seed, 1])
    return pl.concat([_hospital(rng, hospital, rows) for hospital in (*HOSPITALS, HARBOUR)])


def heart_site(seed: int, rows: int = 400) -> pl.DataFrame:
    """Other patients of the new hospital."""
    return _hospital(np.random.default_rng([seed, 2]), HARBOUR, rows)


def _hospital(rng: np.random.Generator, hospital: Hospital, rows: int) -> pl.DataFrame:
    female = rng.random(rows) < 0.45
    age = np.clip(rng.normal(54, 10, rows), 28, 85).round()
    sick = rng.random(rows) < np.clip(hospital.sick + 0.006 * (age - 54), 0.03, 0.95)
    told = sick * np.where(female, WEAKER_SIGNS, 1.0)  # how much the signs say
    noise = rng.normal(size=(9, rows))
    pain = np.digitize(1.9 * told + noise[0], [-0.6, 0.3, 1.1])
    table = {
        "hospital": [hospital.name] * rows,
        "age": age,
        "sex": np.where(female, 0, 1),
        "cp": pain + 1,
        "trestbps": (130 + 5 * told + 0.3 * (age - 54) + 16 * noise[1] + hospital.pressure).round(),
        "chol": (238 + 14 * told + 48 * noise[2]).round(),
        "fbs": (noise[3] > 1.05).astype(int),
        "restecg": np.digitize(0.5 * told + noise[4], [0.4, 1.6]),
        "thalach": (160 - 0.7 * (age - 54) - 18 * told + 18 * noise[5]).round(),
        "exang": (1.5 * told + noise[6] > 0.9).astype(int),
        "oldpeak": np.clip(0.6 + 1.1 * told + 0.9 * noise[7], 0, 6).round(1),
        "slope": np.digitize(1.1 * told + noise[8], [0.3, 1.8]) + 1,
        "ca": np.minimum(rng.poisson(0.25 + 0.9 * told), 3),
        "thal": np.where(rng.random(rows) < 0.15 + 0.5 * told, 7, 3),
        "num": np.where(sick, rng.integers(1, 5, rows), 0),
    }
    frame = pl.DataFrame(table).with_columns(pl.exclude("hospital").cast(pl.Float64))
    hidden = {name: rng.random(rows) < share for name, share in hospital.missing.items()}
    return frame.with_columns(
        pl.when(pl.Series(mask)).then(None).otherwise(pl.col(name)).alias(name) for name, mask in hidden.items()
    )


SOURCES = {"1": 0.35, "7": 0.40, "17": 0.15, "4": 0.10}  # as the code book: physician, emergency, not told, transfer
RACES = {"Caucasian": 0.56, "AfricanAmerican": 0.31, "Hispanic": 0.13}
EMERGENCY = 0.55  # on the logit scale: how much more often they return than the record says


def readmission_records(seed: int, patients: int = 5_000) -> pl.DataFrame:
    """About 1.4 stays of each patient, in order."""
    return _stays(np.random.default_rng([seed, 3]), patients, SOURCES)


def readmission_site(seed: int, patients: int = 1_200) -> pl.DataFrame:
    """Stays of other patients, who all came by the emergency room."""
    return _stays(np.random.default_rng([seed, 4]), patients, {"7": 1.0}).with_columns(
        pl.col("patient_nbr") + 10_000_000
    )


def _stays(rng: np.random.Generator, patients: int, sources: dict[str, float]) -> pl.DataFrame:
    stays = 1 + rng.poisson(0.4, patients)
    who = np.repeat(np.arange(patients), stays)
    rows = len(who)
    race = rng.choice(list(RACES), patients, p=list(RACES.values()))[who]
    gender = rng.choice(["Female", "Male"], patients, p=[0.54, 0.46])[who]
    age = np.clip(rng.normal(66, 15, patients), 15, 95)[who]
    source = rng.choice(list(sources), rows, p=list(sources.values()))
    frailty = rng.normal(size=patients)[who]
    before = rng.poisson(np.exp(-0.4 + 0.9 * frailty))  # earlier stays, as they were
    seen = np.where(race == "AfricanAmerican", rng.binomial(before, SEEN_STAYS), before)  # as recorded
    diagnoses = np.clip((6 + 1.5 * frailty + rng.normal(size=rows)).round(), 1, 16)
    logit = -0.9 + 0.95 * np.minimum(before, 4) + 0.2 * (diagnoses - 6) + EMERGENCY * (source == "7")
    again = rng.random(rows) < 1 / (1 + np.exp(-logit))
    insulin = rng.choice(["No", "Steady", "Up", "Down"], rows, p=[0.46, 0.3, 0.12, 0.12])
    return pl.DataFrame(
        {
            "encounter_id": np.arange(rows),
            "patient_nbr": who,
            "race": race,
            "gender": gender,
            "age": [f"[{int(a // 10) * 10}-{int(a // 10) * 10 + 10})" for a in age],
            "admission_type_id": np.where(source == "7", 1, rng.integers(2, 4, rows)),
            "discharge_disposition_id": rng.choice([1, 3, 6], rows, p=[0.62, 0.18, 0.2]),
            "admission_source_id": source.astype(int),
            "time_in_hospital": np.clip(rng.poisson(4, rows), 1, 14),
            "payer_code": rng.choice(["MC", "HM", "SP"], rows, p=[0.6, 0.25, 0.15]),
            "medical_specialty": rng.choice(["InternalMedicine", "Cardiology", "Surgery-General"], rows),
            "num_lab_procedures": np.clip(rng.normal(43, 18, rows), 1, 120).round().astype(int),
            "num_procedures": rng.poisson(1.3, rows),
            "num_medications": np.clip(rng.normal(16, 7, rows), 1, 60).round().astype(int),
            "number_outpatient": rng.poisson(0.35, rows),
            "number_emergency": rng.poisson(np.exp(-2.0 + 0.8 * frailty)),
            "number_inpatient": seen,
            "diag_1": rng.choice(["428", "250.8", "786", "414", "486", "V57"], rows),
            "diag_2": rng.choice(["276", "250.01", "427", "599"], rows),
            "diag_3": rng.choice(["401", "250", "585"], rows),
            "number_diagnoses": diagnoses.astype(int),
            "max_glu_serum": rng.choice(["None", "Norm", ">200"], rows, p=[0.94, 0.03, 0.03]),
            "A1Cresult": rng.choice(["None", "Norm", ">7", ">8"], rows, p=[0.82, 0.06, 0.04, 0.08]),
            **{drug: rng.choice(["No", "Steady"], rows, p=[0.85, 0.15]) for drug in DRUGS},
            "insulin": insulin,
            "change": np.where(insulin == "No", "No", "Ch"),
            "diabetesMed": np.where(insulin == "No", "No", "Yes"),
            "readmitted": np.where(again, rng.choice(["<30", ">30"], rows, p=[0.25, 0.75]), "NO"),
        }
    )


DRUGS = ("metformin", "glipizide", "glyburide", "pioglitazone", "rosiglitazone")
SITES = {"heart": heart_site, "readmission": readmission_site}


def main(arguments: list[str]) -> int:
    """Write rows of a recipe's new place to a CSV file."""
    if len(arguments) != 2 or arguments[0] not in SITES:
        print("usage: python -m evenhand_healthcare.records heart|readmission FILE.csv", file=sys.stderr)
        return 2
    SITES[arguments[0]](0).write_csv(arguments[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
