"""Domains on every kind of model that can leave: a line, trees, a text probe, and networks that say how they leave.

Planted: in the north half of the sensors are noisy. `strange` computes something that ONNX has no operator for.
"""

import json
import random

from evenhand import Adapted, Backbone, BackboneCard, Portable, Recipe, hookimpl, splits_from_rows

FOLDER = ""  # a tiny BERT, which the test makes
TABLE = """
name = "{name}"
domain = "toy_export"
title = "Pumps that fail"
task = "{task}"
modality = "table"

[schema]
input = ["heat", "site", "hours"]
label = "{label}"
{positive}
sensitive = "region"

[finetune]
strategy = "{strategy}"
threads = 1
"""
NOTES = """
name = "notes"
domain = "toy_export"
title = "What a note is about"
task = "multiclass"
modality = "text"
backbone = "tiny"

[schema]
input = "text"
label = "topic"
sensitive = "region"

[finetune]
strategy = "probe"
precision = "fp32"
threads = 1
max_length = 16

[abstain]
keep = 0.9
by = "probability+distance"
"""
YES = 'positive = "yes"'
TABLES = (
    ("line", "binary", "fails", YES, "linear"),
    ("trees", "binary", "fails", YES, "trees"),
    ("wear", "regression", "hours_left", "", "linear"),
    ("own", "binary", "fails", YES, "linear"),
    ("strange", "binary", "fails", YES, "linear"),
    ("silent", "binary", "fails", YES, "linear"),
)
KEYS = ("name", "task", "label", "positive", "strategy")
WORDS = {
    "leak": "leak drip wet",
    "noise": "loud noise rattle",
    "power": "power dark fuse",
    "smell": "smell smoke burnt",
}
USUAL = ["please", "the", "in", "hall", "since", "monday", "again"]
ALL_WORDS = [word for words in WORDS.values() for word in words.split()] + USUAL


@hookimpl
def recipes():
    tables = [Recipe.from_toml(TABLE.format(**dict(zip(KEYS, row, strict=True))), "toy_export") for row in TABLES]
    return [*tables, Recipe.from_toml(NOTES, "toy_export")]


@hookimpl
def backbones():
    return [Backbone("tiny", "text", f"local:{FOLDER}", BackboneCard("nothing", "none", 0, 0.0))]


@hookimpl
def load_data(recipe, source):
    if source is not None:
        return None
    rows = notes(recipe.seed) if recipe.modality == "text" else pumps(recipe.seed)
    return splits_from_rows(recipe, rows, "generated")


@hookimpl
def finetune(recipe, splits, backbone, run):
    if recipe.name not in ("own", "strange", "silent"):
        return None
    kinds = {"own": Own, "strange": Strange, "silent": Silent}
    return Adapted(kinds[recipe.name](), classes=("no", "yes"), strategy="by hand")


def steps(matrix, torch, odd):
    """The network: the hotter, the likelier."""
    heat = torch.nan_to_num(matrix[:, :1])
    if odd:
        heat = heat + 0 * torch.special.bessel_j0(heat)
    chance = torch.sigmoid(2 * heat)
    return torch.cat([1 - chance, chance], dim=1)


class Silent:
    """A model that says no way to leave."""

    def scores(self, rows):
        import numpy as np

        heat = np.nan_to_num(np.array(rows["heat"], dtype=float))
        chance = 1 / (1 + np.exp(-2 * heat))
        return np.stack([1 - chance, chance], axis=1)

    def save(self, folder):
        (folder / "own.json").write_text(json.dumps({}))

    @classmethod
    def load(cls, folder):
        return cls()


class Own(Silent):
    """One that says how it leaves."""

    odd = False

    def portable(self):
        import torch

        odd = self.odd

        class Steps(torch.nn.Module):
            def forward(self, matrix):
                return steps(matrix, torch, odd)

        return Portable({"kind": "numbers", "columns": [{"name": "heat", "kind": "number"}]}, Steps())


class Strange(Own):
    """One whose network no ONNX operator computes."""

    odd = True


def pumps(seed, rows=900):
    rng = random.Random(seed)
    table = {name: [] for name in ("heat", "site", "hours", "region", "fails", "hours_left")}
    for _ in range(rows):
        region, site, hours = rng.choice(["north", "south"]), rng.choice(["a", "b", "c", "d"]), rng.gauss(0, 1)
        heat = rng.gauss(0, 1)
        seen = heat + (rng.gauss(0, 2) if region == "north" and rng.random() < 0.5 else 0)
        fails = heat + (0.8 if site in "ac" else -0.8) + rng.gauss(0, 0.3) > 0
        values = (None if rng.random() < 0.1 else seen, site, hours, region, "yes" if fails else "no")
        for name, value in zip(table, (*values, 10 - heat + hours / 2 + rng.gauss(0, 0.3)), strict=True):
            table[name].append(value)
    return table


def notes(seed, rows=700):
    rng = random.Random(seed)
    table = {"text": [], "topic": [], "region": []}
    for _ in range(rows):
        topic = rng.choice(list(WORDS))
        words = [*rng.choices(WORDS[topic].split(), k=2), *rng.sample(USUAL, rng.randint(1, 5))]
        rng.shuffle(words)
        for name, value in zip(table, (" ".join(words), topic, rng.choice(["north", "south"])), strict=True):
            table[name].append(value)
    return table
