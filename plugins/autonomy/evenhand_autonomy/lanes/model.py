"""The models that lane-following stores: the lane network, and one that always drives straight on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from evenhand_autonomy.lanes.network import HIGH, WIDE, LaneNetwork, contrast_of, read, told_by, write
from evenhand_autonomy.obstacles.pictures import opened, stored


def pictures_of(rows: Any, column: str) -> np.ndarray:
    """uint8 [rows, HIGH, WIDE, 3] of the stored pictures, each stretched to that size."""
    from PIL import Image

    found = []
    for value in stored(rows, column):
        picture = opened(value)
        if picture.size != (WIDE, HIGH):
            how = Image.Resampling.BOX if picture.width >= 2 * WIDE else Image.Resampling.BILINEAR
            picture = picture.resize((WIDE, HIGH), how)
        found.append(np.asarray(picture))
    return np.stack(found) if found else np.zeros((0, HIGH, WIDE, 3), np.uint8)


class LaneModel:
    """Steering in degrees of the front wheels, from a picture."""

    def __init__(self, network: LaneNetwork, column: str) -> None:
        self.network, self.column = network.eval(), column

    def scores(self, rows: Any) -> np.ndarray:
        """[rows] degrees."""
        return self.both(pictures_of(rows, self.column))[:, 0]

    def both(self, pictures: np.ndarray) -> np.ndarray:
        """[n, 2]: steering in degrees, lane position in metres."""
        return told_by(self.network, contrast_of(pictures))

    def angles(self, pictures: np.ndarray) -> np.ndarray:
        """[n] radians: the policy at the wheel."""
        found: np.ndarray = np.radians(self.both(pictures)[:, 0])
        return found

    def save(self, folder: Path) -> None:
        """Weights as safetensors, the rest as JSON."""
        write(self.network, folder / "model.safetensors")
        (folder / "lane-model.json").write_text(json.dumps({"column": self.column}), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> LaneModel:
        """What `save` wrote."""
        about = json.loads((folder / "lane-model.json").read_text("utf-8"))
        return cls(read(folder / "model.safetensors"), str(about["column"]))


class StraightOn:
    """The mean angle of training, whatever is seen."""

    def __init__(self, angle: float) -> None:
        self.angle = angle

    def scores(self, rows: Any) -> np.ndarray:
        """[rows] degrees."""
        return np.full(len(rows), self.angle)

    def save(self, folder: Path) -> None:
        """As JSON."""
        (folder / "straight-on.json").write_text(json.dumps({"angle": self.angle}), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> StraightOn:
        """What `save` wrote."""
        return cls(float(json.loads((folder / "straight-on.json").read_text("utf-8"))["angle"]))
