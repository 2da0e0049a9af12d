"""Fits the model, and asks what is left of it after any mitigation about texts in which groups were exchanged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import Adapted, Recipe, Schema, Splits, finetune
from evenhand_nlp.identity.functional import cases_of, passed
from evenhand_nlp.identity.lexicon import Lexicon, lexicon
from evenhand_nlp.identity.paired import compared
from evenhand_nlp.identity.pronouns import apart, pronouns_of
from evenhand_nlp.identity.swapping import Score, examples_of, named_of, pairs_of, rewritten
from evenhand_nlp.identity.templates import filled, templates_of
from evenhand_nlp.support import as_text

FACTS = "identity.json"
UNMITIGATED = "unmitigated"
HALF = 0.5


def fit(recipe: Recipe, splits: Splits, backbone: Any, run: Any) -> Adapted:
    """The core's strategy; its final model, and the one before mitigation, are asked about exchanged groups."""
    words = lexicon(str(recipe.options.get("terms", "")))
    asked = files_of(recipe)  # a wrong file is refused before training
    adapted = finetune(recipe, splits, backbone, run)
    if not recipe.options.get("identity_audit", True) or run.rank != 0:
        return adapted

    def facts(final: Adapted) -> bytes:
        run.progress(0, 1, "exchanging groups")
        found = json.dumps(identity_facts(recipe, splits, final, words, asked)).encode()
        run.progress(1, 1, "exchanging groups")
        return found

    return replace(adapted, exhibits={**adapted.exhibits, FACTS: facts})


def identity_facts(
    recipe: Recipe, splits: Splits, adapted: Adapted, words: Lexicon, asked: Mapping[str, Any]
) -> dict[str, Any]:
    """What the final model, and the one before mitigation, say of exchanged groups, as JSON."""
    threshold = recipe.audit.threshold
    at = float(threshold) if isinstance(threshold, int | float) else HALF
    texts = [as_text(value) for value in splits.test[str(splits.schema.input[0])]]
    models: dict[str, Any] = {"final": adapted.model}
    if UNMITIGATED in adapted.baselines:
        models[UNMITIGATED] = adapted.baselines[UNMITIGATED]
    facts: dict[str, Any] = {"version": words.version, "limits": list(words.limits), "threshold": at, "models": {}}
    for name, model in models.items():
        score = scorer(model, splits.schema, positive_of(adapted, splits.schema))
        facts["models"][name] = said_of(score, texts, words, at, recipe.seed) | asked_of(score, asked, at, recipe.seed)
    return facts


def said_of(score: Score, texts: list[str], words: Lexicon, at: float, seed: int) -> dict[str, Any]:
    """What a model makes of every axis of the term list."""
    found = rewritten(words.axes, texts, score, seed)
    return {
        "named": [asdict(one) for one in named_of(found, at)],
        "swaps": [asdict(pair) for pair in pairs_of(found, at)],
        "examples": examples_of(found),
        "sentences": [asdict(one) for one in compared(words.axes, score)],
    }


def asked_of(score: Score, asked: Mapping[str, Any], at: float, seed: int) -> dict[str, Any]:
    """What a model makes of the files that the recipe names."""
    found: dict[str, Any] = {}
    if "functional_tests" in asked:
        found["functional"] = [asdict(one) for one in passed(asked["functional_tests"], score, at)]
    if "templates" in asked:
        found["templates"] = asdict(filled(asked["templates"], score, seed))
    if "pronouns" in asked:
        found["pronouns"] = [asdict(one) for one in apart(asked["pronouns"], score, at)]
    return found


def files_of(recipe: Recipe) -> dict[str, Any]:
    """option -> the rows of the file that it names; BadInput where one cannot be read."""
    readers = {"functional_tests": cases_of, "templates": templates_of, "pronouns": pronouns_of}
    named = {name: str(recipe.options.get(name, "")) for name in readers}
    return {name: readers[name](Path(file).expanduser()) for name, file in named.items() if file}


def positive_of(adapted: Adapted, schema: Schema) -> int:
    """The column of the positive class."""
    names = [str(value) for value in adapted.classes]
    return names.index(str(schema.positive)) if str(schema.positive) in names else len(names) - 1


def scorer(model: Any, schema: Schema, positive: int) -> Score:
    """What asks the model for the probability that a text is of the positive class."""
    from datasets import Dataset

    text = str(schema.input[0])

    def score(texts: list[str]) -> np.ndarray:
        if not texts:
            return np.empty(0)
        columns: Mapping[str, list[str]] = {text: texts}
        return np.asarray(model.scores(Dataset.from_dict(dict(columns))))[:, positive]

    return score
