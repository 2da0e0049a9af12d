"""Adapting a backbone to labelled rows: the strategies, their baselines, and the stored model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenhand.errors import PluginFault

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.schema import Schema
    from evenhand.values import Adapted, Backbone, Splits

__all__ = ["finetune", "scores"]


def finetune(recipe: Recipe, splits: Splits, backbone: Backbone | None, run: Run) -> Adapted:
    """Adapt `backbone` to `splits.train` by `recipe.finetune.strategy`, choosing on `splits.validation` only.

    A recipe about a table needs to name none: the core brings one.

    Deterministic under `recipe.seed` on one machine with one number of threads. Under torchrun every process
    calls this and gets the same model. Raises BadInput for labels that cannot be learnt (a single class,
    missing values) and for backbones that cannot be loaded.
    """
    from evenhand.adapting.strategies import adapt

    return adapt(recipe, splits, backbone, run)


def scores(model: Any, rows: Dataset, schema: Schema) -> np.ndarray:
    """What `model` says about `rows`: its own `scores(rows)`, or a scikit-learn estimator over the input columns.

    Returns probabilities of shape [rows, classes], or predicted values of shape [rows] for a regressor.
    """
    import numpy as np

    if hasattr(model, "scores"):
        from evenhand.adapting.own_models import blamed

        with blamed(type(model), "scores"):
            found = np.asarray(model.scores(rows))
        if found.shape[:1] != (len(rows),):
            raise PluginFault(
                f"{type(model).__name__}.scores gave an array of shape {found.shape} for {len(rows)} rows"
            )
        return found
    from evenhand.adapting.views import table_of

    frame = table_of(rows, schema)
    return np.asarray(model.predict_proba(frame) if hasattr(model, "predict_proba") else model.predict(frame))
