"""The probe: a frozen backbone's features and a linear head, its strength chosen on validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from evenhand.adapting.labels import Labels

STRENGTHS = (
    0.0003,
    0.001,
    0.003,
    0.01,
    0.03,
    0.1,
    0.3,
    1.0,
    3.0,
    10.0,
    30.0,
)  # logistic regression's C, on features of unit spread
LOOSE, TIGHT = 3e-4, 1e-4  # the solver's tolerance: strengths are told apart at the first in half the time
WEIGHINGS = ("none", "sqrt", "balanced")  # of a row that has a label, of several
PENALTIES = (1e4, 3e3, 1e3, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1)  # ridge's alpha


@dataclass(frozen=True, slots=True)
class Head:
    """logits = features · weightᵀ + bias; float32 of shapes [outputs, width] and [outputs]."""

    weight: np.ndarray
    bias: np.ndarray
    strength: float = 0.0  # the C or alpha that it was fitted with
    weighing: str = "none"  # of several labels: how much more a row that has one counts

    def logits(self, features: np.ndarray) -> np.ndarray:
        """float64 of shape [rows, outputs]."""
        return np.asarray(features.astype(np.float64) @ self.weight.T.astype(np.float64) + self.bias)


@dataclass(frozen=True, slots=True)
class Probe:
    """A fitted probe: `selected` saw train only, `final` train and validation; what selection measured."""

    selected: Head
    final: Head
    validation: dict[str, float]
    selection: float = -np.inf  # what choosing maximises on validation: -log loss, -RMSE, or mean average precision
    unseen: np.ndarray | None = None  # probabilities of the validation rows by `selected`, which has not seen them


def fit_probe(
    train: np.ndarray,
    validation: np.ndarray,
    labels: Labels,
    tell: Callable[[int, int, str], None],
    weighing: str = "auto",
) -> Probe:
    """Fit one head per strength on train, keep the best on validation, fit it again on both.

    train, validation: float32 of shape [rows, width]; validation in the order of `labels.validation_rows`.
    weighing: of several labels, `finetune.positive_weight`.
    """
    best = _choose(train, validation, labels, tell, weighing)
    measured = quality(best.logits(validation), labels) if len(validation) else {}
    both, targets = np.concatenate([train, validation]), np.concatenate([labels.train, labels.validation])
    told: dict[str, Any] = {"start": best, "weighing": best.weighing, "weights": labels.all_weights}
    final = fit_head(both, targets, best.strength, labels, tolerance=TIGHT, **told)
    tell(1, 1, "probe")
    shown = {name: value for name, value in measured.items() if name != "selection"}
    unseen = probabilities(best.logits(validation), labels.task) if labels.task != "regression" else None
    return Probe(best, final, shown, measured.get("selection", -np.inf), unseen)


def _choose(
    train: np.ndarray,
    validation: np.ndarray,
    labels: Labels,
    tell: Callable[[int, int, str], None],
    weighing: str,
) -> Head:
    """The head of the strength that is best on validation; that of the middle one where validation is empty.

    Of several labels the weight of rows that have one is chosen next, at that strength.
    """
    grid = grid_of(labels)
    first = "none" if weighing == "auto" else weighing
    known: dict[str, Any] = {"weighing": first, "weights": labels.train_weights}
    best = fit_head(train, labels.train, grid[len(grid) // 2], labels, **known)
    if not len(validation):
        return best
    heads = {best.strength: best}

    def merit(strength: float, start: float) -> float:
        if strength not in heads:
            tell(0, 1, "probe")
            heads[strength] = fit_head(train, labels.train, strength, labels, start=heads[start], **known)
        return quality(heads[strength].logits(validation), labels)["selection"]

    found = heads[climb(grid, merit)]
    if labels.task != "multilabel" or weighing != "auto":
        return found
    others = [
        fit_head(train, labels.train, found.strength, labels, start=found, **{**known, "weighing": w})
        for w in WEIGHINGS[1:]
    ]
    return max((found, *others), key=lambda head: quality(head.logits(validation), labels)["selection"])


def grid_of(labels: Labels) -> tuple[float, ...]:
    """The strengths that are tried, from the most to the least penalised."""
    return PENALTIES if labels.task == "regression" else STRENGTHS


def climb(grid: tuple[float, ...], merit: Callable[[float, float], float]) -> float:
    """The best of `grid` by `merit(value, best so far)`, from the middle: quality has one peak along it."""
    middle = len(grid) // 2
    best = grid[middle]
    highest = merit(best, best)
    for way in (grid[middle + 1 :], grid[middle - 1 :: -1]):
        climbed = False
        for value in way:
            found = merit(value, best)
            if found <= highest:
                break
            best, highest, climbed = value, found, True
        if climbed:
            break
    return best


def quality(logits: np.ndarray, labels: Labels) -> dict[str, float]:
    """Validation measures of `logits` [rows, outputs]; `selection` is what selection maximises, weighed."""
    each = labels.weights[1] if labels.weights is not None and len(labels.weights[1]) == len(logits) else None
    if labels.task == "regression":
        rmse = float(np.sqrt(np.average((logits[:, 0] - labels.validation) ** 2, weights=each)))
        return {"rmse": rmse, "selection": -rmse}
    if labels.task == "multilabel":
        return _of_several(logits, labels.validation, each)
    found = softmax(logits)
    accuracy = float((logits.argmax(1) == labels.validation).mean())
    chosen = found[np.arange(len(logits)), labels.validation]
    loss = float(np.average(-np.log(np.clip(chosen, 1e-12, 1)), weights=each))
    return {"accuracy": accuracy, "log_loss": loss, "selection": -loss}


def _of_several(logits: np.ndarray, truth: np.ndarray, each: np.ndarray | None) -> dict[str, float]:
    """Of several labels: mean average precision over those that validation has, which no threshold and no weight
    moves; the log loss where it has none."""
    from sklearn.metrics import average_precision_score

    found = np.clip(probabilities(logits, "multilabel"), 1e-12, 1 - 1e-12)
    loss = float(-np.where(truth == 1, np.log(found), np.log(1 - found)).mean())  # shown, not chosen by
    there = np.flatnonzero(truth.any(axis=0))
    if not len(there):
        return {"log_loss": loss, "selection": -loss}
    precisions = [average_precision_score(truth[:, j], logits[:, j], sample_weight=each) for j in there]
    precision = float(np.mean(precisions))
    return {"mean_average_precision": precision, "log_loss": loss, "selection": precision}


def probabilities(logits: np.ndarray, task: str) -> np.ndarray:
    """Those of the classes, which sum to 1; of several labels, each label's own."""
    if task == "multilabel":
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))))
    return softmax(logits)


def positive_weights(targets: np.ndarray, weighing: str) -> np.ndarray:
    """How many times a row counts that has the label, [labels]; targets: 0 and 1, [rows, labels]."""
    positives = np.maximum(targets.sum(axis=0), 1)
    balanced = np.maximum((len(targets) - positives) / positives, 1.0)
    return np.asarray(balanced ** {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}[weighing])


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def fit_head(
    features: np.ndarray,
    targets: np.ndarray,
    strength: float,
    labels: Labels,
    start: Head | None = None,
    tolerance: float = LOOSE,
    weighing: str = "none",
    weights: np.ndarray | None = None,
) -> Head:
    """One linear model on features shifted and scaled as a whole, with that folded back into the head.

    One scale for all columns keeps distances as the backbone made them; `start` is where the solver sets out.
    `weights`: how much each row counts.
    """
    centre = features.mean(axis=0)
    spread = float(np.sqrt(np.mean((features - centre) ** 2))) or 1.0
    scaled = (features - centre) / spread
    if labels.task == "regression":
        weight, bias = _ridge(scaled, targets, strength, weights)
    elif labels.task == "multilabel":
        first = None if start is None else (start.weight * spread, start.bias + start.weight @ centre)
        balance = positive_weights(targets, weighing)
        weight, bias = _one_by_one(scaled, targets, strength, first, tolerance, balance, weights)
    else:
        first = None if start is None else (start.weight * spread, start.bias + start.weight @ centre)
        weight, bias = _logistic(scaled, targets, strength, labels.n_out, first, tolerance, weights)
    weight = weight / spread
    return Head(weight.astype(np.float32), (bias - weight @ centre).astype(np.float32), strength, weighing)


def _ridge(
    features: np.ndarray, targets: np.ndarray, penalty: float, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=penalty).fit(features, targets, weights)
    return model.coef_.reshape(1, -1), np.array([model.intercept_])


def _one_by_one(
    features: np.ndarray,
    targets: np.ndarray,
    strength: float,
    first: tuple[np.ndarray, np.ndarray] | None,
    tolerance: float,
    balance: np.ndarray,
    weights: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Weight [labels, width] and bias [labels]: one logistic regression for each label by itself.

    balance: how much more a row counts that has the label, [labels]; weights: how much each row counts.
    """
    from sklearn.linear_model import LogisticRegression

    found = []
    for j, target in enumerate(targets.T):
        model: Any = LogisticRegression(
            C=strength, max_iter=300, tol=tolerance, warm_start=True, class_weight={0: 1.0, 1: float(balance[j])}
        )
        if first is not None:
            model.coef_, model.intercept_ = first[0][j : j + 1], first[1][j : j + 1]
            model.classes_ = np.arange(2)
        with _pools().limit(limits=1, user_api="blas"):
            model.fit(features, target, weights)
        found.append((model.coef_[0], model.intercept_[0]))
    return np.array([weight for weight, _ in found]), np.array([bias for _, bias in found])


def _logistic(
    features: np.ndarray,
    targets: np.ndarray,
    strength: float,
    n_out: int,
    first: tuple[np.ndarray, np.ndarray] | None,
    tolerance: float,
    weights: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Weight [n_out, width] and bias [n_out] of scikit-learn's multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegression

    model: Any = LogisticRegression(C=strength, max_iter=300, tol=tolerance, warm_start=True)
    if first is not None:
        weight, bias = first
        model.coef_ = weight if n_out > 2 else weight[1:] - weight[:1]
        model.intercept_ = bias if n_out > 2 else bias[1:] - bias[:1]
        model.classes_ = np.arange(n_out)
    # BLAS threads and scikit-learn's own wait for each other between short steps: one BLAS thread is 2.5 times faster
    with _pools().limit(limits=1, user_api="blas"):
        model.fit(features, targets, weights)
    if n_out == 2:  # one logit z becomes (-z/2, z/2), whose softmax is the same
        return np.concatenate([-model.coef_, model.coef_]) / 2, np.concatenate(
            [-model.intercept_, model.intercept_]
        ) / 2
    return model.coef_, model.intercept_


@cache
def _pools() -> Any:
    """The libraries with thread pools; looked for once, since that takes as long as a small fit."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
