"""The predict stage: what the adapted model and each baseline say about the test rows, as one table."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.asking.question import Question
from evenhand.errors import BadInput, PluginFault, missing_column
from evenhand.recipe import Recipe
from evenhand.schema import Schema
from evenhand.values import Adapted, Predictions, Splits

if TYPE_CHECKING:
    import numpy as np

    from evenhand.auditing import Audit, Estimate, GroupMetric


def predictions_table(recipe: Recipe, splits: Splits, adapted: Adapted) -> tuple[dict[str, Any], dict[str, Any]]:
    """(columns of predictions.parquet, what its reader must know) for the test split.

    Inputs are left out unless [audit] names them: the table holds what an audit needs and no message, image or record.
    """
    from evenhand.adapting import scores

    rows = splits.test
    label = splits.schema.require("label", "predicting")
    named = [column for role, column in splits.schema.columns() if role not in ("input", "split")]
    kept = dict.fromkeys([*named, *(column for _, column in recipe.audit.columns())])
    table: dict[str, Any] = {name: list(rows[name]) for name in kept}
    prediction, score = free_name("prediction", table), free_name("score", table)
    decided, probability = decide(recipe, adapted, scores(adapted.model, rows, splits.schema))
    table[prediction] = decided
    if probability is not None:
        table[score] = probability
    baselines, baseline_scores = {}, {}
    for name, model in adapted.baselines.items():
        column = free_name(f"baseline_{name}", table)
        table[column], rival = decide(recipe, adapted, scores(model, rows, splits.schema))
        baselines[name] = column
        if rival is not None:
            baseline_scores[name] = free_name(f"baseline_{name}_score", table)
            table[baseline_scores[name]] = rival
    facts = {
        "label": label,
        "prediction": prediction,
        "score": score if probability is not None else None,
        "classes": list(adapted.classes),
        "baselines": baselines,
        "baseline_scores": baseline_scores,
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
        baseline_scores=facts.get("baseline_scores", {}),
    )


def check_question(recipe: Recipe, splits: Splits) -> None:
    """Raise BadInput for what could not be audited once the model is trained: columns, rules and ways to select."""
    from evenhand.auditing.question.choices import read_reference
    from evenhand.auditing.question.policy import load_policy

    asked, columns = recipe.audit, splits.test.column_names
    for part, column in asked.columns():
        if column not in columns:
            raise missing_column(column, splits.source, columns, option=f"audit.{part}")
    load_policy(asked.policy)
    sensitive = asked.sensitive or splits.schema.sensitive
    read_reference(asked.reference, sensitive)
    for column in asked.bins:
        if column not in sensitive:
            raise missing_column(column, "the sensitive columns", sensitive, option="audit.bins")
    if asked.favourable is not None:
        _check_favourable(recipe, splits)
    if asked.top is not None and (recipe.task != "binary" or asked.threshold is not None):
        raise BadInput(
            f"'audit.top' = {asked.top} selects the best by score, which a {recipe.task} task with "
            f"audit.threshold = {asked.threshold} does not; drop one of them"
        )


def _check_favourable(recipe: Recipe, splits: Splits) -> None:
    from evenhand.auditing.question.favourable import read_favourable
    from evenhand.auditing.table.labels import plain

    said = recipe.audit.favourable
    if recipe.task != "binary":
        raise BadInput(f"'audit.favourable' = {said}: a {recipe.task} task has no yes-or-no decision; leave it out")
    classes = {value for value in splits.test[splits.schema.require("label", "auditing")] if value is not None}
    yes = plain([*classes][positive_class(splits.schema, tuple(classes))])
    read_favourable(said, [yes], [tuple(sorted(map(plain, classes)))])


def question_of(recipe: Recipe, predictions: Predictions) -> Question:
    """The recipe's question of a run's predictions; what it leaves open is as the schema and the recipe say."""
    asked, roles = recipe.audit, predictions.schema
    binary = predictions.task == "binary" and len(predictions.classes) == 2
    decided = binary and asked.top is None  # the top ones are selected by score, not by the model's decisions
    return asked.but(
        label=roles.label,
        score=roles.score,
        prediction=roles.prediction if decided or not binary else None,
        threshold=predictions.threshold if decided else None,
        positive=predictions.classes[positive_class(roles, predictions.classes)] if binary else None,
        task=predictions.task,
        sensitive=asked.sensitive or roles.sensitive,
        cluster=asked.cluster or roles.group_id,
        weight=asked.weight or roles.weight,
        id=asked.id or roles.id,
        seed=asked.seed or recipe.seed,
        title=asked.title or recipe.title,
    )


def audit_of(recipe: Recipe, predictions: Predictions, extra: Sequence[GroupMetric | Estimate]) -> Audit:
    """The audit of a run's predictions by its recipe's question; `extra` is what its plugin adds."""
    from evenhand.auditing import conduct

    return conduct(predictions.table, question_of(recipe, predictions), extra)


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
            "the model's scores hold NaN or infinite values; look at log.jsonl for a diverging loss, lower"
            " learning_rate"
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
