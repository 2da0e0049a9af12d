"""The strategy of tables: which of the members, alone or averaged, predicts best what it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from evenhand.adapting.labels import Labels
from evenhand.adapting.models import SimpleModel
from evenhand.adapting.probe import climb, grid_of
from evenhand.adapting.tables.folds import Fold, folds_of
from evenhand.adapting.tables.members import InContext, Linear, Member, Trees
from evenhand.adapting.tables.model import TableModel
from evenhand.adapting.tables.told import Told, read
from evenhand.values import Adapted

if TYPE_CHECKING:
    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.values import Backbone, Splits

SMALLEST = 1e-12  # a probability of 0 would cost everything
AGAIN = "after it was chosen the model was fitted again on train and validation together"


@dataclass(frozen=True, slots=True)
class Tried:
    """One kind of member on held-out rows: what it said of each, and how it is fitted on all rows.

    scores: [held-out rows, outputs of the recipe].
    """

    scores: np.ndarray
    strength: float = 0.0
    rounds: int | None = None


def adapt_table(
    recipe: Recipe,
    splits: Splits,
    backbone: Backbone | None,
    run: Run,
    labels: Labels,
    baselines: Mapping[str, SimpleModel],
) -> Adapted:
    """Try every member on rows that it has not seen, keep the best or the best average, fit that on all rows."""
    told = read(recipe, splits, backbone, labels)
    folds = folds_of(told, splits)
    tried = {}
    for number, kind in enumerate(told.kinds):
        run.progress(number, len(told.kinds), f"trying {kind}")
        tried[kind] = _try(told, folds, kind)
    run.progress(len(told.kinds), len(told.kinds), "trying")
    chosen, measured, note = _choose(told, folds, tried)
    run.log("table", chosen=list(chosen), **measured)
    members = tuple(_final(told, kind, tried[kind]) for kind in chosen)
    model = TableModel(members, told.columns, splits.schema, labels.n_out)
    said = (*labels.notes, *note, AGAIN)
    unseen = _of_validation(told, folds, np.mean([tried[kind].scores for kind in chosen], axis=0))
    every = unseen if len(splits.validation) == len(told.validation) else None
    return Adapted(model, labels.classes, " + ".join(chosen), baselines, measured, said, every)


def _try(told: Told, folds: tuple[Fold, ...], kind: str) -> Tried:
    """Fit one kind on the training part of every fold, score what each holds out."""
    if kind == "linear":
        return _try_linear(told, folds)
    rounds, scores = [], []
    for fold in folds:
        if kind == "trees":
            trees = Trees.fit(fold.train, fold.held if fold.stops else None, told.columns, told.labels.task, told.seed)
            rounds.append(trees.rounds)
        member: Member = trees if kind == "trees" else InContext.fit(fold.train, told.seed, told.network)
        scores.append(told.aligned(member, fold.held))
    return Tried(_joined(scores, told), rounds=int(np.median(rounds)) if rounds else None)


def _try_linear(told: Told, folds: tuple[Fold, ...]) -> Tried:
    """The strength whose scores of the held-out rows are best, and those scores."""
    grid, found = grid_of(told.labels), {}

    def merit(strength: float, _: float) -> float:
        if strength not in found:
            fitted = [Linear.fit(fold.train, told.columns, told.labels, strength) for fold in folds]
            each = [told.aligned(member, fold.held) for member, fold in zip(fitted, folds, strict=True)]
            found[strength] = _joined(each, told)
        return -_mean(losses(found[strength], _targets(folds), told.labels.task), folds) if folds else 0.0

    best = climb(grid, merit)
    return Tried(found[best], strength=best)


def _choose(
    told: Told, folds: tuple[Fold, ...], tried: Mapping[str, Tried]
) -> tuple[tuple[str, ...], dict[str, float], tuple[str, ...]]:
    """(the members to average, what was measured of them, what the choice was between).

    What stands first in `told.preferred` is kept where no other is better by more than one standard error of the
    difference: on few rows the best of seven is best by luck.
    """
    sets = [some for size in range(1, len(tried) + 1) for some in combinations(tried, size)]
    if not folds:
        return told.preferred, {}, ("there are too few rows to compare models on; nothing was chosen by them",)
    targets, task = _targets(folds), told.labels.task
    loss = {some: losses(np.mean([tried[kind].scores for kind in some], axis=0), targets, task) for some in sets}
    best = min(sets, key=lambda some: _mean(loss[some], folds))
    apart = loss[told.preferred] - loss[best]
    error = float(apart.std() / np.sqrt(len(apart)))
    chosen = best if _mean(apart, folds) > error else told.preferred
    name, shown = ("squared_error", loss) if task == "regression" else ("log_loss", loss)
    listed = ", ".join(f"{' + '.join(some)} {float(shown[some].mean()):.4g}" for some in sets)
    how = "cross-validation of train and validation" if len(folds) > 1 else "validation"
    note = (f"{how} chose {' + '.join(chosen)} ({name.replace('_', ' ')} of each: {listed})",) if len(sets) > 1 else ()
    return chosen, _measures(np.mean([tried[kind].scores for kind in chosen], axis=0), targets, task, name), note


def _of_validation(told: Told, folds: tuple[Fold, ...], scores: np.ndarray) -> np.ndarray | None:
    """Scores of the validation rows by models that have not seen them; None where some of the rows were not scored."""
    if told.labels.task == "regression":
        return None
    found = np.full((len(told.train) + len(told.validation), told.labels.n_out), np.nan)
    if folds:
        found[np.concatenate([fold.places for fold in folds])] = scores
    late = found[len(told.train) :]
    return late if len(late) and np.isfinite(late).all() else None


def _measures(scores: np.ndarray, targets: np.ndarray, task: str, name: str) -> dict[str, float]:
    """What the manifest says of the chosen model on held-out rows."""
    found = {name: float(losses(scores, targets, task).mean())}
    if task == "regression":
        return {"rmse": float(np.sqrt(found[name]))}
    return {"accuracy": float((scores.argmax(1) == targets).mean()), **found}


def _final(told: Told, kind: str, tried: Tried) -> Member:
    """The member fitted on train and validation together."""
    if kind == "linear":
        return Linear.fit(told.both, told.columns, told.labels, tried.strength)
    if kind == "trees":
        return Trees.fit(told.both, None, told.columns, told.labels.task, told.seed, tried.rounds)
    return InContext.fit(told.both, told.seed, told.network)


def losses(scores: np.ndarray, targets: np.ndarray, task: str) -> np.ndarray:
    """Log loss of each row, or its squared error."""
    if task == "regression":
        return np.asarray((scores[:, 0] - targets) ** 2)
    return np.asarray(-np.log(np.clip(scores[np.arange(len(targets)), targets], SMALLEST, 1)))


def _mean(values: np.ndarray, folds: tuple[Fold, ...]) -> float:
    """Over the held-out rows, each as much as it counts."""
    weights = [fold.held.weights for fold in folds if fold.held.weights is not None]
    return float(np.average(values, weights=np.concatenate(weights) if weights else None))


def _joined(parts: list[np.ndarray], told: Told) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty((0, told.labels.n_out))


def _targets(folds: tuple[Fold, ...]) -> np.ndarray:
    return np.concatenate([fold.held.targets for fold in folds])
