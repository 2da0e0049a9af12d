"""The last layer fitted again on rows in which every group has as many of one class as of another.

A trained network's own rows tell it nothing new about its features, so its last layer learns from validation rows that
it has not seen; a frozen backbone has seen no row at all, and its head learns from training rows too. Rows are left
out rather than weighed, and several draws averaged. Numbers and several labels have no cells to draw from: their rows
are weighed. Source: Kirichenko, Izmailov & Wilson 2023, ICLR; Idrissi et al. 2022, CLeaR (leaving out over weighing).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.features import FeatureCache
from evenhand.adapting.labels import Labels, read_labels
from evenhand.adapting.models import NetworkModel, ProbeModel
from evenhand.adapting.probe import Head, fit_head, fit_probe
from evenhand.adapting.tables.members import Linear, Part
from evenhand.adapting.tables.model import TableModel, inputs_of
from evenhand.errors import BadInput
from evenhand.mitigating.weights import as_classes, row_weights
from evenhand.pretrained.network import run_batches
from evenhand.pretrained.tabular.columns import as_frame

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.values import Splits

DRAWS = 5
STRENGTH = 1.0  # of a trained network's new head, and of one whose rows cannot choose it


def has_last_layer(model: Any) -> bool:
    """Whether the model ends in a layer that can be fitted again."""
    linear = isinstance(model, TableModel) and [member.kind for member in model.members] == ["linear"]
    return linear or isinstance(model, ProbeModel | NetworkModel)


def refuse_without(model: Any, strategy: str) -> None:
    """BadInput where the model has no last layer."""
    if not has_last_layer(model):
        raise BadInput(
            f"mitigation.method = 'dfr' fits the last layer of a network again, and the model of '{strategy}' has none;"
            " use finetune.strategy = probe, lp-ft, full or lora (of a table: linear), or another method"
        )


def learns_from_held(model: Any) -> bool:
    """Whether the new layer may learn from held-out rows alone, since the features have seen the others."""
    return isinstance(model, NetworkModel)


def refitted(
    model: Any, recipe: Recipe, splits: Splits, groups: Callable[[Dataset], np.ndarray], run: Run
) -> tuple[Any, int]:
    """(the model with its last layer fitted again, how many rows a draw had).

    splits: train and validation are what the layer may learn from; of a network, validation alone.
    """
    labels = read_labels(recipe, splits)
    known = splits.validation.select(labels.validation_rows)
    held = learns_from_held(model)
    parts = [known] if held else [splits.train, known]
    targets = labels.validation if held else np.concatenate([labels.train, labels.validation])
    named = np.concatenate([groups(rows) for rows in parts])
    if isinstance(model, TableModel):
        return _of_table(model, parts, targets, named, labels, recipe.seed)
    seen = np.concatenate([_features(model, rows, run) for rows in parts])
    strength = STRENGTH if held else _strength(seen, labels, named, recipe.seed)
    some = _draws(named, targets, labels.task, recipe.seed)
    heads = [fit_head(seen[rows], targets[rows], strength, labels, weights=counts) for rows, counts in some]
    return _with_head(model, _averaged(heads)), len(some[0][0])


def _draws(named: np.ndarray, targets: np.ndarray, task: str, seed: int) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """(places of rows, how much each counts) of each draw: every cell as large as the group's smallest."""
    if task in ("regression", "multilabel"):
        classes = as_classes(targets) if task == "regression" else targets
        return [(np.arange(len(targets)), row_weights(named, classes, "balanced"))]
    found: list[tuple[np.ndarray, np.ndarray | None]] = []
    rng = np.random.default_rng([seed, 9])
    for _ in range(DRAWS):
        kept: list[int] = []
        for group in np.unique(named):
            cells = [np.flatnonzero((named == group) & (targets == value)) for value in np.unique(targets)]
            there = [cell for cell in cells if len(cell)]
            fewest = min(map(len, there)) if len(there) > 1 else 0
            for cell in there:
                kept += rng.permutation(cell)[:fewest].tolist()
        found.append((np.sort(np.array(kept, dtype=int)), None))
    if len(np.unique(targets[found[0][0]])) < len(np.unique(targets)):
        raise BadInput(
            "mitigation.method = 'dfr' finds no group that has rows of every class to fit the last layer on; give more"
            " rows or a larger split.validation, merge groups (mitigation.least_rows), or choose reweight"
        )
    return found


def _strength(seen: np.ndarray, labels: Labels, named: np.ndarray, seed: int) -> float:
    """The strength that balanced validation rows find best for a head of balanced training rows."""
    cut = len(labels.train)
    if labels.task in ("regression", "multilabel") or not len(labels.validation):
        return STRENGTH
    train, _ = _draws(named[:cut], labels.train, labels.task, seed)[0]
    try:
        held, _ = _draws(named[cut:], labels.validation, labels.task, seed)[0]
    except BadInput:
        held = np.arange(len(labels.validation))
    some = replace(labels, train=labels.train[train], validation=labels.validation[held], weights=None)
    return fit_probe(seen[:cut][train], seen[cut:][held], some, lambda done, total, what: None).selected.strength


def _features(model: Any, rows: Dataset, run: Run) -> np.ndarray:
    """What stands before the last layer, float32 [rows, width]."""
    if isinstance(model, ProbeModel):
        cache = FeatureCache(run.cache, run.progress, run.rank, run.world_size)
        return cache.features(model.encoder, rows, model.schema, "features of the rows")
    return run_batches(model.network.body, model.encoder, model.encoder.examples(rows, model.schema), "fp32")


def _averaged(heads: list[Head]) -> Head:
    weight, bias = (np.mean([getattr(head, name) for head in heads], axis=0) for name in ("weight", "bias"))
    return Head(weight.astype(np.float32), bias.astype(np.float32), heads[0].strength)


def _with_head(model: Any, head: Head) -> Any:
    import torch

    if isinstance(model, ProbeModel):
        return replace(model, head=head)
    network = copy.deepcopy(model.network)
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(head.weight.copy("C")))
        network.head.bias.copy_(torch.from_numpy(head.bias.copy()))
    return replace(model, network=network, partner=None)


def _of_table(
    model: TableModel, parts: list[Dataset], targets: np.ndarray, named: np.ndarray, labels: Labels, seed: int
) -> tuple[TableModel, int]:
    frame = as_frame(inputs_of(parts[0], model.schema))
    for rows in parts[1:]:
        frame = frame.vstack(as_frame(inputs_of(rows, model.schema)))
    whole = Part(frame, model.columns.matrix(frame), targets)
    some = _draws(named, targets, labels.task, seed)
    fitted = []
    for rows, counts in some:
        part = replace(whole.rows(rows), weights=counts)
        fitted.append(Linear.fit(part, model.columns, labels, STRENGTH))
    spread = fitted[0].spread  # each was fitted on columns that were divided by its own
    same = [replace(one.head, weight=one.head.weight / one.spread * spread) for one in fitted]
    return replace(model, members=(replace(fitted[0], head=_averaged(same)),)), len(some[0][0])
