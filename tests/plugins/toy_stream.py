"""A domain whose rows come in time, whole: a table, and texts, that drift; the core reads and fits everything.

Planted: from day 100 on the threshold of the young moves, so a model of the days before is wrong about them.
"""

import random

from evenhand import Recipe, hookimpl

TABLE = """
name = "loans"
domain = "toy_stream"
title = "Loans repaid, month by month"
task = "binary"
modality = "table"
audit = { tolerance = { accuracy = 0.2 } }
schema = { input = ["income", "debt"], label = "repaid", positive = 1, sensitive = ["age"], time = "day", id = "loan" }
finetune = { strategy = "linear" }
"""
TREES = TABLE.replace('"loans"', '"trees"').replace('"linear"', '"trees"')


@hookimpl
def recipes():
    return [Recipe.from_toml(text, "toy_stream") for text in (TABLE, TREES)]


def rows(start, days, seed, per_day=20):
    """Loans of `days` days from `start` on: a dict of columns."""
    rng = random.Random(seed)
    table = {name: [] for name in ("loan", "day", "age", "income", "debt", "repaid")}
    for day in range(start, start + days):
        for number in range(per_day):
            age = rng.choice(["young", "old", "old"])
            income, debt = rng.gauss(0, 1), rng.gauss(0, 1)
            drift = 1.5 if day >= 100 and age == "young" else 0.0
            repaid = int(income - debt + drift * debt + rng.gauss(0, 0.4) > 0)
            for name, value in zip(table, (f"{day}-{number}", day, age, income, debt, repaid), strict=True):
                table[name].append(value)
    return table
