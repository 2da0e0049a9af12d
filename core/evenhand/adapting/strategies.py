"""From a recipe to an adapted model: labels, features, the probe, and what the strategy does with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from evenhand.adapting.baselines import fit_baselines
from evenhand.adapting.distributed import join
from evenhand.adapting.few.choosing import OTHER_TASKS, STRATEGIES, adapt_few, are_few
from evenhand.adapting.labels import read_labels
from evenhand.adapting.probing import probed
from evenhand.adapting.reading_windows import adapt_windows, too_long
from evenhand.adapting.setting import Setting
from evenhand.adapting.words import with_words
from evenhand.errors import BadInput
from evenhand.pretrained import load_encoder
from evenhand.pretrained.processor import seed_and_threads, silence_transformers
from evenhand.values import Adapted

if TYPE_CHECKING:
    from evenhand.adapting.models import SimpleModel
    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.values import Backbone, Splits


HEADED = ("auto", "probe")  # strategies that leave the network as it is
MANY_LONG = 0.05  # share of the texts
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
    if recipe.finetune.privacy.epsilon is not None:
        from evenhand.adapting.private.choosing import adapt_privately

        return adapt_privately(recipe, splits, backbone, run)
    labels = read_labels(recipe, splits)
    join()
    seed_and_threads(recipe)
    if recipe.modality == "table" or backbone is None:
        from evenhand.adapting.tables.choosing import adapt_table
        from evenhand.adapting.tables.each_label import adapt_labels

        adapt_rows = adapt_labels if labels.task == "multilabel" else adapt_table
        found = adapt_rows(recipe, splits, backbone, run, labels, fit_baselines(recipe, splits, labels))
        return replace(found, weighted=splits.importance is not None)
    encoder = load_encoder(backbone, recipe)
    silence_transformers()
    setting = Setting(recipe, splits, run, encoder, labels)
    baselines = fit_baselines(recipe, splits, labels)
    long, said = too_long(setting)
    weighted = splits.importance is not None
    if long and _in_windows(recipe, long):
        return replace(with_words(setting, adapt_windows(setting, baselines, said)), weighted=weighted)
    adapted = replace(with_words(setting, _adapted(setting, baselines)), weighted=weighted)
    return replace(adapted, notes=(said, *adapted.notes)) if said else adapted


def _in_windows(recipe: Recipe, long: float) -> bool:
    """Whether texts are read in windows, where a share `long` of them is longer than the backbone reads.

    On windows `auto` is no more than the probe. A handful of long texts is not worth the strategy that it would choose
    on whole ones, so of classes of text it takes windows from MANY_LONG on.
    """
    strategy = recipe.finetune.strategy
    if recipe.finetune.windows.use != "auto" or strategy in STRATEGIES:
        return False
    return strategy != "auto" or recipe.task in OTHER_TASKS or long >= MANY_LONG


def _adapted(setting: Setting, baselines: dict[str, SimpleModel]) -> Adapted:
    """What the recipe's strategy makes of whole rows."""
    recipe, labels = setting.recipe, setting.labels
    weighted = setting.splits.importance is not None
    if weighted and recipe.finetune.strategy in STRATEGIES:
        raise BadInput(
            f"mitigation.method = 'reweight' weighs rows, which strategy '{recipe.finetune.strategy}' does not take;"
            " use --set finetune.strategy=probe, lp-ft, full or lora, or another method"
        )
    few = recipe.finetune.strategy == "auto" and not weighted and are_few(setting)
    if recipe.finetune.strategy in STRATEGIES or few:
        return adapt_few(setting, baselines)
    if recipe.finetune.strategy == "auto" and recipe.modality == "text" and labels.task not in OTHER_TASKS:
        whole = recipe.finetune.model_copy(update={"strategy": "lp-ft"})
        setting = replace(setting, recipe=recipe.model_copy(update={"finetune": whole}))
    if setting.recipe.finetune.strategy in HEADED:
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
