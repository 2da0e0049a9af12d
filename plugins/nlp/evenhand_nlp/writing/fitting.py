"""Fits a network that writes: tuned on the training pairs, its way of writing chosen on validation pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evenhand import Adapted, Backbone, BadInput, Recipe, Splits, precision
from evenhand_nlp.writing.decoding import Decoding
from evenhand_nlp.writing.measures import SAYS, measure_of
from evenhand_nlp.writing.model import Generated, Manner, sources_of
from evenhand_nlp.writing.network import Network, open_network, prompts
from evenhand_nlp.writing.options import acceptable_from, share, whole
from evenhand_nlp.writing.tuning import Course, Shape, Updates, pairs_of, tuned

SPEECHES = (Decoding(0), Decoding(0, 1.0, 3), Decoding(0, 1.1, 0), Decoding(0, 1.2, 3))  # tried where asked
UNTUNED = "untuned"


def fit(recipe: Recipe, splits: Splits, backbone: Backbone | None, run: Any, baselines: Mapping[str, Any]) -> Adapted:
    """The tuned network, beside the untuned one and the recipe's own baselines."""
    measure = measure_of(recipe.options)
    if recipe.finetune.strategy not in ("auto", "lora"):
        raise BadInput(
            f"strategy '{recipe.finetune.strategy}' does not tune a network that writes; use lora"
            " (--set finetune.strategy=lora)"
        )
    network = open_network(backbone, recipe)
    most = whole(recipe, "most_tokens")
    limit = recipe.finetune.max_length
    if network.causal and limit + most > network.positions:
        raise BadInput(
            f"finetune.max_length={limit} and options.most_tokens={most} are more than the {network.positions} tokens"
            f" that '{network.name}' has places for; take less"
        )
    instruction = str(recipe.options.get("instruction" if network.causal else "prefix", ""))
    manner = Manner(instruction, min(limit, network.positions), Decoding(most), measure)
    updates, notes = _learnt(recipe, splits, network, manner, run)
    model = Generated(network, splits.schema, manner, (updates.tensors, updates.shape))
    manner, more = _chosen(recipe, splits, model, run)
    model.manner = manner
    plain = Generated(network, splits.schema, manner, None)
    validation = {f"loss_after_{n}_epochs": loss for n, loss in enumerate(updates.losses)}
    graded = f"quality of a text: {SAYS[measure]}; acceptable from {acceptable_from(recipe):g}"
    return Adapted(model, (), "lora", {**baselines, UNTUNED: plain}, validation, (*notes, *more, graded))


def _learnt(recipe: Recipe, splits: Splits, network: Network, manner: Manner, run: Any) -> tuple[Updates, list[str]]:
    rule, label = recipe.finetune, splits.schema.require("label", "learning to write")
    inputs, most = splits.schema.input, manner.decoding.most
    asked = {
        name: prompts(network, sources_of(rows, inputs), manner.instruction, manner.limit)
        for name, rows in (("train", splits.train), ("validation", splits.validation), ("test", splits.test))
    }
    train, validation = (
        pairs_of(network, asked[name].numbers, [str(value) for value in rows[label]], most)
        for name, rows in (("train", splits.train), ("validation", splits.validation))
    )
    course = Course(
        rule.epochs,
        rule.learning_rate,
        rule.batch_size,
        Shape(rule.lora_rank, share(recipe, "tuned_layers")),
        rule.weight_decay,
        rule.warmup,
        recipe.seed,
        bf16=precision(recipe) == "bf16",
    )

    def told(done: int, total: int, loss: float) -> None:
        run.progress(done, total, f"learning to write (validation loss {loss:.3f})")

    found = tuned(network, train, validation, course, told)
    run.log("lora", losses=list(found.losses), tokens=found.tokens, seconds=found.seconds)
    before, best = found.losses[0], min(found.losses[1:])
    helped = "" if best < before else "; it learnt nothing that validation pairs show"
    long = sum(len(pair.target) >= most for pair in (*train, *validation))
    notes = [
        f"LoRA of rank {rule.lora_rank} on {len(train):,} pairs, {found.tokens:,} tokens at"
        f" {found.tokens / max(found.seconds, 1e-9):,.0f} a second; validation loss {before:.3f} before, {best:.3f}"
        f" after (epochs: {len(found.losses) - 1}){helped}",
        asked["train"].note("training text", manner.limit),
        asked["test"].note("test text", manner.limit),
    ]
    if long:
        notes.append(f"targets cut after {most} tokens: {long} of {len(train) + len(validation)}")
    return found, notes


def _chosen(recipe: Recipe, splits: Splits, model: Generated, run: Any) -> tuple[Manner, list[str]]:
    """The way of writing with the best quality on validation rows, where options.choose_on asks for it."""
    count = whole(recipe, "choose_on", 0)
    if not count:
        return model.manner, []
    rows = splits.validation.select(range(min(count, len(splits.validation))))
    tried = []
    for place, speech in enumerate(SPEECHES):
        run.progress(place, len(SPEECHES), "choosing how to write")
        model.manner = replace(model.manner, decoding=replace(speech, most=model.manner.decoding.most))
        model.forget()
        tried.append((float(model.quality(model.write(rows)[0], rows).mean()), -place, model.manner))
    value, _, best = max(tried, key=lambda one: one[:2])
    model.forget()
    how = best.decoding
    told = (
        f"of {len(SPEECHES)} ways of writing the best on {len(rows)} validation rows (quality {value:.3f}, plain"
        f" {tried[0][0]:.3f}): repetition penalty {how.repeat:g}, no run of {how.no_repeat} tokens twice"
    )
    return best, [told if how.no_repeat else told.rpartition(",")[0]]
