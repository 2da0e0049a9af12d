"""A finished run's test pictures, with what the detector found in each: what the report's sections are made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import BadInput
from evenhand_autonomy.obstacles.model import Found, Images, ObstacleModel


@dataclass(frozen=True, slots=True)
class SeenAgain:
    """Test rows and pictures. threshold: from which confidence a detection counts. score: [rows]."""

    rows: Any
    images: Images
    found: list[Found]
    threshold: float
    score: np.ndarray
    model: ObstacleModel

    def column(self, name: str) -> np.ndarray:
        """A column of the rows."""
        return np.array(self.rows[name])

    @property
    def object(self) -> np.ndarray:
        """Which rows are objects."""
        found: np.ndarray = self.images.kinds >= 0
        return found

    @property
    def hit(self) -> np.ndarray:
        """Which rows have a detection that counts."""
        found: np.ndarray = self.score >= self.threshold
        return found

    def of_picture(self, name: str) -> np.ndarray:
        """A fact of each picture."""
        values = self.rows[name]
        return np.array([values[members[0]] for members in self.images.members])


def seen_again(run: Any) -> SeenAgain | None:
    """The test pictures of this run; None where the data is no longer what it was."""
    from evenhand_autonomy.obstacles.data import load

    inputs = run.manifest["inputs"]
    source = None if inputs["source"] == "the recipe's sample" else inputs["source"]
    try:
        splits = load(run.recipe, source)
    except (BadInput, OSError):
        return None
    if splits.fingerprint != inputs["sha256"]:
        return None
    model = ObstacleModel.load(Path(run.path) / "model" / "model")
    images = Images(splits.test)
    found = model.find(images.values)
    operating = run.manifest["stages"]["predict"]["facts"].get("operating") or {}
    threshold = float(operating.get("threshold", 0.5))
    return SeenAgain(splits.test, images, found, threshold, images.scores(found)[:, 1], model)
