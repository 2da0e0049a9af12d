"""Thresholds of a multi-label task: from which score on each label is given, as validation rows say it is best.

The scores are those of a model that did not see these rows, as for an operating point (`operating.py`). A threshold
that is best on three rows is best by luck, so labels with few positive validation rows share one threshold: the one
that is best over all their rows together.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.errors import BadInput
from evenhand.predicting.operating import clipped_scores, unseen_scores
from evenhand.recipe import Recipe
from evenhand.values import Adapted, LabelThresholds, Splits

if TYPE_CHECKING:
    from evenhand.schema import Schema

FEW = 10  # positive validation rows; below, the best threshold of one label is mostly chance
USUAL = 0.5
OPTION = "threshold_beta"
PATTERNS = ("prediction_{}", "score_{}")  # names of the columns of each label, which stands for {}


def best_threshold(positive: np.ndarray, score: np.ndarray, beta: float = 1.0) -> tuple[float, float]:
    """(the threshold with the highest F-beta, that F). positive, score: [rows]. Decisions are score >= threshold.

    It lies halfway between the last score that is decided positive and the next one, where a new row is as likely on
    either side; where several are as good, the highest is taken. Without a positive row it is 0.5, and F is 0.
    """
    if not positive.any():
        return USUAL, 0.0
    levels, place = np.unique(score, return_inverse=True)
    hits = np.bincount(place, weights=positive, minlength=len(levels))[::-1].cumsum()
    alarms = np.bincount(place, minlength=len(levels))[::-1].cumsum()
    square = beta * beta
    figure = (1 + square) * hits / (square * positive.sum() + alarms)
    best = int(np.argmax(figure))
    falling = levels[::-1]
    below = falling[best + 1] if best + 1 < len(falling) else falling[best]
    middle = (falling[best] + below) / 2
    return float(middle if middle > below else falling[best]), float(figure[best])


def thresholds_for(truth: np.ndarray, scores: np.ndarray, beta: float = 1.0, few: int = FEW) -> tuple[Any, Any, Any]:
    """(threshold of each label, F-beta there, which labels share one); truth, scores: [rows, labels]."""
    sparse = truth.sum(axis=0) < few
    shared, _ = best_threshold(truth[:, sparse].ravel(), scores[:, sparse].ravel(), beta)
    thresholds, reached = np.full(truth.shape[1], shared), np.zeros(truth.shape[1])
    for j in range(truth.shape[1]):
        if not sparse[j]:
            thresholds[j], _ = best_threshold(truth[:, j], scores[:, j], beta)
        reached[j] = f_beta(truth[:, j], scores[:, j] >= thresholds[j], beta)
    return thresholds, reached, sparse


def f_beta(truth: np.ndarray, decided: np.ndarray, beta: float = 1.0) -> float:
    """(1 + b²) · hits / (b² · positive rows + decided rows); 0 where there are neither."""
    square = beta * beta
    among = square * truth.sum() + decided.sum()
    return float((1 + square) * (truth & decided).sum() / among) if among else 0.0


def with_thresholds(recipe: Recipe, splits: Splits, adapted: Adapted) -> Adapted:
    """The adapted model with a threshold for each label; itself where the task has no labels.

    `audit.threshold` is that of every label where the recipe sets it. Every baseline gets its own by the same rule.
    """
    if recipe.task != "multilabel":
        return adapted
    labels, beta = tuple(adapted.classes), _beta(recipe)
    truth = np.array([splits.validation[name] for name in labels], dtype=bool).reshape(len(labels), -1).T
    fixed = recipe.audit.threshold
    rule = "it was set for all" if fixed is not None else f"F{beta:g} on validation"

    def chosen(scores: np.ndarray) -> tuple[Any, Any, Any]:
        if fixed is None:
            return thresholds_for(truth, scores, beta)
        figures = [f_beta(truth[:, j], scores[:, j] >= fixed) for j in range(len(labels))]
        return np.full(len(labels), fixed), np.array(figures), np.zeros(len(labels), dtype=bool)

    mine, figures, sparse = chosen(unseen_scores(adapted, splits.validation, splits.schema))
    rows, schema = splits.validation, splits.schema
    rivals = {name: chosen(clipped_scores(model, rows, schema))[0] for name, model in adapted.baselines.items()}
    found = LabelThresholds(
        rule,
        labels,
        tuple(mine.tolist()),
        tuple(figures.tolist()),
        tuple(truth.sum(axis=0).tolist()),
        len(truth),
        tuple(name for name, few in zip(labels, sparse, strict=True) if few),
        {name: tuple(found.tolist()) for name, found in rivals.items()},
    )
    return replace(adapted, labelled=found, notes=(*adapted.notes, *told(found)))


def _beta(recipe: Recipe) -> float:
    beta = recipe.options.get(OPTION, 1.0)
    if isinstance(beta, bool) or not isinstance(beta, int | float) or not 0.1 <= beta <= 10:
        raise BadInput(
            f"options.{OPTION} is {beta!r}; it is a number from 0.1 to 10: 1 weighs precision and recall alike, 2"
            " recall more"
        )
    return float(beta)


def told(found: LabelThresholds) -> tuple[str, ...]:
    """Sentences: how the thresholds were chosen, and which labels share one."""
    first = (
        f"a label is given from its own threshold on ({found.rule}, {found.rows:,} rows scored by a model that had not"
        f" seen them): {min(found.thresholds):.3g} to {max(found.thresholds):.3g}"
    )
    if not found.shared:
        return (first,)
    shown = ", ".join(found.shared[:5]) + (", …" if len(found.shared) > 5 else "")
    few = f"{len(found.shared)} labels have" if len(found.shared) > 1 else "1 label has"
    return (
        first,
        f"{few} fewer than {FEW} positive validation rows ({shown}), too few for a threshold of their own; they take"
        " the one that is best over all of them",
    )


def given_labels(scores: np.ndarray, thresholds: LabelThresholds | None, baseline: str | None = None) -> np.ndarray:
    """Bool [rows, labels]: which labels are given."""
    if thresholds is None:
        return np.asarray(scores >= USUAL)
    mine = thresholds.thresholds if baseline is None else thresholds.baselines.get(baseline, thresholds.thresholds)
    return np.asarray(scores >= np.asarray(mine))


def label_columns_of(
    decided: np.ndarray, scores: np.ndarray, labels: tuple[Any, ...], patterns: tuple[str, str]
) -> dict[str, Any]:
    """Columns of 0 and 1 and of scores, one of each for a label. patterns: their names, with `{}` for the label."""
    prediction, score = patterns
    found: dict[str, Any] = {}
    for j, name in enumerate(labels):
        found[column_of(prediction, name)] = decided[:, j].astype(np.int8)
        found[column_of(score, name)] = np.clip(scores[:, j], 0.0, 1.0)
    return found


def column_of(pattern: str, label: Any) -> str:
    """The column of one label: `{}` in the pattern is its name."""
    return pattern.replace("{}", str(label))


def free_pattern(pattern: str, labels: tuple[Any, ...], taken: Any) -> str:
    """The pattern, or one with `model_` before it, under which no label's column is among those `taken`."""
    while any(column_of(pattern, label) in taken for label in labels):
        pattern = f"model_{pattern}"
    return pattern


def as_facts(found: LabelThresholds | None) -> dict[str, Any] | None:
    """The thresholds as JSON holds them."""
    return None if found is None else asdict(found)


def truth_of(frame: Any, schema: Schema) -> np.ndarray:
    """Bool [rows, labels] of a Polars frame with a column of 0 and 1 for each label."""
    return np.asarray(frame.select(schema.labels).to_numpy() == 1)
