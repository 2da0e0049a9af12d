"""Fits a network that translates, and sends women and men of every occupation through it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from evenhand import Adapted, Backbone, Recipe, Splits
from evenhand_nlp.translate.gendered import gendered, lists, sentences
from evenhand_nlp.writing.fitting import UNTUNED
from evenhand_nlp.writing.fitting import fit as fit_network
from evenhand_nlp.writing.model import CopiedSource

FACTS = "gendered.json"


def fit(recipe: Recipe, splits: Splits, backbone: Backbone | None, run: Any) -> Adapted:
    """The tuned network beside the untuned one and the source as it is."""
    language = str(recipe.options.get("target_language", ""))
    if language:
        sentences(language)  # one that is not known is refused before training
    adapted = fit_network(recipe, splits, backbone, run, {"copied_source": CopiedSource(splits.schema.input)})
    if not language or run.rank != 0:
        return adapted
    run.progress(0, 1, "translating women and men")
    told = lists()
    facts: dict[str, Any] = {"version": told["version"], "limits": told["limits"], "models": {}}
    for name, model in (("adapted", adapted.model), (UNTUNED, adapted.baselines[UNTUNED])):

        def translate(texts: list[str], model: Any = model) -> Sequence[str | None]:
            said: Sequence[str | None] = model.said(texts)[0]
            return said

        found, wrong = gendered(translate, language)
        facts["models"][name] = {"found": asdict(found), "wrong": wrong}
    run.progress(1, 1, "translating women and men")
    return replace(adapted, exhibits={**adapted.exhibits, FACTS: json.dumps(facts).encode()})
