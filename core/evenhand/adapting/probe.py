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
PENALTIES = (1e4, 3e3, 1e3, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1)  # ridge's alpha


@dataclass(frozen=True, slots=True)
class Head:
    """logits = features · weightᵀ + bias; float32 of shapes [outputs, width] and [outputs]."""

    weight: np.ndarray
    bias: np.ndarray
    strength: float = 0.0  # the C or alpha that it was fitted with

    def logits(self, features: np.ndarray) -> np.ndarray:
        """float64 of shape [rows, outputs]."""
        return np.asarray(features.astype(np.float64) @ self.weight.T.astype(np.float64) + self.bias)


@dataclass(frozen=True, slots=True)
class Probe:
    """A fitted probe: `selected` saw train only, `final` train and validation; what selection measured."""

    selected: Head
    final: Head
    validation: dict[str, float]
    selection: float = -np.inf  # what choosing maximises: minus the log loss, or minus the RMSE, on validation
    unseen: np.ndarray | None = None  # probabilities of the validation rows by `selected`, which has not seen them


def fit_probe(
    train: np.ndarray, validation: np.ndarray, labels: Labels, tell: Callable[[int, int, str], None]
) -> Probe:
    """Fit one head per strength on train, keep the best on validation, fit it again on both.

    train, validation: float32 of shape [rows, width]; validation in the order of `labels.validation_rows`.
    """
    best = _choose(train, validation, labels, tell)
    measured = quality(best.logits(validation), labels) if len(validation) else {}
    both, targets = np.concatenate([train, validation]), np.concatenate([labels.train, labels.validation])
    final = fit_head(both, targets, best.strength, labels, start=best, tolerance=TIGHT)
    tell(1, 1, "probe")
    shown = {name: value for name, value in measured.items() if name != "selection"}
    unseen = softmax(best.logits(validation)) if labels.task != "regression" else None
    return Probe(best, final, shown, measured.get("selection", -np.inf), unseen)


def _choose(train: np.ndarray, validation: np.ndarray, labels: Labels, tell: Callable[[int, int, str], None]) -> Head:
    """The head of the strength that is best on validation; that of the middle one where validation is empty."""
    grid = grid_of(labels)
    best = fit_head(train, labels.train, grid[len(grid) // 2], labels)
    if not len(validation):
        return best
    heads = {best.strength: best}

    def merit(strength: float, start: float) -> float:
        if strength not in heads:
            tell(0, 1, "probe")
            heads[strength] = fit_head(train, labels.train, strength, labels, start=heads[start])
        return quality(heads[strength].logits(validation), labels)["selection"]

    return heads[climb(grid, merit)]


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
    """Validation measures of `logits` [rows, outputs]; `selection` is what selection maximises."""
    if labels.task == "regression":
        rmse = float(np.sqrt(np.mean((logits[:, 0] - labels.validation) ** 2)))
        return {"rmse": rmse, "selection": -rmse}
    probabilities = softmax(logits)
    accuracy = float((logits.argmax(1) == labels.validation).mean())
    chosen = probabilities[np.arange(len(logits)), labels.validation]
    loss = float(-np.log(np.clip(chosen, 1e-12, 1)).mean())
    return {"accuracy": accuracy, "log_loss": loss, "selection": -loss}


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
    weights: np.ndarray | None = None,
) -> Head:
    """One linear model on features shifted and scaled as a whole, with that folded back into the head.

    One scale for all columns keeps distances as the backbone made them; `start` is where the solver sets out.
    `weights`: how much each row counts (classes only).
    """
    centre = features.mean(axis=0)
    spread = float(np.sqrt(np.mean((features - centre) ** 2))) or 1.0
    scaled = (features - centre) / spread
    if labels.task == "regression":
        weight, bias = _ridge(scaled, targets, strength)
    else:
        first = None if start is None else (start.weight * spread, start.bias + start.weight @ centre)
        weight, bias = _logistic(scaled, targets, strength, labels.n_out, first, tolerance, weights)
    weight = weight / spread
    return Head(weight.astype(np.float32), (bias - weight @ centre).astype(np.float32), strength)


def _ridge(features: np.ndarray, targets: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=penalty).fit(features, targets)
    return model.coef_.reshape(1, -1), np.array([model.intercept_])


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
