"""A model whose probabilities are corrected for another place: moved, sharpened, or by what the inputs say beyond it.

logits = slope · log p + bias + inputs · weight

With a bias alone this is recalibration in the large; with a slope, Platt's scaling; with a weight, a linear probe on
top of the source model. None needs the source's rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.probe import softmax
from evenhand.adapting.tables.members import design
from evenhand.adapting.tables.model import inputs_of
from evenhand.pretrained.tabular.columns import Columns
from evenhand.schema import Schema

if TYPE_CHECKING:
    from datasets import Dataset

ABOUT = "correction.json"
SMALLEST = 1e-6  # a probability of 0 has no logarithm
SLOPE_PULL = 1.0  # how firmly a slope is held at 1, in rows
WEIGHT_PULL = 20.0  # how firmly each weight of a probe is held at 0, in rows: a place has few


@dataclass(frozen=True, slots=True)
class Correction:
    """What is done to log probabilities [rows, classes]. bias: [classes]; weight: [width, classes], or empty."""

    bias: np.ndarray
    slope: float = 1.0
    weight: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))

    def apply(self, logs: np.ndarray, inputs: np.ndarray | None = None) -> np.ndarray:
        """Probabilities [rows, classes]."""
        logits = self.slope * logs + self.bias
        if self.weight.size and inputs is not None:
            logits = logits + inputs @ self.weight
        return softmax(logits)


def logs_of(scores: np.ndarray) -> np.ndarray:
    """Log probabilities, finite."""
    return np.asarray(np.log(np.clip(scores, SMALLEST, 1.0)))


def moved(logs: np.ndarray, targets: np.ndarray) -> Correction:
    """The bias with which the mean probability of each class is its share (recalibration in the large)."""
    return _fitted(logs, targets, slope=False, inputs=None)


def platt(logs: np.ndarray, targets: np.ndarray) -> Correction:
    """Bias and slope (Platt 1999, Advances in Large Margin Classifiers)."""
    return _fitted(logs, targets, slope=True, inputs=None)


def probe_on_top(logs: np.ndarray, targets: np.ndarray, inputs: np.ndarray) -> Correction:
    """Bias and a linear model of the inputs, held at 0: what they say of the place beyond the source model."""
    return _fitted(logs, targets, slope=False, inputs=inputs)


def cautious(logs: np.ndarray, targets: np.ndarray, clusters: np.ndarray, needed: float) -> Correction:
    """`moved`, but no further than the labels prove that it helps.

    A move by b gains wherever the true one is beyond b / 2. With z the standard errors that the estimate lies from 0
    and `needed` those that a proof takes, its lower limit is (1 - needed / z) of it: twice that is moved, at most all.
    """
    whole = moved(logs, targets)
    share = max(0.0, min(1.0, 2 * (1 - needed / max(miscalibration(logs, targets, clusters), 1e-9))))
    return Correction(whole.bias * share)


def miscalibration(logs: np.ndarray, targets: np.ndarray, clusters: np.ndarray) -> float:
    """How many standard errors the classes' shares lie from what the probabilities say, over clusters of rows."""
    off = np.eye(logs.shape[1])[targets] - softmax(logs)
    sums = np.zeros((int(clusters.max()) + 1, logs.shape[1]))
    np.add.at(sums, clusters, off)
    total, spread = sums.sum(0), sums.T @ sums
    return float(np.sqrt(max(total @ np.linalg.pinv(spread) @ total, 0.0) / (logs.shape[1] - 1)))


def _fitted(logs: np.ndarray, targets: np.ndarray, slope: bool, inputs: np.ndarray | None) -> Correction:
    from scipy.optimize import minimize

    classes, width = logs.shape[1], 0 if inputs is None else inputs.shape[1]
    truth = np.eye(classes)[targets]

    def parts(flat: np.ndarray) -> Correction:
        weight = flat[classes + 1 :].reshape(width, classes)
        return Correction(flat[:classes], 1.0 + float(flat[classes]), weight)

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        now = parts(flat)
        said = now.apply(logs, inputs)
        off = said - truth
        pulls = 1e-3 * now.bias, SLOPE_PULL * flat[classes], WEIGHT_PULL * now.weight
        loss = -float(np.log(np.clip((said * truth).sum(1), 1e-300, 1)).sum())
        loss += (float(pulls[0] @ now.bias) + pulls[1] * flat[classes] + float((pulls[2] * now.weight).sum())) / 2
        steep = (float((off * logs).sum()) + pulls[1]) if slope else 0.0
        weighed = (np.asarray(inputs).T @ off + pulls[2]).ravel() if width else np.empty(0)
        return loss, np.concatenate([off.sum(0) + pulls[0], [steep], weighed])

    found = minimize(cost, np.zeros(classes + 1 + width * classes), jac=True, method="L-BFGS-B")
    return parts(np.asarray(found.x))


@dataclass(frozen=True, slots=True)
class Corrected:
    """A source model and its correction. columns, levels, spread: how a probe reads the inputs; None without one."""

    base: Any
    correction: Correction
    schema: Schema
    columns: Columns | None = None
    levels: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    spread: np.ndarray = field(default_factory=lambda: np.empty(0))

    def scores(self, rows: Dataset) -> np.ndarray:
        """Probabilities [rows, classes]."""
        from evenhand.adapting import scores

        logs = logs_of(np.asarray(scores(self.base, rows, self.schema), dtype=np.float64))
        if self.columns is None:
            return self.correction.apply(logs)
        inputs = design(self.columns.matrix(inputs_of(rows, self.schema)), self.levels) / self.spread
        return self.correction.apply(logs, inputs)

    def save(self, folder: Path) -> None:
        """correction.json; the store writes the source model beside it."""
        about: dict[str, Any] = {
            "bias": self.correction.bias.tolist(),
            "slope": self.correction.slope,
            "weight": self.correction.weight.tolist(),
            "schema": self.schema.model_dump(),
            "columns": self.columns.as_dict() if self.columns is not None else None,
            "levels": self.levels.tolist(),
            "spread": self.spread.tolist(),
        }
        text = json.dumps(about, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / ABOUT).write_text(text + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path, recipe: Any, backbone: Any, base: Callable[[Path], Any]) -> Corrected:
        """What `save` wrote, on the model that `base` reads from a folder inside this one."""
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        correction = Correction(np.array(about["bias"]), about["slope"], np.array(about["weight"]))
        columns = None if about["columns"] is None else Columns.from_dict(about["columns"])
        schema, levels = Schema.model_validate(about["schema"]), np.array(about["levels"], dtype=np.int64)
        spread = np.array(about["spread"], dtype=np.float64)
        return cls(base(folder / "base"), correction, schema, columns, levels, spread)
