"""Simulated applicants for credit with planted, documented bias, so that credit-default runs offline without data.

Nobody here is real, and nothing here is evidence about people: what is unequal was put in by hand, so that an audit
can be seen to find it. Two communities, `north` and `south`, repay by the same rule. Planted:

- proxy: `district` tells the community nine times out of ten and has no part in who repays (`DISTRICTS`);
- label bias: of those of the south who repaid, `BLAMED` are recorded as defaulted, of women of the south
  `BLAMED_WOMEN`: their late payments were sent to collections where others were called.

So a model learns from the district whom the collectors pursued, and an audit should find fewer approvals for the south,
fewest for women of the south, with `district` as the column that gives the community away.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np

ROWS = 8000
BLAMED, BLAMED_WOMEN = 0.28, 0.42
DISTRICTS = {"north": ("Hillside", "Old Town", "Station"), "south": ("Harbour", "Mill Road", "Southfield")}
PURPOSES = ("car", "home repair", "furniture", "education", "debt consolidation", "medical")
EMPLOYMENT = ("employee", "civil servant", "self-employed", "temporary", "retired")
EDUCATION = ("no degree", "school", "apprenticeship", "university")
MARITAL = ("single", "married", "divorced", "widowed")


def applicants(seed: int = 0, rows: int = ROWS) -> dict[str, list[Any]]:
    """Columns of `rows` applicants; the same seed gives the same ones. `would_repay` is what no lender ever sees."""
    rng = np.random.default_rng([seed, 1973])  # the year before the Equal Credit Opportunity Act
    people = _people(rng, rows)
    finances = _finances(rng, people)
    risk = _log_odds(finances)
    repays = rng.random(rows) > 1 / (1 + np.exp(-risk))
    south, woman = people["community"] == "south", people["sex"] == "female"
    blamed = rng.random(rows) < np.where(south, np.where(woman, BLAMED_WOMEN, BLAMED), 0.0)
    columns = {
        "application": [f"A{number:06d}" for number in rng.permutation(rows)],
        "applied_on": [date(2024, 1, 1) + timedelta(days=int(day)) for day in np.sort(rng.integers(0, 700, rows))],
        **{name: values.tolist() for name, values in people.items()},
        **{name: values.tolist() for name, values in finances.items()},
        "would_repay": np.where(repays, "yes", "no").tolist(),
        "defaulted": np.where(repays & ~blamed, "no", "yes").tolist(),
    }
    return _as_written(columns, rng)


def _people(rng: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    community = np.where(rng.random(rows) < 0.28, "south", "north")
    moved = rng.random(rows) < 0.10
    lives = np.where(moved, np.where(community == "south", "north", "south"), community)
    age = np.clip(rng.gamma(6.0, 4.0, rows) + 18, 18, 85).astype(int)
    pick = rng.integers(0, 3, rows)
    return {
        "sex": np.where(rng.random(rows) < 0.46, "female", "male"),
        "age": age,
        "education": rng.choice(EDUCATION, rows, p=(0.12, 0.35, 0.33, 0.20)),
        "marital_status": np.where(age < 27, "single", rng.choice(MARITAL, rows, p=(0.30, 0.50, 0.14, 0.06))),
        "community": community,
        "district": np.array([DISTRICTS[side][place] for side, place in zip(lives, pick, strict=True)]),
    }


def _finances(rng: np.random.Generator, people: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    age, rows = people["age"], len(people["age"])
    employment = np.where(age >= 66, "retired", rng.choice(EMPLOYMENT[:4], rows, p=(0.58, 0.12, 0.16, 0.14)))
    years = np.maximum(age - 18, 0) * rng.beta(1.6, 2.6, rows)
    level = 9.95 + 0.012 * np.minimum(age - 18, 30) + 0.12 * (people["education"] == "university")
    income = np.exp(level + rng.normal(0, 0.38, rows))
    return {
        "income": np.round(income, 2),
        "employment": employment,
        "employment_years": np.round(years * (employment != "temporary") * 0.7, 1),
        "loan_amount": np.round(np.exp(rng.normal(8.9, 0.6, rows)), -2),
        "debt": np.round(income * rng.gamma(1.4, 0.2, rows), 2),
        "history_years": np.round(years * rng.uniform(0.3, 1.0, rows), 1),
        "late_payments": rng.poisson(rng.gamma(0.6, 0.9, rows)),
        "purpose": rng.choice(PURPOSES, rows, p=(0.30, 0.20, 0.16, 0.08, 0.20, 0.06)),
    }


def _log_odds(finances: dict[str, np.ndarray]) -> np.ndarray:
    """Of not paying back: from finances alone, so that communities differ in no way but by what they earn and owe."""
    burden = finances["loan_amount"] / finances["income"]
    risk = -3.4 + 2.0 * np.minimum(burden, 2) + 2.2 * np.minimum(finances["debt"] / finances["income"], 1.5)
    risk += 0.8 * np.minimum(finances["late_payments"], 5) - 0.05 * np.minimum(finances["history_years"], 15)
    risk += 0.5 * (finances["employment"] == "temporary") + 0.35 * (finances["purpose"] == "debt consolidation")
    return np.asarray(risk - 0.05 * np.minimum(finances["employment_years"], 12))


def _as_written(columns: dict[str, list[Any]], rng: np.random.Generator) -> dict[str, list[Any]]:
    """As a form has them: amounts with separators, unknown values empty, a community that one in twenty keeps to
    himself."""
    rows = len(columns["income"])
    columns["income"] = [f"{value:,.2f}" for value in columns["income"]]
    columns["debt"] = [f"{value:,.2f}" for value in columns["debt"]]
    for name, share in (("employment_years", 0.08), ("history_years", 0.05), ("community", 0.05)):
        gone = rng.random(rows) < share
        columns[name] = [None if lost else value for value, lost in zip(columns[name], gone, strict=True)]
    return columns
