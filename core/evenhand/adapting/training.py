"""Strategies that change the backbone's weights: lp-ft, full and lora, on transformers' Trainer.

lp-ft: the probe is fitted first and put in as the head, so that the first steps do not tear the features apart
(Kumar et al. 2022, ICLR: Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution).
lora: low-rank updates beside frozen weights (Hu et al. 2022, ICLR), from the same start, merged at the end.
full: every weight, from a random head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from evenhand.adapting.distributed import agree
from evenhand.adapting.drawing import drawn
from evenhand.adapting.loop import run_trainer
from evenhand.adapting.models import NetworkModel, SimpleModel, as_logits, as_scores
from evenhand.adapting.probe import Head, Probe, positive_weights, quality
from evenhand.adapting.probing import cache_of, probe_model, probe_of
from evenhand.adapting.setting import Setting
from evenhand.pretrained.layers import collate_outputs, depth, outputs_below, upper
from evenhand.pretrained.network import Network, run_batches
from evenhand.values import Adapted

ONWARD = 0.2  # step size of one more pass, in multiples of the first training's
TRAINED_AGAIN = {
    "whole": "after it was measured on validation the network was trained again on train and validation together",
    "onward": "after it was measured on validation the network made one more pass, over train and validation together",
}


def train(setting: Setting, baselines: Mapping[str, SimpleModel]) -> Adapted:
    """Train on train, measure on validation, then train afresh on both; the probe joins in where it helped.

    What is decided on validation is whether the network's probabilities are averaged with the probe's. The second
    training costs as much as the first; `finetune.refit` can make it one pass more of the first network, or none.
    """
    recipe, labels, splits = setting.recipe, setting.labels, setting.splits
    strategy = recipe.finetune.strategy
    probe = agree(probe_of(setting))
    known = setting.encoder.examples(setting.validation, splits.schema)
    examples = setting.encoder.examples(splits.train, splits.schema)
    first = None if strategy == "full" else probe.selected
    weights = positive_weights(labels.train, probe.selected.weighing) if labels.task == "multilabel" else None
    network = _trained(
        setting, _some(setting, examples, labels.train, labels.train_weights), first, "training", weights
    )
    joined, measured, unseen = _with_or_without(setting, network, known, probe)
    setting.run.log("trained", joined_with_probe=joined, **measured)
    notes = [*labels.notes, f"validation accuracy or error of the probe alone: {_short(probe.validation)}"]
    if joined:
        notes.append(
            "probabilities are the mean of the trained network's and the probe's, since validation was better so"
        )
    if recipe.finetune.refit != "never" and len(known):
        late = None if labels.weights is None else labels.weights[1]
        both = Joined(
            _some(setting, examples, labels.train, labels.train_weights),
            _some(setting, known, labels.validation, late),
        )
        if recipe.finetune.refit == "onward":
            network = _trained(_onward(setting), both, None, "one pass over all", weights, network)
        else:
            network = _trained(setting, both, None if strategy == "full" else probe.final, "training on all", weights)
        notes.append(TRAINED_AGAIN[recipe.finetune.refit])
    partner = probe_model(setting, probe) if joined else None
    model = NetworkModel(setting.encoder, network, splits.schema, labels.task, partner, tuple(labels.classes))
    scores = setting.of_all_validation(unseen)
    return Adapted(model, labels.classes, strategy, baselines, measured, tuple(notes), scores)


def train_onward(setting: Setting, data: Sequence[dict[str, Any]], network: Network, what: str) -> Network:
    """`network` itself, trained on `data` from the weights it has, as the recipe says but in smaller steps."""
    rule = setting.recipe.finetune
    small = rule.model_copy(update={"learning_rate": rule.learning_rate * ONWARD})
    recipe = setting.recipe.model_copy(update={"finetune": small})
    return _trained(replace(setting, recipe=recipe), data, None, what, None, network)


def _onward(setting: Setting) -> Setting:
    """The setting of one more pass, in small steps: what was learnt stays, and validation rows join in."""
    rule = setting.recipe.finetune
    small = rule.model_copy(update={"epochs": 1, "learning_rate": rule.learning_rate * ONWARD})
    return replace(setting, recipe=setting.recipe.model_copy(update={"finetune": small}))


def _some(
    setting: Setting, examples: Sequence[dict[str, Any]], targets: np.ndarray, weights: np.ndarray | None = None
) -> Sequence[dict[str, Any]]:
    """The examples with their labels; of several labels, as many without any as the recipe asks for.

    weights: how much each counts; examples are drawn as often, which serves stochastic gradients better than weighing
    their losses does (An, Ying & Zhu 2021, ICLR).
    """
    whole, places = Labelled(examples, targets), np.arange(len(targets))
    asked = setting.recipe.finetune.negatives
    if setting.labels.task == "multilabel" and asked:
        has = targets.any(axis=1)
        none = np.flatnonzero(~has)
        rng = np.random.default_rng(setting.recipe.seed)
        kept = rng.permutation(none)[: max(1, round(asked * int(has.sum())))]
        places = np.sort(np.concatenate([np.flatnonzero(has), kept]))
    if weights is not None:
        places = places[drawn(weights[places], setting.recipe.seed)]
    return whole if len(places) == len(whole) and weights is None else Chosen(whole, places)


class Chosen(Sequence[dict[str, Any]]):
    """Some of a sequence's examples."""

    def __init__(self, whole: Sequence[dict[str, Any]], places: np.ndarray) -> None:
        self.whole, self.places = whole, places.tolist()

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> Any:
        return self.whole[self.places[index]]


class Labelled(Sequence[dict[str, Any]]):
    """Examples with `labels`, made on access, so that images are read when their batch comes."""

    def __init__(self, examples: Sequence[dict[str, Any]], targets: np.ndarray) -> None:
        self.examples, self.targets = examples, targets.tolist()

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: Any) -> Any:
        return {**self.examples[index], "labels": self.targets[index]}


class Joined(Sequence[dict[str, Any]]):
    """Several sequences of examples, one after the other."""

    def __init__(self, *parts: Sequence[dict[str, Any]]) -> None:
        self.places = [(part, index) for part in parts for index in range(len(part))]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> Any:
        part, place = self.places[index]
        return part[place]


def _with_or_without(
    setting: Setting, network: Network, known: Sequence[dict[str, Any]], probe: Probe
) -> tuple[bool, dict[str, float], np.ndarray | None]:
    """(average with the probe?, validation measures of the choice, its scores). All of it has seen train only."""
    labels = setting.labels
    if not len(known):
        return False, {}, None
    mine = run_batches(network, setting.encoder, known, "fp32").astype(np.float64)
    alone = quality(mine, labels)
    features = cache_of(setting.run).features(setting.encoder, setting.validation, setting.splits.schema)
    pair = (as_scores(mine, labels.task) + as_scores(probe.selected.logits(features), labels.task)) / 2
    together = quality(as_logits(pair, labels.task), labels)
    joined = together["selection"] > alone["selection"]
    best = together if joined else alone
    scores = pair if joined else as_scores(mine, labels.task)
    return joined, {name: value for name, value in best.items() if name != "selection"}, scores


def _trained(
    setting: Setting,
    data: Sequence[dict[str, Any]],
    head: Head | None,
    what: str,
    weights: np.ndarray | None = None,
    start: Network | None = None,
) -> Network:
    """A copy of the backbone trained on `data`, from `head` where one is given; rows with a label count `weights`.

    start: a network that is trained on in place, instead of a copy of the backbone.
    """
    recipe, labels = setting.recipe, setting.labels
    rule = recipe.finetune
    torch.manual_seed(recipe.seed)
    made: Any = start or setting.encoder.module(labels.n_out, labels.task, rule.label_smoothing)
    network: Network = made.requires_grad_(True)
    network.positive_weight = None if weights is None else torch.tensor(weights, dtype=torch.float32)
    if head is not None:
        with torch.no_grad():
            network.head.weight.copy_(torch.from_numpy(head.weight.copy("C")))
            network.head.bias.copy_(torch.from_numpy(head.bias.copy()))
    if rule.strategy == "lora":
        _add_lora(network, rule.lora_rank)
    elif rule.strategy == "lp-ft":
        _freeze_vocabulary(network)
    frozen = min(rule.frozen_layers, max(0, depth(network.body) - 1)) if rule.strategy != "lora" else 0
    if frozen:
        _above(setting, network, data, frozen, what)
    else:
        run_trainer(setting, network, data, what)
    if rule.strategy == "lora":
        adapted: Any = network.body
        network.body = adapted.merge_and_unload()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network.eval()


def _above(setting: Setting, network: Network, data: Sequence[dict[str, Any]], frozen: int, what: str) -> None:
    """Train the layers above the frozen ones, in place, on what those make of the data, computed once."""
    encoder: Any = setting.encoder
    whole: Any = network.body
    examples = [data[i] for i in range(len(data))]
    known = [{"input_ids": example["input_ids"]} for example in examples]
    made = outputs_below(encoder, known, frozen)
    below = [{"inputs_embeds": m, "labels": e["labels"]} for m, e in zip(made, examples, strict=True)]
    network.body = upper(whole, frozen)
    run_trainer(setting, network, below, what, collate_outputs)
    network.body = whole


def _freeze_vocabulary(network: Network) -> None:
    """Leave a text network's token vectors as they are: half of its weights, and most are not in the data."""
    embeddings = getattr(getattr(network.body, "model", None), "embeddings", None)
    if isinstance(embeddings, torch.nn.Module):
        embeddings.requires_grad_(False)


def _add_lora(network: Network, rank: int) -> None:
    """Put low-rank updates beside the body's linear layers, or its convolutions where it has no linear ones."""
    from peft import LoraConfig, get_peft_model

    kinds: dict[type[torch.nn.Module], list[str]] = {kind: [] for kind in (torch.nn.Linear, torch.nn.Conv2d)}
    for name, layer in network.body.named_modules():
        for kind, names in kinds.items():
            if isinstance(layer, kind) and getattr(layer, "groups", 1) == 1:
                names.append(name)
    targets = kinds[torch.nn.Linear] or kinds[torch.nn.Conv2d]
    config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=targets)
    network.body = get_peft_model(network.body, config)


def _short(measures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in measures.items()) or "not measured"
