"""A domain that writes texts, whole: it says back the last word of a question, and not at all where there is none.

Planted: in the north the answer is given in capitals with a word too many, so it is worse there.
"""

import json
import random

from evenhand import Adapted, Recipe, hookimpl, splits_from_rows

RECIPE = """
name = "echo"
domain = "toy_writes"
title = "Echoes"
task = "generate"
modality = "text"
schema = { input = "asked", label = "answer", sensitive = "region", id = "row" }
audit = { metrics = ["selection_rate", "mean_score"], tolerance = { selection_rate = 0.1 } }
"""
THINGS = ("apple", "boat", "cloud", "door", "eel")


class Echo:
    """The last word; `word` in its place where that is set."""

    def __init__(self, word=None):
        self.word = word

    def write(self, rows):
        import numpy as np

        last = [(text or "").split()[-1:] for text in rows["asked"]]
        texts = [self.word or words[0] if words else None for words in last]
        return texts, np.array([0.0 if text is None else 0.9 for text in texts])

    def scores(self, rows):
        return self.write(rows)[1]

    def quality(self, texts, rows):
        import numpy as np

        return np.array([float(text == label) for text, label in zip(texts, rows["answer"], strict=True)])

    def save(self, folder):
        (folder / "echo.json").write_text(json.dumps({"word": self.word}))

    @classmethod
    def load(cls, folder):
        return cls(**json.loads((folder / "echo.json").read_text()))


@hookimpl
def recipes():
    return [Recipe.from_toml(RECIPE, "toy_writes")]


@hookimpl
def load_data(recipe, source):
    return splits_from_rows(recipe, questions(recipe.seed), "generated questions") if source is None else None


@hookimpl
def finetune(recipe, splits):
    return Adapted(Echo(), (), strategy="echo", baselines={"always apple": Echo("apple")})


def questions(seed, rows=400):
    rng = random.Random(seed)
    table = {name: [] for name in ("row", "asked", "answer", "region")}
    for number in range(rows):
        region, thing = rng.choice(["north", "south"]), rng.choice(THINGS)
        label = thing if region == "south" or rng.random() < 0.4 else f"the {thing}"
        for name, value in zip(table, (str(number), f"what is {thing}", label, region), strict=True):
            table[name].append(value)
    return table
