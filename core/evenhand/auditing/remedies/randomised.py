"""Fairlearn's ThresholdOptimizer in the mitigation preview: two thresholds per group, and chance between them.

It finds what no fixed thresholds can: rates that are equal to the last row. It knows no weights, and decides a case
near the thresholds by chance, which many uses forbid; so it is asked for, never the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.metrics.rates import FNR, FPR, SELECTION_RATE, TNR, TPR
from evenhand.errors import BadInput
from evenhand.statistics.arrays import Floats


def _cells(metric: GroupMetric) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(metric.numerator), frozenset(metric.denominator)


CONSTRAINTS = {
    frozenset(("selection_rate",)): "demographic_parity",
    frozenset(("tpr",)): "true_positive_rate_parity",
    frozenset(("fnr",)): "false_negative_rate_parity",
    frozenset(("fpr",)): "false_positive_rate_parity",
    frozenset(("tnr",)): "true_negative_rate_parity",
    frozenset(("tpr", "fpr")): "equalized_odds",
    frozenset(("fnr", "tnr")): "equalized_odds",
    frozenset(("tpr", "tnr")): "equalized_odds",
    frozenset(("fnr", "fpr")): "equalized_odds",
}
KNOWN = {_cells(rate): rate.name for rate in (SELECTION_RATE, TPR, FNR, FPR, TNR)}  # a plugin's may be called otherwise
MOST_ROWS = 200_000  # that fairlearn is given; of more rows as many in proportion


def chances(
    edges: Floats, positive: Floats, negative: Floats, limits: Mapping[GroupMetric, float]
) -> tuple[Floats, list[str]] | None:
    """(chance of selection [bin, group], the rule of each group in words); None where fairlearn has no such constraint.

    edges: lower edges of the score bins. positive, negative: rows [bin, group]. limits: largest gap of each judged
    metric; of two together fairlearn knows only that there be none. Weights count as rows.
    None too where a group lacks one of the labels. Raises BadInput without fairlearn.
    Source: Hardt, Price & Srebro 2016, NeurIPS; Bird et al. 2020 (fairlearn).
    """
    constraint = CONSTRAINTS.get(frozenset(KNOWN.get(_cells(metric), metric.name) for metric in limits))
    rows = positive.sum() + negative.sum()
    scale = min(1.0, MOST_ROWS / max(rows, 1.0))
    counts = [np.rint(side * scale).astype(int) for side in (negative, positive)]
    if constraint is None or any((side.sum(axis=0) == 0).any() for side in counts):
        return None
    score, group = (a.ravel() for a in np.meshgrid(edges, np.arange(positive.shape[1]), indexing="ij"))
    taken = [np.repeat(np.arange(score.size), side.ravel()) for side in counts]
    place, label = np.concatenate(taken), np.repeat([0, 1], [len(rows_of) for rows_of in taken])
    tolerated = min(limits.values()) if len(limits) == 1 else None
    found = optimised(constraint, tolerated, score[place][:, None], label, group[place])
    names = range(positive.shape[1])
    return np.column_stack([_chance(found[g], edges) for g in names]), [_words(found[g]) for g in names]


def optimised(
    constraint: str,
    tolerated: float | None,
    scores: Floats,
    label: Floats,
    group: Floats,
    objective: str = "accuracy_score",
) -> Mapping[Any, Mapping[str, Any]]:
    """Group -> fairlearn's rule: two thresholds, the shares of each, and a constant in place of some.

    tolerated: how far apart groups may stay; None: not at all. scores: [rows, 1]. BadInput without fairlearn.
    """
    try:
        from fairlearn.postprocessing import ThresholdOptimizer
        from sklearn.base import BaseEstimator, ClassifierMixin
    except ImportError:
        raise BadInput(
            "fairlearn is not installed, so its thresholds cannot be previewed; install evenhand[train], or leave out"
            " --mitigation fairlearn"
        ) from None

    class Score(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        """The score is the prediction."""

        def fit(self, x: Floats, y: Floats) -> Score:
            self.classes_ = np.array([0, 1])
            return self

        def predict_proba(self, x: Floats) -> Floats:
            return np.column_stack([1 - x[:, 0], x[:, 0]])

    optimizer = ThresholdOptimizer(
        estimator=Score().fit(scores, label),
        constraints=constraint,
        objective=objective,
        prefit=True,
        predict_method="predict_proba",
        tol=tolerated,
    )
    optimizer.fit(scores, label, sensitive_features=group)
    rules: Mapping[Any, Mapping[str, Any]] = optimizer.interpolated_thresholder_.interpolation_dict
    return rules


def _chance(rule: Mapping[str, Any], edges: Floats) -> Floats:
    """Chance of selection at each score, by fairlearn's interpolation of two thresholds and a constant."""
    mixed = sum(rule[f"p{i}"] * _above(rule[f"operation{i}"], edges) for i in (0, 1))
    ignored = rule.get("p_ignore", 0.0)
    return np.asarray(ignored * rule.get("prediction_constant", 0.0) + (1 - ignored) * mixed)


def _above(operation: Any, edges: Floats) -> Floats:
    above = edges > operation.threshold
    return np.asarray(above if operation.operator == ">" else edges < operation.threshold, dtype=float)


def _words(rule: Mapping[str, Any]) -> str:
    parts = [
        f"above {rule[f'operation{i}'].threshold:.3f} with chance {rule[f'p{i}']:.2f}"
        for i in (0, 1)
        if rule[f"p{i}"] > 0.005
    ]
    text = ", else ".join(parts)
    ignored = rule.get("p_ignore", 0.0)
    if ignored > 0.005:
        text += f"; in {ignored:.1%} of cases by chance alone ({rule['prediction_constant']:.1%} selected)"
    return text
