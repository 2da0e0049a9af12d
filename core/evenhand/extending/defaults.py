"""The core's own hook implementations, registered through the same door as every plugin's, and asked last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evenhand.errors import BadInput
from evenhand.extending.embedded import installed_backbones
from evenhand.hookspecs import hookimpl

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.values import Adapted, Backbone, Lesson, Metric, Predictions, Splits


@hookimpl
def backbones() -> list[Backbone]:
    """The pretrained networks that packages bring and that every domain may use, where they are installed."""
    return installed_backbones()


@hookimpl(trylast=True)
def pretrain(backbone: Backbone, data: Path | str | None, run: Run) -> Lesson:
    """Pictures with or without classes, formulas, texts, synthetic tables."""
    from evenhand.pretraining.lessons import lesson_for

    return lesson_for(backbone, data, run)


@hookimpl(trylast=True)
def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """Tables, image folders and hub data sets, by the recipe's schema."""
    from evenhand.data.loading import read_splits

    if source is None:
        raise BadInput(f"recipe '{recipe.full_name}' brings no sample data; name yours with --data PATH")
    return read_splits(recipe, source)


@hookimpl(trylast=True)
def finetune(recipe: Recipe, splits: Splits, backbone: Backbone | None, run: Run) -> Adapted:
    """The strategy that the recipe names, on its backbone."""
    from evenhand import adapting as finetuning

    return finetuning.finetune(recipe, splits, backbone, run)


@hookimpl(trylast=True)
def augment(recipe: Recipe, rows: Dataset, columns: list[str]) -> Dataset:
    """A table's rows with another group in the sensitive columns that are inputs."""
    from evenhand.mitigating.augmenting import exchanged

    return exchanged(recipe, rows, columns)


@hookimpl(tryfirst=True)
def evaluate(recipe: Recipe, predictions: Predictions) -> list[Metric]:
    """Accuracy and the like, of the adapted model and every baseline."""
    from evenhand.predicting.evaluation import performance

    return performance(predictions)
