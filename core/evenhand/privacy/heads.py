"""A linear head whose training protects every row: noise in each step of gradient descent.

Each row's gradient is shortened to `clip`, Gaussian noise is added to their sum, and every head on the way is released
(Bassily, Smith & Thakurta 2014, FOCS; Abadi et al. 2016, CCS). No row is sampled, so the accountant is the exact curve
of the Gaussian mechanism. A row's gradient is one array over all classes, and its length counts them all: no class
needs a budget of its own. The minimum with noise on top (output perturbation, Chaudhuri, Monteleoni & Sarwate 2011) was
measured to be less accurate at every epsilon; see benchmarks/privacy.md.

Adding or taking away one row is what is hidden; the number of rows is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

Normal = Callable[[Sequence[int]], np.ndarray]

STEPS = 100
MOMENTUM = 0.9
TRAVEL = 100.0  # step size times steps, per output, on rows of a length about √2


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
) -> list[np.ndarray]:
    """Weights [outputs, width] along the way, of which any may be taken: all of them together are mu-GDP.

    rows: float64 [rows, width] with a constant, see `with_constant`. normal(shape): standard normal noise. mu of
    infinity: no noise. Each is a mean over the steps so far that gives late ones more weight.
    """
    noise = 0.0 if math.isinf(mu) else math.sqrt(steps) / mu * clip
    rate = TRAVEL * outputs / steps / max(len(rows), 1) * (1 - MOMENTUM)
    shape = (outputs, rows.shape[1])
    weight, moving, mean = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    found = []
    for step in range(steps):
        gradient = clipped_sum(residuals(rows @ weight.T, targets), rows, clip) + noise * normal(shape)
        moving = MOMENTUM * moving + gradient
        weight = weight - rate * moving
        mean = mean + (weight - mean) * 2 / (step + 2)
        found.append(mean.copy())
    return found
