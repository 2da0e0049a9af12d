"""Fits retrieval: messages of the past as vectors, what validation rows choose, and what exchanged groups change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from evenhand import Adapted, Backbone, BadInput, Recipe, Splits, load_encoder
from evenhand_nlp.identity.lexicon import lexicon
from evenhand_nlp.reply.choosing import chosen
from evenhand_nlp.reply.letters import Letters
from evenhand_nlp.reply.retrieval import LettersInCommon, Memory, Retrieval, UsualReply, unit
from evenhand_nlp.writing.data import joined
from evenhand_nlp.writing.exchanged import exchanged
from evenhand_nlp.writing.judges import judges_of
from evenhand_nlp.writing.measures import SAYS, measure_of
from evenhand_nlp.writing.options import acceptable_from, share, whole

FACTS = "replies.json"


def fit(recipe: Recipe, splits: Splits, backbone: Backbone, run: Any) -> Adapted:
    """The nearest accepted reply, beside the usual reply and the message with the most letters in common."""
    measure, wanted = measure_of(recipe.options), share(recipe, "wanted")
    encoder = load_encoder(backbone, recipe)
    column, inputs = splits.schema.require("label", "replies"), list(splits.schema.input)
    past = [str(value) for value in splits.train[column]]
    replies = list(dict.fromkeys(past))
    number = {reply: place for place, reply in enumerate(replies)}
    run.progress(0, 2, "reading messages")
    vectors, asked = (unit(encoder.features(rows, splits.schema)) for rows in (splits.train, splits.validation))
    run.progress(1, 2, "reading messages")
    messages, texts = (joined([list(rows[name]) for name in inputs]) for rows in (splits.train, splits.validation))
    memory = Memory(vectors, [number[reply] for reply in past], Letters(messages))
    acceptable = acceptable_from(recipe)
    references = [str(value) for value in splits.validation[column]]
    settings, figures, told = chosen(memory, replies, asked, texts, references, measure, acceptable, wanted)
    model: Any = Retrieval(encoder, splits.schema, memory, replies, settings, measure)
    baselines: dict[str, Any] = {
        "usual_reply": UsualReply.of(past),
        "letters_in_common": LettersInCommon(messages, past, inputs),
    }
    notes = [
        f"{len(past):,} accepted replies of the past, {len(replies):,} of them different; {settings.k} nearest vote;"
        f" letters in common weigh {settings.letters:g} beside 1 of the encoder",
        told,
        f"quality of a reply: {SAYS[measure]} beside the accepted one; acceptable from {acceptable:g}",
        *cut_notes(encoder, splits),
    ]
    if recipe.options.get("reword"):
        from evenhand_nlp.reply.rewording import Reworded

        baselines["as_written"] = model
        model = Reworded.by(model, recipe, str(recipe.options["reword"]))
        notes.append(f"replies are reworded by {recipe.options['reword']} where numbers and addresses stay the same")
    adapted = Adapted(model, (), "retrieval", baselines, figures, tuple(notes))
    run.progress(2, 2, "reading messages")
    if not recipe.options.get("identity_audit", True) or run.rank != 0:
        return adapted
    facts = identity_facts(recipe, splits, model, run)
    return replace(adapted, exhibits={FACTS: json.dumps(facts).encode()})


def cut_notes(encoder: Any, splits: Splits) -> list[str]:
    """How many texts are longer than what the encoder reads."""
    tokenizer, limit = getattr(encoder, "tokenizer", None), getattr(encoder, "max_length", 0)
    if tokenizer is None or not limit:
        return []
    inputs = list(splits.schema.input)
    texts = [text for rows in (splits.train, splits.test) for text in joined([list(rows[name]) for name in inputs])]
    lengths = [len(numbers) for numbers in tokenizer(texts, truncation=False, verbose=False)["input_ids"]]
    cut = [length for length in lengths if length > limit]
    if not cut:
        return [f"no message is longer than the {limit} tokens that are read"]
    lost = sum(length - limit for length in cut) / sum(lengths)
    return [f"cut after {limit} tokens: {len(cut)} of {len(texts)} messages ({lost:.1%} of all tokens are not read)"]


def identity_facts(recipe: Recipe, splits: Splits, model: Any, run: Any) -> dict[str, Any]:
    """What is replied when the group in a test message is exchanged, as JSON."""
    lexical = lexicon(str(recipe.options.get("terms", "")))
    axes = {name: axis for name, axis in lexical.axes.items() if name in recipe.schema.sensitive} or dict(lexical.axes)
    inputs = list(splits.schema.input)
    if len(inputs) != 1:
        raise BadInput(
            "groups are exchanged in one text column; name one as schema.input, or none: identity_audit=false"
        )
    judges, missing = judges_of(recipe, run)
    run.progress(0, 1, "exchanging groups")

    def write(texts: list[str]) -> Sequence[str | None]:
        from datasets import Dataset

        found: Sequence[str | None] = model.write(Dataset.from_dict({inputs[0]: texts}))[0]
        return found

    texts = joined([list(splits.test[inputs[0]])])
    most, same = whole(recipe, "exchange_most"), acceptable_from(recipe)
    pairs, examples = exchanged(axes, texts, write, judges, most, recipe.seed, same)
    run.progress(1, 1, "exchanging groups")
    return {
        "version": lexical.version,
        "limits": list(lexical.limits),
        "judges": [judge.whence for judge in judges] + missing,
        "pairs": [asdict(pair) for pair in pairs],
        "examples": examples,
    }
