"""Fits the volume model: layer, pooling and strength by validation, then once more on train and validation."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from evenhand import Adapted, Backbone, BadInput, Recipe, Splits, load_encoder
from evenhand_healthcare.volume.grid import grid_of
from evenhand_healthcare.volume.model import POOLS, STRENGTHS, VolumeModel, fitted, lost, pooled, probabilities
from evenhand_healthcare.volume.seen import features


def fit(recipe: Recipe, splits: Splits, backbone: Backbone, run: Any) -> Adapted:
    """The model with the shortcuts and the commonest answer beside it."""
    if recipe.task != "binary" or recipe.finetune.strategy not in ("auto", "probe"):
        raise BadInput(
            f"{recipe.full_name} tells two classes apart by a probe of the frozen backbone; leave task at binary and"
            " finetune.strategy at probe"
        )
    grid, classes = grid_of(recipe), _classes(splits)
    label = splits.schema.require("label", "training")
    train, validation = (np.array([v == classes[1] for v in rows[label]]) for rows in (splits.train, splits.validation))
    variants = list(load_encoder(backbone, recipe).variants())
    seen = [features(variants, rows, splits.schema, grid, run.progress) for rows in (splits.train, splits.validation)]
    tried: dict[tuple[int, str, float], tuple[float, np.ndarray]] = {}
    for place, pool in product(range(len(variants)), POOLS):
        mine, theirs = (pooled(part[place], pool) for part in seen)
        for strength in STRENGTHS:
            said = probabilities(theirs, fitted(mine, train, strength))
            tried[place, pool, strength] = lost(said, validation), said
    place, pool, strength = min(tried, key=lambda one: tried[one][0])
    loss, said = tried[place, pool, strength]
    both = np.concatenate([pooled(part[place], pool) for part in seen])
    weight = fitted(both, np.concatenate([train, validation]), strength)
    measured = {"log_loss": loss, "accuracy": float(((said[:, 1] > 0.5) == validation).mean())}
    note = (
        f"validation chose, of {len(tried)} combinations, the layer {variants[place].variant}, pooled over slabs by"
        f" {pool}, with strength {strength:g}; then the head was fitted again on train and validation together"
    )
    model = VolumeModel(variants[place], pool, weight, grid, splits.schema)
    adapted = Adapted(model, classes, "2.5-D probe", _baselines(train), measured, (note,), said)
    return _with_shortcuts(recipe, splits, adapted, grid.described(), run)


def _classes(splits: Splits) -> tuple[Any, ...]:
    """The two labels, sorted as the core sorts them."""
    label = splits.schema.require("label", "training")
    classes = tuple(sorted(set(splits.train[label]), key=lambda value: (str(type(value)), value)))
    if len(classes) != 2:
        raise BadInput(f"the label column '{label}' has {len(classes)} classes to train on; two are needed")
    strange = sorted({str(value) for value in splits.validation[label] if value not in classes})
    if strange:
        raise BadInput(
            f"the label column '{label}' says '{strange[0]}' on validation rows alone; two classes are needed"
        )
    return classes


def _baselines(train: np.ndarray) -> dict[str, Any]:
    from evenhand_healthcare.shortcuts import Shortcut

    share = float(np.clip(train.mean(), 1e-6, 1 - 1e-6))
    return {"majority": Shortcut("nothing", {}, np.array([np.log(share / (1 - share))]))}


def _with_shortcuts(recipe: Recipe, splits: Splits, adapted: Adapted, grid: dict[str, Any], run: Any) -> Adapted:
    if not recipe.options.get("shortcuts", True):
        return adapted
    from evenhand_healthcare.shortcuts import fit_shortcuts

    found = fit_shortcuts(splits, adapted.classes, recipe.seed, run, {"grid": grid})
    return replace(adapted, baselines={**adapted.baselines, **found})
