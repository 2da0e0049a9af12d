"""Fits the core's strategy, and keeps which sentences of the test texts decided, for the report."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np

from evenhand import Adapted, Recipe, Splits, finetune
from evenhand_nlp.support import as_text

FACTS = "deciding.json"
FOUND, MISSED, ALARMS = 3, 3, 2  # examples of each label
MOST_SENTENCES = 400  # of one text that are asked about; the rest of a very long one is left out of the picture
SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+|(?<=[。！？；])")


def fit(recipe: Recipe, splits: Splits, backbone: Any, run: Any) -> Adapted:
    """The core's model, with the sentences that decided among its exhibits."""
    adapted = finetune(recipe, splits, backbone, run)
    if run.rank != 0:
        return adapted
    run.progress(0, 1, "sentences that decided")
    facts = json.dumps(examples(adapted, splits), ensure_ascii=False)
    run.progress(1, 1, "sentences that decided")
    return replace(adapted, exhibits={**adapted.exhibits, FACTS: facts.encode("utf-8", "replace")})


def examples(adapted: Adapted, splits: Splits) -> list[dict[str, Any]]:
    """For each label the texts that have it and score highest, those that have it and score lowest, and those without
    it that score highest: each with the sentence of it that scores highest by itself."""
    rows = splits.test
    texts = [as_text(value) for value in rows[str(splits.schema.input[0])]]
    scores = np.asarray(adapted.model.scores(rows))
    chosen: list[tuple[int, int, str]] = []
    for j, label in enumerate(adapted.classes):
        has = np.asarray(rows[label]) == 1
        falling = np.argsort(-scores[:, j], kind="stable")
        yes, no = (_different(falling[mask[falling]].tolist(), texts) for mask in (has, ~has))
        lowest = [i for i in reversed(yes) if i not in yes[:FOUND]][:MISSED]
        for kind, places in (("found", yes[:FOUND]), ("lowest", lowest), ("alarm", no[:ALARMS])):
            chosen += [(i, j, kind) for i in places]
    parts = {i: sentences(texts[i]) for i, _, _ in chosen}
    each = _scores(adapted.model, splits, parts)
    return [
        {
            "label": str(adapted.classes[j]),
            "kind": kind,
            "score": float(scores[i, j]),
            "words": len(texts[i].split()),
            "sentences": len(parts[i]),
            "sentence": parts[i][int(np.argmax(each[i][:, j]))],
        }
        for i, j, kind in chosen
    ]


def _different(places: list[int], texts: list[str]) -> list[int]:
    """Of the places of equal texts the first alone: contracts copy from each other."""
    return list({texts[i]: i for i in reversed(places)}.values())[::-1]


def sentences(text: str) -> list[str]:
    """The sentences of a text, or the whole of it where it is one."""
    found = [part.strip() for part in SENTENCE.split(text) if part and part.strip()]
    return found[:MOST_SENTENCES] or [text]


def _scores(model: Any, splits: Splits, parts: dict[int, list[str]]) -> dict[int, np.ndarray]:
    """The scores of each sentence of each text, asked in one go."""
    from datasets import Dataset

    flat = [sentence for some in parts.values() for sentence in some]
    if not flat:
        return {}
    names = [str(name) for name in splits.schema.input]
    columns = {name: flat if place == 0 else [""] * len(flat) for place, name in enumerate(names)}
    said = np.asarray(model.scores(Dataset.from_dict(columns)))
    cuts = np.cumsum([len(some) for some in parts.values()])[:-1]
    return dict(zip(parts, np.split(said, cuts), strict=True))
