"""The camera: blur, resolution, noise, clipping, colour fringes and compression."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image


def taken(
    view: np.ndarray, size: int, defocus: float, motion: float, night: bool, side: int, rng: np.random.Generator
) -> np.ndarray:
    """The view [stage, stage, 3] as a photograph [side, side, 3] uint8 whose sensor gave `size` pixels to it."""
    view = _moved(view, motion, rng)
    if rng.random() < 0.15:  # bright areas spill over
        spill = _blurred(np.clip(view - 0.8, 0, 2), rng.uniform(2, 6))
        view = view + spill * np.float32(rng.uniform(0.2, 0.8))
    view = _blurred(view, defocus)
    small = _resized(view, size, Image.Resampling.BOX if size < view.shape[0] else Image.Resampling.BILINEAR)
    small = _fringed(small, rng)
    small = small + _grain(small, night, rng)
    small = np.clip(small, 0, 1) ** np.float32(rng.uniform(0.75, 1.25))
    if rng.random() < 0.3:  # sharpened in the camera
        small = np.clip(small + (small - _blurred(small, 1.0)) * np.float32(rng.uniform(0.3, 1.5)), 0, 1)
    pixels = Image.fromarray((small * 255 + 0.5).astype(np.uint8))
    if rng.random() < 0.75:  # archives keep crops at one size
        pixels = pixels.resize((32, 32), _some_filter(rng))
    if rng.random() < 0.8:
        pixels = _compressed(pixels, int(rng.integers(70, 96)))
    return np.asarray(pixels.resize((side, side), Image.Resampling.BICUBIC))


def _some_filter(rng: np.random.Generator) -> Image.Resampling:
    kinds = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.NEAREST, Image.Resampling.BOX)
    return kinds[int(rng.choice(4, p=[0.5, 0.3, 0.08, 0.12]))]


def _compressed(pixels: Image.Image, quality: int) -> Image.Image:
    kept = io.BytesIO()
    pixels.save(kept, "JPEG", quality=quality)
    return Image.open(kept).convert("RGB")


def _moved(view: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    """Blur along a line of `length` pixels: the mean of the view at places on it."""
    if length < 1:
        return view
    angle = rng.normal(0, 0.5) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    steps = int(min(length, 9)) + 1
    total = np.zeros_like(view)
    for place in np.linspace(-length / 2, length / 2, steps):
        dy, dx = round(place * np.sin(angle)), round(place * np.cos(angle))
        total += np.roll(view, (dy, dx), (0, 1))
    return total / steps


def _blurred(view: np.ndarray, deviation: float) -> np.ndarray:
    """The view [side, side, 3] under a Gaussian of this deviation in pixels."""
    if deviation < 0.25:
        return view
    spread = _spread(view.shape[0], round(deviation * 8))
    side = view.shape[0]
    down = (spread @ view.reshape(side, -1)).reshape(side, side, 3)
    across = (spread @ down.transpose(1, 0, 2).reshape(side, -1)).reshape(side, side, 3)
    return across.transpose(1, 0, 2)


@lru_cache(maxsize=4096)
def _spread(side: int, eighths: int) -> np.ndarray:
    """How a line of `side` pixels is blurred, as a matrix; the deviation is given in eighths of a pixel."""
    places = np.arange(side)
    weight = np.exp(-0.5 * ((places[:, None] - places[None, :]) * 8 / eighths) ** 2)
    return (weight / weight.sum(1, keepdims=True)).astype(np.float32)


def _resized(view: np.ndarray, size: int, how: Image.Resampling) -> np.ndarray:
    if size == view.shape[0]:
        return view
    channels = [Image.fromarray(np.ascontiguousarray(view[..., c])).resize((size, size), how) for c in range(3)]
    return np.stack([np.asarray(channel) for channel in channels], 2)


def _fringed(small: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colour fringes, as a mosaic of colour filters leaves them: red and blue are a part of a pixel off."""
    if rng.random() < 0.5:
        return small
    moved = small.copy()
    for channel in (0, 2):
        share, axis, step = rng.uniform(0, 0.6), int(rng.integers(2)), int(rng.choice([-1, 1]))
        moved[..., channel] += (np.roll(small[..., channel], step, axis) - small[..., channel]) * np.float32(share)
    return moved


def _grain(small: np.ndarray, night: bool, rng: np.random.Generator) -> np.ndarray:
    """Noise of photons and of the sensor."""
    gain = rng.uniform(0.002, 0.03) * (1.6 if night else 1.0)
    noise = rng.standard_normal(small.shape, np.float32)
    return noise * (gain * 0.4 + gain * np.sqrt(np.clip(small, 0, 4))).astype(np.float32)
