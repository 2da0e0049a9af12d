"""The camera: where a point of the road lies in the picture, and which point of the road a pixel shows.

Metres: x to the right, z ahead of the camera, height above the road. Pixels: u to the right, v down.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera `above` metres over the road, level, looking ahead; `horizon` is its share of the height."""

    width: int = 160
    height: int = 96
    focal: float = 1.2  # of the width: 45 degrees from side to side
    horizon: float = 0.42
    above: float = 1.4

    @property
    def pixels(self) -> float:
        """The focal length in pixels."""
        return self.focal * self.width

    @property
    def level(self) -> float:
        """The row of the horizon."""
        return self.horizon * self.height

    def place(self, x: float, z: float, height: float = 0.0) -> tuple[float, float]:
        """Where in the picture (u, v) a point lies."""
        return self.width / 2 + self.pixels * x / z, self.level + self.pixels * (self.above - height) / z


@lru_cache(maxsize=8)
def ground(camera: Camera) -> tuple[int, np.ndarray, np.ndarray]:
    """(first row below the horizon, distance z of each such row [rows, 1], x of each of its pixels [rows, width])."""
    first = int(np.ceil(camera.level + 0.5))
    rows = np.arange(first, camera.height) + 0.5
    z = (camera.pixels * camera.above / (rows - camera.level))[:, None].astype(np.float32)
    across = ((np.arange(camera.width) + 0.5 - camera.width / 2) / camera.pixels).astype(np.float32)
    return first, z, z * across[None, :]
