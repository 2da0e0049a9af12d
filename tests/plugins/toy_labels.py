"""Toy domains on the core's own strategies: tickets (lists of labels), machines (0/1 columns), messages (one class).

Planted: every second ticket of the old app that is about a fee is worded without the word, and nobody can tell.
"""

import json
import random

from evenhand import Backbone, BackboneCard, Recipe, hookimpl, splits_from_rows

FOLDER = ""  # a tiny BERT, which the test makes
TICKETS = """
name = "tickets"
domain = "toy_labels"
title = "What a ticket is about"
task = "multilabel"
modality = "text"
backbone = "tiny"
audit = { tolerance = { tpr = 0.1 }, metrics = ["tpr", "fpr", "auc"] }

[schema]
input = "text"
label = "topics"
sensitive = "app"

[finetune]
threads = 1
max_length = 16
"""
MESSAGES = """
name = "messages"
domain = "toy_labels"
title = "What a message is about"
task = "multiclass"
modality = "text"
backbone = "tiny"

[schema]
input = "text"
label = "topic"
sensitive = "app"

[finetune]
strategy = "probe"
threads = 1
max_length = 16
"""
MACHINES = """
name = "machines"
domain = "toy_labels"
title = "What a machine will need"
task = "multilabel"
modality = "table"
audit = { tolerance = { tpr = 0.2 }, metrics = ["tpr", "fpr"] }

[schema]
input = ["heat", "hours", "site"]
labels = ["oil", "belt"]
sensitive = "site"

[finetune]
strategy = "linear"
"""
WORDS = {"card": "card lost stolen pin", "fee": "fee charge wrong", "transfer": "transfer late refund"}
USUAL = ["please", "my", "the", "is", "where", "why", "money", "bank", "account"]
ALL_WORDS = [word for words in WORDS.values() for word in words.split()] + USUAL


@hookimpl
def recipes():
    return [Recipe.from_toml(text, "toy_labels") for text in (TICKETS, MESSAGES, MACHINES)]


@hookimpl
def backbones():
    return [Backbone("tiny", "text", f"local:{FOLDER}", BackboneCard("nothing", "none", 0, 0.0))]


@hookimpl
def load_data(recipe, source):
    if source is not None:
        return None
    rows = tickets(recipe.seed) if recipe.name == "tickets" else machines(recipe.seed)
    return splits_from_rows(recipe, rows, "generated")


def tickets(seed, rows=900):
    rng = random.Random(seed)
    table = {"text": [], "topics": [], "app": []}
    for _ in range(rows):
        topics = [topic for topic, share in (("card", 0.4), ("fee", 0.35), ("transfer", 0.2)) if rng.random() < share]
        app = rng.choice(["new", "old"])
        told = [t for t in topics if not (t == "fee" and app == "old" and rng.random() < 0.5)]
        words = [rng.choice(WORDS[topic].split()) for topic in told] + rng.sample(USUAL, 4)
        rng.shuffle(words)
        for name, value in zip(table, (" ".join(words), json.dumps(topics), app), strict=True):
            table[name].append(value)
    return table


def machines(seed, rows=300):
    rng = random.Random(seed)
    table = {name: [] for name in ("heat", "hours", "site", "oil", "belt")}
    for _ in range(rows):
        heat, hours = rng.gauss(0, 1), rng.gauss(0, 1)
        values = heat, hours, rng.choice(["a", "b"]), int(heat + rng.gauss(0, 0.3) > 1), int(hours > 0.8)
        for name, value in zip(table, values, strict=True):
            table[name].append(value)
    return table
