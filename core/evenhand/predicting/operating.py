"""The operating point: a user states what the decisions must reach, and validation rows say which threshold does.

The scores are those of a model that did not see these rows (`Adapted.validation_scores`): the model that decides in the
end was often fitted again on train and validation together, and would find its own training rows too easy. Its scores
are a little bolder than those, so what the test rows reach is measured and told beside.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.errors import BadInput
from evenhand.predicting.classes import positive_class
from evenhand.recipe import Recipe
from evenhand.statistics import concordance
from evenhand.statistics.intervals import wilson
from evenhand.values import Adapted, Metric, OperatingPoint, Splits

if TYPE_CHECKING:
    from datasets import Dataset

SLACK = 1e-9  # what rounding may take from a share
SAYS = {
    "sensitivity": (
        "the highest threshold with a sensitivity of at least",
        "share of the positive rows that are found",
    ),
    "specificity": (
        "the lowest threshold with a specificity of at least",
        "share of the negative rows that are spared",
    ),
    "selection_rate": ("the lowest threshold that selects at most", "share of the rows that are selected"),
    "precision": ("the lowest threshold with a precision of at least", "share of the selected rows that are positive"),
}


def reached(target: str, positive: np.ndarray, score: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(every distinct score, the highest first; what deciding positive from that score on reaches of `target`)."""
    levels, place = np.unique(score, return_inverse=True)
    found = np.bincount(place, weights=weight * positive, minlength=len(levels))[::-1].cumsum()
    alarmed = np.bincount(place, weights=weight * ~positive, minlength=len(levels))[::-1].cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        share = {
            "sensitivity": found / found[-1],
            "specificity": 1 - alarmed / alarmed[-1],
            "selection_rate": (found + alarmed) / (found[-1] + alarmed[-1]),
            "precision": found / (found + alarmed),
        }[target]
    return levels[::-1], np.asarray(share)


def threshold_for(
    target: str, wanted: float, positive: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None
) -> tuple[float, float] | None:
    """(the threshold that reaches `wanted`, what it reaches), None where none does. Decisions are score >= threshold.

    sensitivity: the highest with at least that share; specificity and precision: the lowest with at least that;
    selection_rate: the lowest with at most that. Rows that score alike are decided alike.
    """
    if not len(score):
        return None
    each = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=float)
    levels, share = reached(target, np.asarray(positive, dtype=bool), np.asarray(score, dtype=float), each)
    good = np.flatnonzero(share <= wanted + SLACK if target == "selection_rate" else share >= wanted - SLACK)
    if not len(good):
        return None
    best = good[0] if target == "sensitivity" else good[-1]
    return float(levels[best]), float(share[best])


def with_operating_point(recipe: Recipe, splits: Splits, adapted: Adapted) -> Adapted:
    """The adapted model with the thresholds that its recipe's operating point asks for; itself where it asks for none.

    Every baseline gets its own threshold by the same rule, since decisions at different points cannot be compared.
    BadInput where no threshold of the model reaches what is asked.
    """
    if not recipe.audit.operating_point:
        return adapted
    ((target, wanted),) = recipe.audit.operating_point.items()
    rows, schema = splits.validation, splits.schema
    column = positive_class(schema, adapted.classes)
    positive = np.array(
        [value == adapted.classes[column] for value in rows[schema.require("label", "an operating point")]]
    )
    weight = np.asarray(rows[schema.weight], dtype=float) if schema.weight else None
    mine = unseen_scores(adapted, rows, schema)[:, column]
    found = threshold_for(target, wanted, positive, mine, weight)
    if found is None:
        raise _unreachable(target, wanted, positive, mine, weight)
    thresholds = {}
    for name, model in adapted.baselines.items():
        theirs = clipped_scores(model, rows, schema)[:, column]
        thresholds[name] = (threshold_for(target, wanted, positive, theirs, weight) or (0.5, np.nan))[0]
    point = OperatingPoint(target, wanted, found[0], found[1], len(rows), thresholds)
    return replace(adapted, operating=point, notes=(*adapted.notes, told(point)))


def told(point: OperatingPoint) -> str:
    """One sentence: which threshold, by which rule, from how many rows, reaching what there."""
    return (
        f"decisions are score >= {point.threshold:.4g}: {SAYS[point.target][0]} {point.wanted:g} on the {point.rows:,} "
        f"validation rows, scored by a model that had not seen them (there: {point.reached:.3f})"
    )


def unseen_scores(adapted: Adapted, rows: Dataset, schema: Any) -> np.ndarray:
    """Scores [rows, classes] of the validation rows from a model that has not seen them.

    A plugin's model that brings none is fitted on train alone, as the contract has it, and is asked itself.
    """
    scores = adapted.validation_scores
    return np.asarray(clipped_scores(adapted.model, rows, schema) if scores is None else scores, dtype=np.float64)


def clipped_scores(model: Any, rows: Dataset, schema: Any) -> np.ndarray:
    """What a model says of rows, in [0, 1]."""
    from evenhand.adapting import scores

    return np.clip(np.asarray(scores(model, rows, schema), dtype=np.float64), 0.0, 1.0)


def _unreachable(
    target: str, wanted: float, positive: np.ndarray, score: np.ndarray, weight: np.ndarray | None
) -> BadInput:
    each = np.ones(len(score)) if weight is None else weight
    _, share = reached(target, positive, score, each)
    known = share[np.isfinite(share)]
    if not len(known):
        return BadInput(
            f"audit.operating_point asks for a {target} of {wanted:g}, which the {len(score)} validation rows cannot "
            "tell, since they lack one of the two classes; give more rows, or a larger split.validation"
        )
    best = known.min() if target == "selection_rate" else known.max()
    return BadInput(
        f"no threshold reaches the {target} of {wanted:g} that audit.operating_point asks for: the nearest on the "
        f"{len(score)} validation rows is {best:.3f}; ask for that, or for another figure"
    )


def operating_metrics(
    point: OperatingPoint, positive: np.ndarray, selected: np.ndarray, weight: np.ndarray | None, cluster: Any
) -> list[Metric]:
    """What the test rows show of the figure that the operating point was chosen for, with its interval."""
    among = {"sensitivity": positive, "specificity": ~positive, "precision": selected}.get(
        point.target, np.ones(len(positive), dtype=bool)
    )
    hit = ~selected if point.target == "specificity" else positive if point.target == "precision" else selected
    found = concordance.share(hit, among, weight)
    rows = int(among.sum())
    if not np.isfinite(found.value):
        return []
    error, spread = found.error(cluster), found.value * (1 - found.value)
    effective = min(rows, spread / error**2) if error > 0 and spread > 0 else rows
    lower, upper = (float(end) for end in wilson(np.array(found.value * effective), np.array(effective), 1.96))
    says = (
        f"{SAYS[point.target][1]} at score >= {point.threshold:.4g}, chosen on validation ({point.reached:.3f} there)"
    )
    return [
        Metric(
            point.target,
            found.value,
            lower,
            upper,
            rows,
            better="" if point.target == "selection_rate" else "higher",
            says=says,
        )
    ]


def as_facts(point: OperatingPoint | None) -> dict[str, Any] | None:
    """The point as JSON holds it."""
    return None if point is None else asdict(point)
