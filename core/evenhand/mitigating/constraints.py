"""What groups are to be alike in: the recipe's word for it, how far groups are apart in it, and fairlearn's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.auditing.question.choices import JUDGED as BY_ONE_FIGURE
from evenhand.auditing.question.policy import load_policy
from evenhand.errors import BadInput

if TYPE_CHECKING:
    from evenhand.recipe import Recipe

USUAL = 0.02  # how far apart groups may stay where nothing says it
JUDGED = {  # metric of an audit -> what is made even for its sake
    "selection_rate": "selection_rate",
    "tpr": "tpr",
    "fnr": "tpr",
    "fpr": "fpr",
    "tnr": "fpr",
    "accuracy": "error_rate",
    "error_rate": "error_rate",
}
RATES = {  # constraint -> the audit's metrics that show it
    "selection_rate": ("selection_rate",),
    "tpr": ("tpr",),
    "fpr": ("fpr",),
    "equalized_odds": ("tpr", "fpr"),
    "error_rate": ("accuracy",),
    "loss": ("mae",),
}
OPTIMISED = {  # of fairlearn's ThresholdOptimizer
    "selection_rate": "demographic_parity",
    "tpr": "true_positive_rate_parity",
    "fpr": "false_positive_rate_parity",
    "equalized_odds": "equalized_odds",
}


@dataclass(frozen=True, slots=True)
class Constraint:
    """name: a key of RATES. most: how far apart groups may stay; given: whether somebody said so."""

    name: str
    most: float
    given: bool

    def rates(self, positive: np.ndarray, selected: np.ndarray) -> np.ndarray:
        """The figures that are to be even, of rows of one group; [figures], NaN where a figure has no row."""
        with np.errstate(invalid="ignore", divide="ignore"):
            tpr = (selected & positive).sum() / positive.sum()
            fpr = (selected & ~positive).sum() / (~positive).sum()
            found = {
                "selection_rate": [selected.mean()],
                "tpr": [tpr],
                "fpr": [fpr],
                "equalized_odds": [tpr, fpr],
                "error_rate": [(selected != positive).mean()],
            }[self.name]
        return np.array(found, dtype=float)

    def gap(self, positive: np.ndarray, selected: np.ndarray, groups: np.ndarray) -> float:
        """The largest distance between two groups in any of the figures."""
        each = np.array([self.rates(positive[groups == g], selected[groups == g]) for g in np.unique(groups)])
        known = [column[np.isfinite(column)] for column in each.T]
        return float(max((np.ptp(column) for column in known if len(column)), default=0.0))

    def moment(self, bound: float) -> Any:
        """fairlearn's constraint, with groups at most `bound` apart (of `loss`: with losses below it)."""
        from fairlearn import reductions as made

        kinds: dict[str, Any] = {
            "selection_rate": made.DemographicParity,
            "tpr": made.TruePositiveRateParity,
            "fpr": made.FalsePositiveRateParity,
            "equalized_odds": made.EqualizedOdds,
            "error_rate": made.ErrorRateParity,
        }
        return kinds[self.name](difference_bound=max(bound, 1e-4))


def constraint_of(recipe: Recipe) -> Constraint:
    """What the recipe's [mitigation] asks for; BadInput where it does not fit the task."""
    rule, task = recipe.mitigation, recipe.task
    tolerated = tolerance_of(recipe)
    name = rule.constraint if rule.constraint != "auto" else _asked(recipe, tolerated)
    if (name == "loss") != (task == "regression"):
        raise BadInput(
            f"mitigation.constraint = '{name}' does not fit the task {task}: a regression bounds the loss of each group"
            " (constraint = 'loss'), classes are made even in rates"
        )
    limits = [limit for metric, limit in tolerated.items() if JUDGED.get(metric) in _parts(name)]
    most = rule.most if rule.most is not None else min(limits, default=USUAL)
    return Constraint(name, most, rule.most is not None or bool(limits))


def tolerance_of(recipe: Recipe) -> dict[str, float]:
    """Metric -> the largest gap that the recipe's question, or its policy, tolerates."""
    policy = load_policy(recipe.audit.policy)
    theirs: Mapping[str, float] = policy.tolerance if policy else {}
    asked = recipe.audit.tolerance
    if not isinstance(asked, Mapping):  # one figure for all that is judged by default
        usual = BY_ONE_FIGURE.get(recipe.task, ())
        judged = [name for name in recipe.audit.metrics if name in JUDGED] or usual
        return dict.fromkeys(judged, float(asked))
    return {**theirs, **asked}


def _asked(recipe: Recipe, tolerated: Mapping[str, float]) -> str:
    if recipe.task == "regression":
        return "loss"
    policy = load_policy(recipe.audit.policy)
    asked = {JUDGED[metric] for metric in tolerated if metric in JUDGED}
    asked |= {"selection_rate"} if policy and policy.ratio else set()
    if {"tpr", "fpr"} <= asked:
        return "equalized_odds"
    return next((name for name in ("tpr", "fpr", "error_rate", "selection_rate") if name in asked), "equalized_odds")


def _parts(name: str) -> tuple[str, ...]:
    return ("tpr", "fpr") if name == "equalized_odds" else (name,)
