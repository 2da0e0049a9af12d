"""The predict stage: what the adapted model and each baseline say about the test rows, as one table."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.errors import PluginFault
from evenhand.recipe import Recipe
from evenhand.schema import Schema
from evenhand.values import Adapted, Predictions, Splits

if TYPE_CHECKING:
    import numpy as np

    from evenhand.auditing import Audit, Estimate, GroupMetric


def predictions_table(recipe: Recipe, splits: Splits, adapted: Adapted) -> tuple[dict[str, Any], dict[str, Any]]:
    """(columns of predictions.parquet, what its reader must know) for the test split.

    Inputs are left out: the table holds what an audit needs and no message, image or record.
    """
    from evenhand.adapting import scores

    rows = splits.test
    label = splits.schema.require("label", "predicting")
    kept = dict.fromkeys(column for role, column in splits.schema.columns() if role not in ("input", "split"))
    table: dict[str, Any] = {name: list(rows[name]) for name in kept}
    prediction, score = free_name("prediction", table), free_name("score", table)
    decided, probability = decide(recipe, adapted, scores(adapted.model, rows, splits.schema))
    table[prediction] = decided
    if probability is not None:
        table[score] = probability
    baselines = {}
    for name, model in adapted.baselines.items():
        column = free_name(f"baseline_{name}", table)
        table[column], _ = decide(recipe, adapted, scores(model, rows, splits.schema))
        baselines[name] = column
    facts = {
        "label": label,
        "prediction": prediction,
        "score": score if probability is not None else None,
        "classes": list(adapted.classes),
        "baselines": baselines,
        "rows": len(rows),
    }
    return table, facts


def predictions_of(recipe: Recipe, schema: Schema, facts: dict[str, Any], file: Path) -> Predictions:
    """The value that `evaluate` and `audit_bias` get: the table on disk and the role of its columns."""
    return Predictions(
        table=file,
        schema=replace_roles(schema, prediction=facts["prediction"], score=facts["score"]),
        task=recipe.task,
        threshold=_threshold(recipe) if recipe.task == "binary" else None,
        classes=tuple(facts["classes"]),
        baselines=facts["baselines"],
    )


def audit_of(recipe: Recipe, predictions: Predictions, extra: Sequence[GroupMetric | Estimate]) -> Audit:
    """The audit of a run's predictions by its recipe's audit rule; `extra` is what its plugin adds."""
    from evenhand.auditing import audit

    roles, rule = predictions.schema, recipe.audit
    binary = predictions.task == "binary" and len(predictions.classes) == 2
    return audit(
        predictions.table, label=roles.label, score=roles.score, prediction=roles.prediction, sensitive=roles.sensitive,
        threshold=predictions.threshold if binary else None,
        positive=predictions.classes[positive_class(roles, predictions.classes)] if binary else None,
        cluster=roles.group_id, weight=roles.weight, id=roles.id, task=predictions.task, tolerance=rule.tolerance or None,
        metrics=rule.metrics or None, extra=extra, intersections=rule.intersections, confidence=rule.confidence, seed=recipe.seed,
        title=recipe.title,
    )  # fmt: skip


def replace_roles(schema: Schema, **roles: Any) -> Schema:
    """The schema of a predictions table: no inputs, no split, and the given roles."""
    return schema.model_copy(update={"input": (), "split": None, **roles})


def positive_class(schema: Schema, classes: tuple[Any, ...]) -> int:
    """Which of two `classes` is the positive one: the schema's, else the later in sorted order."""
    if schema.positive is not None:
        for index, value in enumerate(classes):
            if value == schema.positive or str(value) == str(schema.positive):
                return index
    return max(range(len(classes)), key=lambda index: str(classes[index]))


def decide(recipe: Recipe, adapted: Adapted, scores: np.ndarray) -> tuple[list[Any], list[float] | None]:
    """(predicted value per row, score per row or None) from a model's scores [rows, classes] or [rows]."""
    import numpy as np

    scores = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(scores).all():
        raise PluginFault(
            "the model's scores hold NaN or infinite values; look at log.jsonl for a diverging loss, lower learning_rate"
        )
    if recipe.task == "regression":
        return scores.reshape(-1).tolist(), None
    if scores.ndim != 2 or scores.shape[1] != len(adapted.classes):
        raise PluginFault(
            f"scores have shape {scores.shape}; expected [rows, {len(adapted.classes)}], one column per class"
        )
    if recipe.task == "binary":
        positive = positive_class(recipe.schema, adapted.classes)
        chosen = np.where(scores[:, positive] >= _threshold(recipe), positive, 1 - positive)
        probability = scores[:, positive]
    else:
        chosen = scores.argmax(axis=1)
        probability = scores.max(axis=1)
    return [adapted.classes[index] for index in chosen], np.clip(probability, 0.0, 1.0).tolist()


def _threshold(recipe: Recipe) -> float:
    return 0.5 if recipe.audit.threshold is None else recipe.audit.threshold


def free_name(name: str, table: Container[str]) -> str:
    """`name`, or `model_name` where the data already has such a column."""
    while name in table:
        name = f"model_{name}"
    return name
