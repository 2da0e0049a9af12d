"""A domain with something to search for: least squares over two columns, shrunk by one option, one of them left out by
another.

Planted: women's incomes are recorded with more noise, so leaving incomes out costs accuracy and makes errors more even.
"""

import json
import random
import time

import numpy as np

from evenhand import Adapted, Recipe, hookimpl, splits_from_rows

RECIPE = """
name = "credit"
domain = "toy_search"
title = "Credit repaid"
task = "binary"
modality = "table"

[schema]
input = ["income", "debt"]
label = "repaid"
positive = 1
sensitive = ["sex"]

[options]
shrink = 1.0
incomes = true
pause = 0.0

[audit]
tolerance = { accuracy = 0.5 }

[tune]
"options.shrink" = { low = 0.01, high = 1e4, log = true }
"options.incomes" = [true, false]
"""


@hookimpl
def recipes():
    return [Recipe.from_toml(RECIPE, "toy_search")]


@hookimpl
def load_data(recipe, source):
    return splits_from_rows(recipe, applicants(recipe.seed), "generated applicants") if source is None else None


@hookimpl
def finetune(recipe, splits, backbone, run):
    time.sleep(recipe.options["pause"])
    model = Line(1.0 if recipe.options["incomes"] else 0.0, np.zeros(3))
    rows, label = model.columns(splits.train), np.asarray(splits.train["repaid"], float)
    pull = recipe.options["shrink"] * np.diag([1.0, 1.0, 0.0])
    model.weights = np.linalg.solve(rows.T @ rows + pull, rows.T @ (label - 0.5))
    return Adapted(model, classes=(0, 1), strategy="least squares")


class Line:
    """A score that grows along a line."""

    def __init__(self, incomes, weights):
        self.incomes, self.weights = incomes, weights

    def columns(self, rows):
        income, debt = np.asarray(rows["income"], float), np.asarray(rows["debt"], float)
        return np.stack([self.incomes * (income - 40) / 20, (debt - 15) / 6, np.ones(len(debt))], axis=1)

    def scores(self, rows):
        positive = 1 / (1 + np.exp(-4 * self.columns(rows) @ self.weights))
        return np.stack([1 - positive, positive], axis=1)

    def save(self, folder):
        (folder / "line.json").write_text(json.dumps([self.incomes, self.weights.tolist()]))

    @classmethod
    def load(cls, folder):
        incomes, weights = json.loads((folder / "line.json").read_text())
        return cls(incomes, np.array(weights))


def applicants(seed, rows=800):
    rng = random.Random(seed)
    table = {name: [] for name in ("income", "debt", "sex", "repaid")}
    for _ in range(rows):
        sex = rng.choice(["f", "m"])
        income, debt = rng.gauss(40, 12), rng.gauss(15, 6)
        seen = income + rng.gauss(0, 40 if sex == "f" else 1)
        for name, value in zip(table, (seen, debt, sex, int(income - 2 * debt + rng.gauss(0, 2) > 10)), strict=True):
            table[name].append(value)
    return table
