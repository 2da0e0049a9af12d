"""Linear heads whose training protects every row: noise in each step of gradient descent, or once in the result.

gradient  full-batch gradient descent on the cross-entropy; each row's gradient is shortened to `clip`, Gaussian noise
          is added to their sum, and every head on the way is released (Bassily, Smith & Thakurta 2014; Abadi et al.
          2016). No row is sampled, so the accountant is the exact curve of the Gaussian mechanism.
output    the minimiser of the cross-entropy plus pull / 2 · |W|², with rows of length at most 1, plus Gaussian noise
          (Chaudhuri, Monteleoni & Sarwate 2011, JMLR 12, for Gaussian noise). One row moves the minimum of a sum that
          is pull-strongly convex by at most |its gradient| / pull, and a softmax gradient is at most √2 long: all
          classes are inside that norm, so none costs a budget of its own. Of several labels each row's gradient is
          √labels long at most.

Adding or taking away one row is what is hidden; the number of rows is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Normal = Callable[[Sequence[int]], np.ndarray]

STEPS = 100
MOMENTUM = 0.9
TRAVEL = 400.0  # step size times steps, on rows that all lie within length √2: enough to fit without noise
LATE = 0.5  # share of the steps, counted from the end, whose heads are averaged
PULL = 1.0  # of the output mechanism, in rows, at mu = 1
EXACT = 1e-6  # length of the gradient at which the output mechanism's minimum counts as found


@dataclass(frozen=True, slots=True)
class Plain:
    """logits = rows · weightᵀ, where a row's last number is the constant; float64 [outputs, width]."""

    weight: np.ndarray

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """float64 [rows, outputs]."""
        return np.asarray(rows @ self.weight.T)


def with_constant(features: np.ndarray) -> np.ndarray:
    """float64 [rows, width + 1]: the features and a 1."""
    return np.concatenate([features.astype(np.float64), np.ones((len(features), 1))], axis=1)


def residuals(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """What the gradient of each row's loss is per logit: probability minus label. targets: [rows] of classes, or
    [rows, labels] of 0 and 1."""
    if targets.ndim == 2:
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))) - targets)
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    raised /= raised.sum(axis=1, keepdims=True)
    raised[np.arange(len(targets)), targets] -= 1
    return np.asarray(raised)


def clipped_sum(off: np.ndarray, rows: np.ndarray, clip: float) -> np.ndarray:
    """The sum of the rows' gradients [outputs, width], each shortened to `clip`: one row moves it by no more.

    A row's gradient is the product of its residuals and its features, so its length is the product of theirs.
    """
    length = np.sqrt((off**2).sum(1) * (rows**2).sum(1))
    factor = np.minimum(1.0, clip / np.maximum(length, 1e-300))
    return np.asarray((off * factor[:, None]).T @ rows)


def gradient_heads(
    rows: np.ndarray, targets: np.ndarray, outputs: int, mu: float, clip: float, normal: Normal, steps: int = STEPS
) -> list[Plain]:
    """Heads along the way, of which any may be taken: all of them together are mu-GDP.

    rows: float64 [rows, width] with a constant, see `with_constant`. normal(shape): standard normal noise.
    """
    noise = math.sqrt(steps) / mu * clip
    rate = TRAVEL / steps / len(rows) * (1 - MOMENTUM)
    weight, moving = np.zeros((outputs, rows.shape[1])), np.zeros((outputs, rows.shape[1]))
    late, found = np.zeros_like(weight), []
    for step in range(steps):
        gradient = clipped_sum(residuals(rows @ weight.T, targets), rows, clip) + noise * normal(weight.shape)
        moving = MOMENTUM * moving + gradient
        weight = weight - rate * moving
        late = late + (weight - late) * max(1 / (step + 1), 2 / (step + 2))
        found.append(Plain(late.copy()))
    return found


def pull_of(mu: float) -> float:
    """How firmly the output mechanism holds the weights at 0: more where there is more noise; no row is asked."""
    return PULL / mu


def sensitivity(pull: float, labels: int, left: float = EXACT) -> float:
    """How far one row moves the minimiser: rows are at most 1 long. labels: of a multi-label task, else 0.

    left: the length of the gradient at which the solver stopped, which may lie between on either side.
    """
    return (math.sqrt(labels or 2.0) + 2 * left) / pull


def minimiser(rows: np.ndarray, targets: np.ndarray, outputs: int, pull: float) -> np.ndarray:
    """The weights [outputs, width] that minimise the summed cross-entropy + pull / 2 · |W|², by Newton-CG or L-BFGS."""
    from scipy.optimize import minimize

    several = targets.ndim == 2
    truth = targets if several else np.eye(outputs)[targets]

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weight = flat.reshape(outputs, -1)
        logits = rows @ weight.T
        top = logits.max(axis=1)
        if several:
            loss = float((np.logaddexp(0, logits) - truth * logits).sum())
        else:
            loss = float((top + np.log(np.exp(logits - top[:, None]).sum(1)) - (truth * logits).sum(1)).sum())
        steep = residuals(logits, targets).T @ rows + pull * weight
        return loss + pull / 2 * float((weight**2).sum()), steep.ravel()

    options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 0.0, "gtol": EXACT / math.sqrt(outputs * rows.shape[1]) / 2}
    found = minimize(cost, np.zeros(outputs * rows.shape[1]), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x).reshape(outputs, -1)


def output_head(
    rows: np.ndarray, targets: np.ndarray, outputs: int, mu: float, normal: Normal
) -> tuple[Plain, float, float]:
    """(the noisy minimiser, the noise's standard deviation, the gradient's length where the solver stopped).

    Rows longer than 1 are shortened while training.
    """
    short = rows / np.maximum(np.sqrt((rows**2).sum(1)), 1.0)[:, None]
    pull = pull_of(mu)
    weight = minimiser(short, targets, outputs, pull)
    left = float(np.linalg.norm(residuals(short @ weight.T, targets).T @ short + pull * weight))
    spread = sensitivity(pull, outputs if targets.ndim == 2 else 0, max(left, EXACT)) / mu
    return Plain(weight + spread * normal(weight.shape)), spread, left
