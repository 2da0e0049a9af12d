"""Thresholds under which groups are alike: one for each group, one for all, or fairlearn's two with chance between.

What a decision costs is taken from the usual threshold t: where scores are probabilities, to decide from t on is best
when a wrong positive decision costs t and a wrong negative one 1 - t (Elkan 2001, IJCAI). Among thresholds whose groups
are close enough, those of the least cost are taken. Thresholds that cost no less than deciding everybody alike are not
looked at while there are others: they would make groups even by treating nobody as a person.
Source of thresholds by group: Hardt, Price & Srebro 2016, NeurIPS.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from evenhand.auditing.remedies.randomised import optimised
from evenhand.mitigating.constraints import OPTIMISED, Constraint
from evenhand.mitigating.deciding import Mixture, Step

TRIED, LEVELS, PAIRS = 200, 101, 31  # thresholds of a group; levels of a rate, and of each of two
HALF = 0.5


def cost_of(positive: np.ndarray, selected: np.ndarray, usual: float) -> float:
    """What the decisions of rows cost together, with `usual` the threshold that is best for calibrated scores."""
    return float(usual * (selected & ~positive).sum() + (1 - usual) * (~selected & positive).sum())


def one_for_all(
    score: np.ndarray, positive: np.ndarray, groups: np.ndarray, constraint: Constraint, usual: float
) -> float:
    """The threshold of the least cost whose groups are close enough; else the one whose groups are closest."""
    tried = np.append(_candidates(score), usual)
    found = []
    for at in np.unique(tried):
        selected = score >= at
        found.append((at, constraint.gap(positive, selected, groups), cost_of(positive, selected, usual)))
    best_constant = min(cost_of(positive, np.full(len(score), yes), usual) for yes in (True, False))
    worth = [one for one in found if one[2] < best_constant] or found
    near = [one for one in worth if one[1] <= constraint.most]
    return float((min(near, key=lambda one: one[2]) if near else min(worth, key=lambda one: one[1:]))[0])


def one_for_each(
    score: np.ndarray, positive: np.ndarray, groups: np.ndarray, constraint: Constraint, usual: float
) -> dict[str, float]:
    """The threshold of each group: for every level that rates may have, each group takes the cheapest near it."""
    names = [str(name) for name in np.unique(groups)]
    options = {name: _options(score[groups == name], positive[groups == name], constraint, usual) for name in names}
    figures = options[names[0]][1].shape[1]
    grid = np.linspace(0, 1, LEVELS if figures == 1 else PAIRS)
    best_constant = min(cost_of(positive, np.full(len(score), yes), usual) for yes in (True, False))
    chosen: list[tuple[bool, bool, float, float, dict[str, float]]] = []
    for level in product(grid, repeat=figures):
        taken, cost = {}, 0.0
        for name in names:
            place = _nearest(options[name][1], options[name][2], np.array(level), constraint.most / 2)
            taken[name], cost = float(options[name][0][place]), cost + float(options[name][2][place])
        at = np.array([taken[name] for name in groups])
        gap = constraint.gap(positive, score >= at, groups)
        far = gap > constraint.most + 1e-12
        chosen.append((cost >= best_constant, far, gap if far else 0.0, cost, taken))
    return min(chosen, key=lambda one: one[:4])[4]


def _options(
    score: np.ndarray, positive: np.ndarray, constraint: Constraint, usual: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(thresholds that may be a group's, their rates [thresholds, figures], their costs)."""
    tried = _candidates(score)
    selected = [score >= at for at in tried]
    rates = np.array([constraint.rates(positive, one) for one in selected])
    return tried, np.nan_to_num(rates, nan=-1.0), np.array([cost_of(positive, one, usual) for one in selected])


def _nearest(rates: np.ndarray, costs: np.ndarray, level: np.ndarray, near: float) -> int:
    """The cheapest of those within `near` of the level; where there is none, the nearest."""
    apart = np.where(rates < 0, 0.0, np.abs(rates - level)).max(axis=1)
    inside = np.flatnonzero(apart <= near + 1e-12)
    if len(inside):
        return int(inside[np.argmin(costs[inside])])
    return int(np.lexsort((costs, apart))[0])


def _candidates(score: np.ndarray) -> np.ndarray:
    """Scores to decide at: halfway between neighbours, and beyond both ends; of many, as many as TRIED."""
    levels = np.unique(score)
    if len(levels) > TRIED:
        levels = np.unique(np.quantile(score, np.linspace(0, 1, TRIED), method="nearest"))
    between = (levels[1:] + levels[:-1]) / 2
    return np.concatenate([[max(0.0, levels[0] - 1e-9)], between, [np.nextafter(levels[-1], 2.0)]])


def between_two(
    score: np.ndarray, positive: np.ndarray, groups: np.ndarray, constraint: Constraint, usual: float
) -> dict[str, Mixture]:
    """The rule of each group by fairlearn's ThresholdOptimizer, fitted on these rows.

    It is for accuracy, or where the usual threshold is no half, for accuracy averaged over both classes.
    Source: Hardt, Price & Srebro 2016, NeurIPS; Bird et al. 2020 (fairlearn).
    """
    tolerated = constraint.most if constraint.name != "equalized_odds" and constraint.given else None
    objective = "accuracy_score" if usual == HALF else "balanced_accuracy_score"
    rules = optimised(OPTIMISED[constraint.name], tolerated, score[:, None], positive.astype(int), groups, objective)
    return {str(name): _mixture(rule) for name, rule in rules.items()}


def _mixture(rule: Any) -> Mixture:
    steps = tuple((float(rule[f"p{n}"]), _step(rule[f"operation{n}"])) for n in (0, 1) if rule[f"p{n}"] > 0)
    return Mixture(steps, float(rule.get("p_ignore", 0.0)), float(rule.get("prediction_constant", 0.0)))


def _step(operation: Any) -> Step:
    """fairlearn's `score > t` is `score >=` the next number above t; JSON holds no infinite one."""
    at, above = float(np.clip(operation.threshold, -1e6, 1e6)), operation.operator == ">"
    return Step(float(np.nextafter(at, np.inf)) if above else at, above)
