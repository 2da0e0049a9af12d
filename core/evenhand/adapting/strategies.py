"""From a recipe to an adapted model: labels, features, the probe, and what the strategy does with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.adapting.baselines import fit_baselines
from evenhand.adapting.distributed import join
from evenhand.adapting.labels import read_labels
from evenhand.adapting.probing import probed
from evenhand.adapting.setting import Setting
from evenhand.pretrained import load_encoder
from evenhand.pretrained.processor import seed_and_threads, silence_transformers
from evenhand.values import Adapted

if TYPE_CHECKING:
    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.values import Backbone, Splits


def adapt(recipe: Recipe, splits: Splits, backbone: Backbone, run: Run) -> Adapted:
    """See `evenhand.adapting.finetune`."""
    labels = read_labels(recipe, splits)
    join()
    seed_and_threads(recipe)
    encoder = load_encoder(backbone, recipe)
    silence_transformers()
    setting = Setting(recipe, splits, run, encoder, labels)
    baselines = fit_baselines(recipe, splits, labels)
    if recipe.finetune.strategy == "probe":
        return probed(setting, baselines)
    from evenhand.adapting.training import train  # transformers' Trainer takes seconds to import

    return train(setting, baselines)
