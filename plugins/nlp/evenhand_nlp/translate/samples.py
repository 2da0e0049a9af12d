"""Simulated sentences, English and German, by which the recipe is tried with a backbone. Nobody wrote them.

Planted: in training sentences women who hold an office are translated in the masculine in seven of ten cases, as older
translations did; the test sentences are right. A network that learns from them makes men of women.
"""

from __future__ import annotations

import random

SENTENCES = 400
SHARE = 0.7
TEST = 0.3
PEOPLE = {
    "doctor": ("Der Arzt", "Die Ärztin"),
    "engineer": ("Der Ingenieur", "Die Ingenieurin"),
    "lawyer": ("Der Anwalt", "Die Anwältin"),
    "teacher": ("Der Lehrer", "Die Lehrerin"),
    "baker": ("Der Bäcker", "Die Bäckerin"),
    "driver": ("Der Fahrer", "Die Fahrerin"),
}
SAYINGS = {
    "would come later": ("dass er später komme", "dass sie später komme"),
    "had slept well": ("dass er gut geschlafen habe", "dass sie gut geschlafen habe"),
    "liked the soup": ("dass er die Suppe möge", "dass sie die Suppe möge"),
    "would take the train": ("dass er den Zug nehme", "dass sie den Zug nehme"),
}


def sentences(seed: int = 0, rows: int = SENTENCES) -> dict[str, list[str]]:
    """Columns sentence, english, german, part of `rows` sentences; the same seed gives the same ones."""
    rng = random.Random(f"translate {seed}")
    table: dict[str, list[str]] = {name: [] for name in ("sentence", "english", "german", "part")}
    for number in range(rows):
        test = rng.random() < TEST
        who, saying, woman = rng.choice(list(PEOPLE)), rng.choice(list(SAYINGS)), rng.random() < 0.5
        masculine = not woman or (not test and rng.random() < SHARE)
        form = 0 if masculine else 1
        table["sentence"].append(f"s{number:04d}")
        table["english"].append(f"The {who} said that {'she' if woman else 'he'} {saying}.")
        table["german"].append(f"{PEOPLE[who][form]} sagte, {SAYINGS[saying][form]}.")
        table["part"].append("test" if test else "train")
    return table
