"""fairlearn's reductions: models under a constraint on groups, over a frozen backbone's features or a table's columns.

fairlearn's mixture decides by chance which of its models is asked. Here the models' scores are averaged by their shares
instead, so that the same row is always decided alike; what that does to the constraint is measured on validation rows,
and of several bounds the one is taken that keeps to it there with the best decisions.
Source: Agarwal et al. 2018, ICML (classes); Agarwal, Dudík & Wu 2019, ICML (bounded group loss).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.features import FeatureCache
from evenhand.adapting.labels import Labels, read_labels
from evenhand.adapting.models import MeanModel, ProbeModel
from evenhand.adapting.probe import Head, fit_probe
from evenhand.adapting.tables.members import MOST_CODES, SHRINKAGE, Linear, Part, Trees, design
from evenhand.adapting.tables.model import TableModel, inputs_of
from evenhand.errors import BadInput
from evenhand.mitigating.constraints import Constraint
from evenhand.mitigating.groups import worth_comparing
from evenhand.mitigating.thresholds import cost_of
from evenhand.predicting.classes import positive_class
from evenhand.pretrained.tabular.columns import CATEGORY, Columns, as_frame

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.values import Splits

ROUNDS, GRID, TREES = 25, 15, 60  # of the gradient; models of a grid; rounds of boosting of each
TIGHTER = (1.0, 0.5, 0.25)  # bounds that are tried, in multiples of what is asked
LOSSES = (1.0, 0.9, 0.8, 0.6)  # bounds on a group's loss, in multiples of the worst group's without a bound
MIRRORED = {"tpr": "fpr", "fpr": "tpr"}  # what a rate of the first of two classes is in those of the second
Groups = Callable[["Dataset"], np.ndarray]


@dataclass(frozen=True, slots=True)
class Reduced:
    """The chosen mixture: its model, bound, size, and how it does on validation rows that it has not seen."""

    model: Any
    bound: float
    models: int
    gap: float
    scores: np.ndarray


@dataclass(frozen=True, slots=True)
class _Seen:
    """Rows as the models read them: float matrices of train and validation, and how a fitted model is kept."""

    train: np.ndarray
    held: np.ndarray
    estimator: Any
    kept: Callable[[Any], Any]


def reduced(before: Any, recipe: Recipe, splits: Splits, constraint: Constraint, groups: Groups, run: Run) -> Reduced:
    """The mixture that is most accurate on validation among those whose groups are close enough there.

    before: the model without the method, which tells what features there are. Fitted on train, chosen on validation.
    """
    labels = read_labels(recipe, splits)
    seen = _seen(before, recipe, splits, labels, run)
    held = splits.validation.select(labels.validation_rows)
    named = groups(splits.train), groups(held)
    if recipe.task == "regression":
        return _bounded_loss(recipe, seen, labels, named, constraint)
    positive = positive_class(splits.schema, labels.classes)
    usual = recipe.audit.threshold if recipe.audit.threshold is not None else 0.5
    truth = labels.validation == positive
    asked = constraint if positive == 1 else replace(constraint, name=MIRRORED.get(constraint.name, constraint.name))
    told = worth_comparing(named[1], recipe.mitigation.least_rows)
    found: list[tuple[bool, float, float, Reduced]] = []
    for number, share in enumerate(TIGHTER):
        run.progress(number, len(TIGHTER), "reductions")
        for members, weights in _mixtures(recipe, seen, labels.train, named[0], asked, constraint.most * share):
            said = np.average([member.predict_proba(seen.held) for member in members], axis=0, weights=weights)
            score = said[:, positive]
            gap = constraint.gap(truth[told], (score >= usual)[told], named[1][told])
            cost = cost_of(truth, score >= usual, usual)
            model = _mixed([seen.kept(member) for member in members], weights)
            one = Reduced(model, constraint.most * share, len(members), gap, said)
            found.append((gap > constraint.most, gap if gap > constraint.most else 0.0, cost, one))
    run.progress(len(TIGHTER), len(TIGHTER), "reductions")
    return min(found, key=lambda one: one[:3])[3]


def _mixtures(
    recipe: Recipe, seen: _Seen, targets: np.ndarray, groups: np.ndarray, constraint: Constraint, bound: float
) -> list[tuple[list[Any], list[float]]]:
    """(models, their shares): one mixture by the gradient, or each model of a grid by itself."""
    from fairlearn.reductions import ExponentiatedGradient, GridSearch

    moment = constraint.moment(bound)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of models that did not converge in a round, or of one class alone
        if recipe.mitigation.search == "grid":
            grid: Any = GridSearch(seen.estimator, moment, grid_size=GRID)
            grid.fit(seen.train, targets, sensitive_features=groups)
            return [([member], [1.0]) for member in grid.predictors_ if _is_kept(member)]
        search: Any = ExponentiatedGradient(seen.estimator, moment, eps=max(bound, 1e-4), max_iter=ROUNDS)
        search.fit(seen.train, targets, sensitive_features=groups)
    pairs = list(zip(search.predictors_, search.weights_, strict=False))
    kept = [(member, float(share)) for member, share in pairs if share > 1e-6 and _is_kept(member)]
    if not kept:
        raise BadInput(
            "fairlearn's reductions found nothing but constant answers under mitigation.constraint ="
            f" '{constraint.name}'; allow more with --set mitigation.most=0.1, or choose another method"
        )
    return [([member for member, _ in kept], [share for _, share in kept])]


def _is_kept(member: Any) -> bool:
    """fairlearn puts a constant where a reweighted problem has one class alone."""
    return hasattr(member, "coef_") or hasattr(member, "n_iter_")


def _bounded_loss(
    recipe: Recipe, seen: _Seen, labels: Labels, named: tuple[np.ndarray, np.ndarray], constraint: Constraint
) -> Reduced:
    """Regression: the mixture with the least error among those whose worst group on validation does best."""
    from fairlearn.reductions import BoundedGroupLoss, ExponentiatedGradient, SquareLoss

    low, high = float(labels.train.min()), float(labels.train.max())
    scale = (high - low) or 1.0
    plain = seen.estimator.fit(seen.train, labels.train).predict(seen.train)
    worst = _worst(labels.train, plain, named[0])
    bounds = [constraint.most] if recipe.mitigation.most is not None else [worst * share for share in LOSSES]
    found: list[tuple[float, Reduced]] = []
    for bound in bounds:
        moment: Any = BoundedGroupLoss(SquareLoss(0.0, 1.0), upper_bound=bound / scale**2)
        search: Any = ExponentiatedGradient(_Scaled(seen.estimator, low, scale), moment, eps=0.01, max_iter=ROUNDS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            search.fit(seen.train, (labels.train - low) / scale, sensitive_features=named[0])
        pairs = zip(search.predictors_, search.weights_, strict=False)
        kept = [(member.inner, float(share)) for member, share in pairs if share > 1e-6]
        said = np.average([m.predict(seen.held) for m, _ in kept], axis=0, weights=[w for _, w in kept])
        model = _mixed([seen.kept(member) for member, _ in kept], [share for _, share in kept])
        gap = _worst(labels.validation, said, named[1])
        found.append((gap, Reduced(model, bound, len(kept), gap, said)))
    return min(found, key=lambda one: one[0])[1]


def _worst(truth: np.ndarray, said: np.ndarray, groups: np.ndarray) -> float:
    """The largest mean squared error of a group."""
    return float(max(np.mean((truth - said)[groups == group] ** 2) for group in np.unique(groups)))


class _Scaled:
    """A regressor of numbers in [0, 1], as fairlearn asks for them, that learns them in their own unit."""

    def __init__(self, estimator: Any, low: float, scale: float) -> None:
        self.estimator, self.low, self.scale = estimator, low, scale

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What a copy is made of."""
        return {"estimator": self.estimator, "low": self.low, "scale": self.scale}

    def set_params(self, **params: Any) -> _Scaled:
        """As scikit-learn's."""
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> _Scaled:
        """Fit the estimator in the label's unit."""
        from sklearn.base import clone

        y = np.asarray(y, dtype=float).ravel() * self.scale + self.low
        self.inner = clone(self.estimator).fit(np.asarray(x), y, sample_weight=np.asarray(sample_weight).ravel())
        return self

    def predict(self, x: Any) -> np.ndarray:
        """Numbers in [0, 1]."""
        return np.asarray((self.inner.predict(np.asarray(x)) - self.low) / self.scale)


def _mixed(models: list[Any], weights: list[float]) -> Any:
    return models[0] if len(models) == 1 else MeanModel(tuple(models), tuple(weights))


def _seen(before: Any, recipe: Recipe, splits: Splits, labels: Labels, run: Run) -> _Seen:
    """What the models are fitted on; BadInput where the model without the method has no features to share."""
    if isinstance(before, ProbeModel):
        return _embedded(before, recipe, splits, labels, run)
    if isinstance(before, TableModel):
        return _tabular(before, recipe, splits, labels)
    raise BadInput(
        "mitigation.method = 'reductions' fits many models on the features of a frozen backbone, or on a table's"
        f" columns, and the model of this recipe is neither ({type(before).__name__}); use finetune.strategy = probe"
        " (of a table: trees or linear), or another method"
    )


def _embedded(before: ProbeModel, recipe: Recipe, splits: Splits, labels: Labels, run: Run) -> _Seen:
    cache = FeatureCache(run.cache, run.progress, run.rank, run.world_size)
    known = splits.validation.select(labels.validation_rows)
    train, held = (
        cache.features(before.encoder, rows, splits.schema, "features of the rows") for rows in (splits.train, known)
    )
    strength = fit_probe(train, held, replace(labels, weights=None), run.progress).selected.strength
    centre = train.mean(axis=0)
    spread = float(np.sqrt(np.mean((train - centre) ** 2))) or 1.0

    def kept(fitted: Any) -> ProbeModel:
        head = _head(fitted, labels.task)
        weight = head.weight / spread
        folded = Head(weight.astype(np.float32), (head.bias - weight @ centre).astype(np.float32), strength)
        return ProbeModel(before.encoder, folded, splits.schema, labels.task, before.cache)

    return _Seen((train - centre) / spread, (held - centre) / spread, _linear(labels.task, strength), kept)


def _tabular(before: TableModel, recipe: Recipe, splits: Splits, labels: Labels) -> _Seen:
    known = splits.validation.select(labels.validation_rows)
    frames = [as_frame(inputs_of(rows, splits.schema)) for rows in (splits.train, known)]
    columns: Columns = before.columns
    train, held = (columns.matrix(frame) for frame in frames)
    if recipe.finetune.strategy == "linear":
        plain = Linear.fit(Part(frames[0], train, labels.train), columns, labels, 1.0)
        first, second = (design(matrix, plain.levels) / plain.spread for matrix in (train, held))

        def linear(fitted: Any) -> TableModel:
            return replace(before, members=(replace(plain, head=_head(fitted, labels.task)),))

        return _Seen(first, second, _linear(labels.task, 1.0), linear)

    def trees(fitted: Any) -> TableModel:
        return replace(before, members=(Trees(fitted),))

    return _Seen(train, held, _boosting(columns, labels.task, recipe.seed), trees)


def _linear(task: str, strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    return Ridge(alpha=strength) if task == "regression" else LogisticRegression(C=strength, max_iter=300)


def _boosting(columns: Columns, task: str, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind: Any = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    categories = [feature.kind == CATEGORY and len(feature.levels) < MOST_CODES for feature in columns.features]
    return kind(categorical_features=categories, random_state=seed, max_iter=TREES, early_stopping=False, **SHRINKAGE)


def _head(member: Any, task: str) -> Head:
    """A fitted linear model as a head over both classes; one logit z is (-z/2, z/2)."""
    if task == "regression":
        return Head(np.atleast_2d(member.coef_).astype(np.float32), np.atleast_1d(member.intercept_).astype(np.float32))
    weight, bias = member.coef_[0] / 2, float(member.intercept_[0]) / 2
    sign = np.array([-1.0, 1.0])
    return Head(np.outer(sign, weight).astype(np.float32), (sign * bias).astype(np.float32))
