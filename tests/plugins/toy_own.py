"""A domain with a model of its own, whole: the nearest centre of a class decides, and is stored as JSON.

Planted: in the north the meter drifts, so the model is wrong there more often.
"""

import json
import random

from evenhand import Adapted, Recipe, hookimpl, splits_from_rows

RECIPE = """
name = "leak"
domain = "toy_own"
title = "Leaking pipes"
task = "binary"
modality = "table"
schema = { input = ["pressure", "flow"], label = "leak", positive = "yes", sensitive = "region" }
"""


class NearestCentre:
    """Two classes, each with the mean of its rows; the nearer one is the likelier."""

    def __init__(self, columns, centres):
        self.columns, self.centres = columns, centres

    def scores(self, rows):
        import numpy as np

        points = np.array([rows[column] for column in self.columns], dtype=float).T
        distance = ((points[:, None, :] - np.array(self.centres)) ** 2).sum(axis=2)
        return distance[:, ::-1] / distance.sum(axis=1, keepdims=True)

    def save(self, folder):
        (folder / "centres.json").write_text(json.dumps({"columns": self.columns, "centres": self.centres}))

    @classmethod
    def load(cls, folder):
        return cls(**json.loads((folder / "centres.json").read_text()))


@hookimpl
def recipes():
    return [Recipe.from_toml(RECIPE, "toy_own")]


@hookimpl
def load_data(recipe, source):
    return splits_from_rows(recipe, readings(recipe.seed), "generated readings") if source is None else None


@hookimpl
def finetune(recipe, splits):
    columns, classes = list(splits.schema.input), ("no", "yes")
    model, flow_alone = (
        NearestCentre(seen, [centre(splits.train, seen, label) for label in classes]) for seen in (columns, ["flow"])
    )
    return Adapted(model, classes, strategy="nearest-centre", baselines={"flow / alone": flow_alone})


def centre(rows, columns, label):
    mine = [place for place, known in enumerate(rows["leak"]) if known == label]
    return [sum(rows[column][place] for place in mine) / len(mine) for column in columns]


def readings(seed, rows=600):
    rng = random.Random(seed)
    table = {name: [] for name in ("pressure", "flow", "region", "leak")}
    for _ in range(rows):
        region, leak = rng.choice(["north", "south"]), rng.random() < 0.5
        drift = rng.gauss(0, 3 if region == "north" else 0.3)
        values = (rng.gauss(3 if leak else 5, 0.5) + drift, rng.gauss(2 if leak else 1, 0.8), region)
        for name, value in zip(table, (*values, "yes" if leak else "no"), strict=True):
            table[name].append(value)
    return table
