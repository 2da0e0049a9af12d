"""The volume model: a frozen backbone for pictures, its features pooled over slabs, and a linear head."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import Backbone, Encoder, Recipe, Schema, found_again
from evenhand_healthcare.volume.grid import Grid
from evenhand_healthcare.volume.seen import features

POOLS: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # [slabs, width] -> what stands for the volume
    "mean": lambda seen: seen.mean(axis=0),
    "max": lambda seen: seen.max(axis=0),  # a finding that is in one slab alone
    "mean and max": lambda seen: np.concatenate([seen.mean(axis=0), seen.max(axis=0)]),
}
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)  # logistic regression's C


@dataclass(frozen=True, slots=True)
class VolumeModel:
    """weight: float64 [width + 1], the bias last: the logit of the second class."""

    encoder: Encoder
    pool: str
    weight: np.ndarray
    grid: Grid
    schema: Schema

    def scores(self, rows: Any) -> np.ndarray:
        """Probabilities [rows, 2], in the order of the classes."""
        (seen,) = features([self.encoder], rows, self.schema, self.grid)
        return probabilities(pooled(seen, self.pool), self.weight)

    def save(self, folder: Path) -> None:
        """All of it as JSON, but for the backbone's weights, which stay with it."""
        about = {
            "encoder": self.encoder.identity,
            "pool": self.pool,
            "weight": self.weight.tolist(),
            "grid": self.grid.described(),
            "schema": self.schema.model_dump(),
        }
        (folder / "volume.json").write_text(json.dumps(about) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path, recipe: Recipe, backbone: Backbone | None) -> VolumeModel:
        """What `save` wrote; BadInput where the backbone is another than it was fitted on."""
        about = json.loads((folder / "volume.json").read_text("utf-8"))
        return cls(
            found_again(about["encoder"], recipe, backbone),
            about["pool"],
            np.asarray(about["weight"]),
            Grid.from_described(about["grid"]),
            Schema.model_validate(about["schema"]),
        )


def pooled(seen: list[np.ndarray], pool: str) -> np.ndarray:
    """float64 [rows, width]."""
    return np.stack([POOLS[pool](one).astype(np.float64) for one in seen])


def probabilities(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Probabilities [rows, 2] of the linear head."""
    second = 1 / (1 + np.exp(-np.clip(values @ weight[:-1] + weight[-1], -500, 500)))
    return np.stack([1 - second, second], axis=1)


def fitted(values: np.ndarray, target: np.ndarray, strength: float) -> np.ndarray:
    """Weight [width + 1] of a logistic regression on values that are centred, and scaled as a whole."""
    from sklearn.linear_model import LogisticRegression

    centre = values.mean(axis=0)
    spread = float(np.sqrt(np.mean((values - centre) ** 2))) or 1.0
    model = LogisticRegression(C=strength, max_iter=1000).fit((values - centre) / spread, target)
    weight = model.coef_[0] / spread
    return np.concatenate([weight, [model.intercept_[0] - weight @ centre]])


def lost(said: np.ndarray, target: np.ndarray) -> float:
    """Mean log loss. target: whether the row is of the second class."""
    chosen = np.where(target, said[:, 1], said[:, 0])
    return float(-np.log(np.clip(chosen, 1e-12, 1)).mean())
