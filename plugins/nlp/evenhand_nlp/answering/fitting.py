"""Fits a network that answers, and asks it who is meant where a text does not tell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from evenhand import Adapted, Backbone, BadInput, Recipe, Splits
from evenhand_nlp.answering.ambiguous import scored, templates
from evenhand_nlp.reply.retrieval import UsualReply
from evenhand_nlp.writing.fitting import UNTUNED
from evenhand_nlp.writing.fitting import fit as fit_network

FACTS = "ambiguous.json"


def fit(recipe: Recipe, splits: Splits, backbone: Backbone | None, run: Any) -> Adapted:
    """The tuned network beside the untuned one and the most frequent answer."""
    inputs = splits.schema.input
    if len(inputs) != 2:
        raise BadInput(
            f"recipe '{recipe.full_name}' reads two columns, the question and the context, and schema.input names"
            f' {len(inputs)}; such as --set \'schema.input=["question", "context"]\''
        )
    past = [str(value) for value in splits.train[splits.schema.require("label", "answers")]]
    adapted = fit_network(recipe, splits, backbone, run, {"usual_answer": UsualReply.of(past)})
    if not recipe.options.get("ambiguous_audit", True) or run.rank != 0:
        return adapted
    run.progress(0, 1, "asking what the text does not tell")
    found = templates()
    facts: dict[str, Any] = {"version": found["version"], "limits": found["limits"], "models": {}}
    for name, model in (("adapted", adapted.model), (UNTUNED, adapted.baselines[UNTUNED])):

        def ask(pairs: list[tuple[str, str]], model: Any = model) -> Sequence[str | None]:
            said: Sequence[str | None] = model.said([f"{question}\n{context}" for context, question in pairs])[0]
            return said

        scores, examples = scored(ask, recipe.seed)
        facts["models"][name] = {"scores": [asdict(score) for score in scores], "examples": examples[:8]}
    run.progress(1, 1, "asking what the text does not tell")
    return replace(adapted, exhibits={**adapted.exhibits, FACTS: json.dumps(facts).encode()})
