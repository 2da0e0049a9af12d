"""Views of a picture: a random part of it, with other brightness, contrast and colour; all drawn from one generator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

RATIO = 4 / 3  # of the sides of a part, at most
GREY = 0.2  # share of strong views without colour


@dataclass(frozen=True, slots=True)
class Views:
    """How a picture is varied. strong: also its colours, as learning without labels needs."""

    size: int
    least_crop: float
    mirror: bool
    strong: bool
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __call__(self, picture: Any, rng: np.random.Generator) -> np.ndarray:
        """One view, normalised: float32 of shape [3, size, size]."""
        from PIL import Image

        image = picture if isinstance(picture, Image.Image) else Image.fromarray(np.asarray(picture))
        image = image.convert("RGB").resize(
            (self.size, self.size), Image.Resampling.BILINEAR, box=part(image.size, self.least_crop, rng)
        )
        if self.mirror and rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image = coloured(image, rng, 0.4 if self.strong else 0.2)
        if self.strong and rng.random() < GREY:
            image = image.convert("L").convert("RGB")
        mean, deviation = (np.asarray(one, np.float32) for one in (self.mean, self.deviation))
        values: np.ndarray = (np.asarray(image, np.float32) / 255 - mean) / deviation
        return values.transpose(2, 0, 1)


def part(size: tuple[int, int], least: float, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """A random part of a picture (left, top, right, bottom) with at least that share of its area, never outside it."""
    width, height = size
    area = width * height * rng.uniform(least, 1.0)
    ratio = math.exp(rng.uniform(-math.log(RATIO), math.log(RATIO))) * width / height
    wide, high = min(width, math.sqrt(area * ratio)), min(height, math.sqrt(area / ratio))
    left, top = rng.uniform(0, width - wide), rng.uniform(0, height - high)
    return left, top, min(width, left + wide), min(height, top + high)


def coloured(image: Image, rng: np.random.Generator, strength: float) -> Image:
    """The picture with brightness, contrast and saturation changed by up to that share."""
    from PIL import ImageEnhance

    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(float(rng.uniform(1 - strength, 1 + strength)))
    return image
