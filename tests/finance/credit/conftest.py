"""What the tests of credit-default share: the recipe, one whole run of the sample, and small tables of applicants."""

import csv

import numpy as np
import pytest

import evenhand_finance

SMALL = (
    'schema.input=["income", "purpose"]',
    'schema.sensitive=["sex"]',
    "schema.id=",
    "schema.time=",
    "options.monotone={}",
    "audit.bins={}",
)


@pytest.fixture(scope="session")
def recipe():
    """recipe("seed=1") -> credit-default with these settings."""
    (found,) = [recipe for recipe in evenhand_finance.recipes() if recipe.name == "credit-default"]
    return lambda *settings: found.with_settings(settings)


@pytest.fixture(scope="session")
def small(recipe):
    """small("seed=1") -> credit-default for the columns that `table` writes, with these settings."""
    return lambda *settings: recipe(*SMALL, *settings)


@pytest.fixture(scope="session")
def finished(run_apart):
    """A whole run of credit-default on its sample."""
    return run_apart("finance/credit-default")


@pytest.fixture
def table(tmp_path):
    """table(rows=…, income=[…]) -> the path of a CSV of applicants, with these columns put beside or in place."""

    def write(rows=400, seed=0, **columns):
        rng = np.random.default_rng(seed)
        income = rng.lognormal(10, 0.4, rows)
        bad = rng.random(rows) < 1 / (1 + np.exp((income - 22_000) / 6_000))
        made = {
            "income": [f"{value:.0f}" for value in income],
            "purpose": rng.choice(["car", "home"], rows).tolist(),
            "sex": rng.choice(["f", "m"], rows).tolist(),
            "defaulted": ["yes" if one else "no" for one in bad],
        }
        for name, values in columns.items():
            made[name] = values(made) if callable(values) else values
        path = tmp_path / "applications.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(made)
            writer.writerows(zip(*made.values(), strict=True))
        return path

    return write
