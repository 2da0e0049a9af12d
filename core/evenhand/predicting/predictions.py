"""The predict stage: what the adapted model and each baseline say about the test rows, as one table."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.asking.question import Question
from evenhand.errors import BadInput, PluginFault, missing_column
from evenhand.mitigating.deciding import UNMITIGATED
from evenhand.predicting import thresholds
from evenhand.predicting.classes import positive_class
from evenhand.predicting.operating import as_facts
from evenhand.predicting.texts import written_columns
from evenhand.recipe import Recipe
from evenhand.schema import Schema
from evenhand.values import Adapted, LabelThresholds, OperatingPoint, Predictions, Splits

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset

    from evenhand.auditing import Audit, Estimate, GroupMetric


def predictions_table(recipe: Recipe, splits: Splits, adapted: Adapted) -> tuple[dict[str, Any], dict[str, Any]]:
    """(columns of predictions.parquet, what its reader must know) for the test split.

    Inputs are left out unless [audit] names them: the table holds what an audit needs and no message, image or record.
    """
    from evenhand.adapting import scores

    if recipe.task == "multilabel":
        return _labelled_table(recipe, splits, adapted)
    rows = splits.test
    label = splits.schema.require("label", "predicting")
    named = [column for role, column in splits.schema.columns() if role not in ("input", "split")]
    kept = dict.fromkeys([*named, *(column for _, column in recipe.audit.columns())])
    table: dict[str, Any] = {name: list(rows[name]) for name in kept}
    if recipe.task == "generate":
        return table, {"label": label, "rows": len(rows)} | written_columns(adapted, rows, table, free_name)
    prediction, score = free_name("prediction", table), free_name("score", table)
    said = scores(adapted.model, rows, splits.schema)
    decided, probability = decide(recipe, adapted, said, rows=rows)
    abstaining = left_open(adapted, rows, splits.schema, said, table)
    table.update({name: values.tolist() for name, values in abstaining.items()})
    table[prediction] = decided
    if probability is not None:
        table[score] = probability
    baselines, baseline_scores = {}, {}
    others = dict(adapted.baselines) | ({UNMITIGATED: None} if adapted.deciding is not None else {})
    for name, model in others.items():
        baselines[name] = free_name(f"baseline_{name}", table)
        theirs = said if model is None else scores(model, rows, splits.schema)
        decided, probability = decide(recipe, adapted, theirs, baseline=name)
        table[baselines[name]] = decided
        if recipe.task == "binary":
            baseline_scores[name] = free_name(f"{baselines[name]}_score", table)
            table[baseline_scores[name]] = probability
    facts = {
        "label": label,
        "prediction": prediction,
        "score": score if probability is not None else None,
        "classes": list(adapted.classes),
        "baselines": baselines,
        "baseline_scores": baseline_scores,
        "operating": as_facts(adapted.operating),
        "rows": len(rows),
        "abstaining": list(abstaining),
        **({} if adapted.deciding is None else {"threshold": _of_all(adapted.deciding)}),
    }
    return table, facts


def _of_all(deciding: Any) -> float | None:
    """The one threshold of all decisions; None where groups have rules of their own."""
    return None if deciding.needs else float(deciding.shared)


def _labelled_table(recipe: Recipe, splits: Splits, adapted: Adapted) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same of a multi-label task: for each label, and each model, a column of decisions and one of scores."""
    from evenhand.adapting import scores

    rows, labels = splits.test, tuple(adapted.classes)
    named = [column for role, column in splits.schema.columns() if role not in ("input", "split")]
    kept = dict.fromkeys([*named, *(column for _, column in recipe.audit.columns())])
    table: dict[str, Any] = {name: list(rows[name]) for name in kept}
    patterns = {}
    for name, model in {"": adapted.model, **adapted.baselines}.items():
        found = label_scores(adapted, scores(model, rows, splits.schema))
        decided = thresholds.given_labels(found, adapted.labelled, name or None)
        pair = (f"baseline_{name}_{{}}", f"baseline_{name}_score_{{}}") if name else thresholds.PATTERNS
        decision, score = (thresholds.free_pattern(pattern, labels, table) for pattern in pair)
        patterns[name] = decision, score
        table |= thresholds.label_columns_of(decided, found, labels, patterns[name])
    facts = {
        "label": None,
        "prediction": patterns[""][0],
        "score": patterns[""][1],
        "classes": list(labels),
        "baselines": {name: patterns[name][0] for name in adapted.baselines},
        "baseline_scores": {name: patterns[name][1] for name in adapted.baselines},
        "operating": None,
        "labelled": thresholds.as_facts(adapted.labelled),
        "rows": len(rows),
    }
    return table, facts


def label_scores(adapted: Adapted, scores: np.ndarray) -> np.ndarray:
    """Scores [rows, labels] of a multi-label model, checked."""
    import numpy as np

    found = np.asarray(scores, dtype=np.float64)
    _check_finite(found)
    if found.ndim != 2 or found.shape[1] != len(adapted.classes):
        raise PluginFault(
            f"scores have shape {found.shape}; expected [rows, {len(adapted.classes)}], one column per label"
        )
    return found


def predictions_of(recipe: Recipe, schema: Schema, facts: dict[str, Any], file: Path) -> Predictions:
    """The value that `evaluate` and `audit_bias` get: the table on disk and the role of its columns."""
    operating = OperatingPoint(**facts["operating"]) if facts.get("operating") else None
    usual = facts["threshold"] if "threshold" in facts else threshold_of(recipe, operating)
    return Predictions(
        table=file,
        schema=replace_roles(schema, prediction=facts["prediction"], score=facts["score"]),
        task=recipe.task,
        threshold=usual if recipe.task in ("binary", "generate") else None,
        classes=tuple(facts["classes"]),
        baselines=facts["baselines"],
        baseline_scores=facts.get("baseline_scores", {}),
        operating=operating,
        labelled=LabelThresholds.from_facts(facts.get("labelled")),
    )


def check_question(recipe: Recipe, splits: Splits) -> None:
    """Raise BadInput for what could not be audited once the model is trained: columns, rules and ways to select."""
    from evenhand.auditing.question.choices import read_reference
    from evenhand.auditing.question.policy import load_policy
    from evenhand.auditing.question.taking import called_groups

    asked, columns = recipe.audit, splits.test.column_names
    for part, column in asked.columns():
        if column not in columns:
            raise missing_column(column, splits.source, columns, option=f"audit.{part}")
    load_policy(asked.policy)
    sensitive = asked.sensitive or splits.schema.sensitive
    read_reference(asked.reference, sensitive, called_groups(asked.names, sensitive))
    for column in asked.bins:
        if column not in sensitive:
            raise missing_column(column, "the sensitive columns", sensitive, option="audit.bins")
    if asked.favourable is not None:
        _check_favourable(recipe, splits)
    if asked.operating_point and (recipe.task != "binary" or asked.threshold is not None or asked.top is not None):
        raise BadInput(
            f"'audit.operating_point' chooses the threshold of a binary task, and this {recipe.task} task has "
            f"audit.threshold = {asked.threshold} and audit.top = {asked.top}; keep one of them (an empty table, "
            "audit.operating_point={}, asks for none)"
        )
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
    if predictions.task == "multilabel":
        return asked.but(**_of_labels(recipe, predictions))
    if predictions.task == "generate":
        return _of_quality(recipe, predictions)
    return asked.but(
        label=roles.label,
        score=roles.score,
        prediction=roles.prediction if decided or not binary else None,
        threshold=predictions.threshold if decided else None,
        operating_point={},  # it was found: the threshold is it
        positive=predictions.classes[positive_class(roles, predictions.classes)] if binary else None,
        task=predictions.task,
        sensitive=asked.sensitive or roles.sensitive,
        cluster=asked.cluster or roles.group_id,
        weight=asked.weight or roles.weight,
        id=asked.id or roles.id,
        seed=asked.seed or recipe.seed,
        title=asked.title or recipe.title,
    )


def _of_labels(recipe: Recipe, predictions: Predictions) -> dict[str, Any]:
    """What is asked of a multi-label run: of every label the same, by its decisions."""
    asked, roles = recipe.audit, predictions.schema
    return {
        "labels": roles.labels,
        "score": roles.score,
        "prediction": roles.prediction,
        "threshold": None,
        "task": "multilabel",
        "sensitive": asked.sensitive or roles.sensitive,
        "cluster": asked.cluster or roles.group_id,
        "weight": asked.weight or roles.weight,
        "id": asked.id or roles.id,
        "seed": asked.seed or recipe.seed,
        "title": asked.title or recipe.title,
    }


def _of_quality(recipe: Recipe, predictions: Predictions) -> Question:
    """The question of texts: each row has a quality, and is done well from the threshold on."""
    asked, roles = recipe.audit, predictions.schema
    return asked.but(
        score=roles.score,
        threshold=predictions.threshold,
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


def decide(
    recipe: Recipe, adapted: Adapted, scores: np.ndarray, baseline: str | None = None, rows: Any = None
) -> tuple[list[Any], list[float] | None]:
    """(predicted value per row, score per row or None) from a model's scores [rows, classes] or [rows].

    baseline: whose scores these are, where they are not the adapted model's own; it has its own operating point.
    rows: the rows that were scored, asked for columns by name; needed where a mitigation decides by group.
    """
    import numpy as np

    scores = np.asarray(scores, dtype=np.float64)
    _check_finite(scores)
    if recipe.task == "multilabel":
        given = thresholds.given_labels(label_scores(adapted, scores), adapted.labelled, baseline)
        return [as_list(row, adapted.classes) for row in given], None
    if recipe.task == "regression":
        return scores.reshape(-1).tolist(), None
    if scores.ndim != 2 or scores.shape[1] != len(adapted.classes):
        raise PluginFault(
            f"scores have shape {scores.shape}; expected [rows, {len(adapted.classes)}], one column per class"
        )
    if recipe.task == "binary":
        positive = positive_class(recipe.schema, adapted.classes)
        probability = np.clip(scores[:, positive], 0.0, 1.0)
        if adapted.deciding is not None and baseline is None:
            selected = adapted.deciding.selects(probability, rows)
        else:
            selected = probability >= threshold_of(recipe, adapted.operating, baseline)
        chosen = np.where(selected, positive, 1 - positive)
    else:
        chosen = scores.argmax(axis=1)
        probability = scores.max(axis=1)
    return [adapted.classes[index] for index in chosen], np.clip(probability, 0.0, 1.0).tolist()


def _check_finite(scores: np.ndarray) -> None:
    import numpy as np

    if not np.isfinite(scores).all():
        raise PluginFault(
            "the model's scores hold NaN or infinite values; look at log.jsonl for a diverging loss, lower"
            " learning_rate"
        )


def as_list(given: np.ndarray, classes: Sequence[Any]) -> str:
    """The labels of one row as a JSON list, which every file format holds."""
    names = [str(name) for name, here in zip(classes, given, strict=True) if here]
    return json.dumps(names, ensure_ascii=False)


def left_open(
    adapted: Adapted, rows: Dataset, schema: Schema, said: np.ndarray, table: Container[str]
) -> dict[str, np.ndarray]:
    """The columns none_of_these (the score) and abstained; none where every row is decided. `said`: its scores."""
    if adapted.scope is None:
        return {}
    strange = adapted.scope.scores(rows, schema, said)
    return {
        free_name("none_of_these", table): strange,
        free_name("abstained", table): strange > adapted.scope.threshold,
    }


def threshold_of(recipe: Recipe, operating: OperatingPoint | None, baseline: str | None = None) -> float:
    """Where decisions turn positive: at the operating point, at the recipe's threshold, else at 0.5."""
    if operating is not None:
        return operating.threshold if baseline is None else operating.baselines.get(baseline, operating.threshold)
    return 0.5 if recipe.audit.threshold is None else recipe.audit.threshold


def free_name(name: str, table: Container[str]) -> str:
    """`name`, or `model_name` where the data already has such a column."""
    while name in table:
        name = f"model_{name}"
    return name
