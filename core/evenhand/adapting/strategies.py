"""From a recipe to an adapted model: labels, features, the probe, and what the strategy does with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.adapting.baselines import fit_baselines
from evenhand.adapting.distributed import join
from evenhand.adapting.labels import read_labels
from evenhand.adapting.probing import probed
from evenhand.adapting.setting import Setting
from evenhand.errors import BadInput
from evenhand.pretrained import load_encoder
from evenhand.pretrained.processor import seed_and_threads, silence_transformers
from evenhand.values import Adapted

if TYPE_CHECKING:
    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.values import Backbone, Splits


HEADED = ("auto", "probe")  # strategies that leave the network as it is
OF_TABLES = ("in-context", "trees", "linear")


def adapt(recipe: Recipe, splits: Splits, backbone: Backbone | None, run: Run) -> Adapted:
    """See `evenhand.adapting.finetune`."""
    if recipe.task == "generate":
        raise BadInput(
            f"recipe '{recipe.full_name}' writes texts (task generate), which the core has no strategy for; its plugin"
            " must fit the model in finetune"
        )
    if recipe.modality != "table":
        _check_network(recipe, backbone)
    labels = read_labels(recipe, splits)
    join()
    seed_and_threads(recipe)
    if recipe.modality == "table" or backbone is None:
        from evenhand.adapting.tables.choosing import adapt_table

        return adapt_table(recipe, splits, backbone, run, labels, fit_baselines(recipe, splits, labels))
    encoder = load_encoder(backbone, recipe)
    silence_transformers()
    setting = Setting(recipe, splits, run, encoder, labels)
    baselines = fit_baselines(recipe, splits, labels)
    if recipe.finetune.strategy in HEADED:
        return probed(setting, baselines)
    from evenhand.adapting.training import train  # transformers' Trainer takes seconds to import

    return train(setting, baselines)


def _check_network(recipe: Recipe, backbone: Backbone | None) -> None:
    """BadInput where there is no network to adapt, or the strategy is one of tables."""
    if backbone is None:
        raise BadInput(
            f"recipe '{recipe.full_name}' names no backbone; set one with --set backbone=NAME (`evenhand backbones`"
            " lists them)"
        )
    if recipe.finetune.strategy in OF_TABLES:
        raise BadInput(
            f"strategy '{recipe.finetune.strategy}' is for tables, and recipe '{recipe.full_name}' is about"
            f" {recipe.modality}; use --set finetune.strategy=probe, lp-ft, full or lora"
        )
