"""A tabular domain whose model is the core's: loans (one of two classes) and wages (a number), people's sex an input.

Planted: women repay as often as men with the same income, but are recorded as repaying less; their wages are noisy.
"""

import random

from evenhand import Recipe, hookimpl, splits_from_rows

COMMON = """
domain = "toy_even"
modality = "table"
finetune = { strategy = "linear", threads = 1 }
split = { test = 0.4, validation = 0.3 }
"""
LOAN = """
name = "loan"
title = "Loans repaid"
task = "binary"
audit = { tolerance = { selection_rate = 0.05 } }

[schema]
input = ["income", "debt", "sex"]
label = "repaid"
positive = "yes"
sensitive = ["sex", "age"]
"""
WAGE = """
name = "wage"
title = "Wages"
task = "regression"

[schema]
input = ["income", "debt", "sex"]
label = "wage"
sensitive = ["sex"]
"""
KIND = """
name = "kind"
title = "What kind of customer"
task = "multiclass"

[schema]
input = ["income", "debt", "sex"]
label = "kind"
sensitive = ["sex"]
"""


@hookimpl
def recipes():
    return [Recipe.from_toml(COMMON + own, "toy_even") for own in (LOAN, WAGE, KIND)]


@hookimpl
def load_data(recipe, source):
    return splits_from_rows(recipe, people(recipe.seed), "generated people") if source is None else None


def people(seed, rows=900):
    rng = random.Random(seed)
    table = {name: [] for name in ("income", "debt", "sex", "age", "repaid", "wage", "kind")}
    for _ in range(rows):
        sex, age = rng.choice("fm"), rng.randint(18, 80)
        income, debt = rng.gauss(40, 12), rng.gauss(15, 6)
        marked = income - 1.5 * debt - (12 if sex == "f" else 0) + rng.gauss(0, 10) > 12
        wage = income + rng.gauss(0, 12 if sex == "f" else 3)
        kind = "poor" if income < 32 else "owing" if marked else "calm"
        for name, value in zip(table, (income, debt, sex, age, "yes" if marked else "no", wage, kind), strict=True):
            table[name].append(value)
    return table
