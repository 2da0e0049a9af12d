"""What stands behind a sign: sky, foliage, walls and road, from layered noise; rendered once, then cut differently."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image

SIDE = 128  # pixels of a stored background
STORED = 96  # backgrounds per road type
URBAN, RURAL = "urban", "rural"
KINDS = {URBAN: ("sky", "wall", "windows", "foliage", "dark"), RURAL: ("sky", "foliage", "foliage", "dark", "field")}


@lru_cache(maxsize=2 * STORED)
def stored(road: str, number: int) -> Image.Image:
    """Background `number` of this road type; always the same."""
    rng = np.random.default_rng([7, number, road == URBAN])
    first = _layer(str(rng.choice(KINDS[road])), rng)
    if rng.random() < 0.6:  # two kinds meet at a skyline
        second = _layer(str(rng.choice(KINDS[road])), rng)
        edge = rng.uniform(0.1, 0.9) + 0.12 * noise(rng, 1, SIDE, 4)[0] + rng.uniform(-0.5, 0.5) * _ramp(SIDE)
        above = np.linspace(0, 1, SIDE)[:, None] < edge
        first = np.where(above[..., None], second, first)
    return Image.fromarray((np.clip(first, 0, 1) * 255).astype(np.uint8))


def noise(rng: np.random.Generator, channels: int, side: int, cells: int, octaves: int = 1) -> np.ndarray:
    """Smooth noise [channels, side, side] of mean 0 and deviation near 1, with `cells` blobs along a side."""
    total = np.zeros((channels, side, side), np.float32)
    for octave in range(octaves):
        count = min(cells * 2**octave, side)
        grid = rng.standard_normal((channels, count, count)).astype(np.float32)
        for channel in range(channels):
            fine = Image.fromarray(grid[channel]).resize((side, side), Image.Resampling.BICUBIC)
            total[channel] += np.asarray(fine) * 0.7**octave
    return total / max(float(total.std()), 1e-6)


def cut(rng: np.random.Generator, road: str, side: int) -> np.ndarray:
    """A piece [side, side, 3] in [0, 1] of some background, turned and lit anew."""
    whole = stored(road, int(rng.integers(STORED)))
    size = int(rng.integers(SIDE // 4, SIDE))
    x, y = rng.integers(0, SIDE - size + 1, 2)
    piece = whole.resize((side, side), Image.Resampling.BILINEAR, box=(x, y, x + size, y + size))
    values = np.asarray(piece, np.float32) / 255
    if rng.random() < 0.5:
        values = values[:, ::-1]
    return np.clip(values * rng.uniform(0.85, 1.15, 3).astype(np.float32), 0, 1)


def _layer(kind: str, rng: np.random.Generator) -> np.ndarray:
    if kind == "sky":
        top, bottom = rng.uniform((0.45, 0.55, 0.65), (0.85, 0.95, 1.0)), rng.uniform(0.7, 1.0, 3)
        down = np.linspace(0, 1, SIDE)[:, None, None]
        clouds = 0.06 * rng.random() * noise(rng, 1, SIDE, 3, 3)[0][..., None]
        return top * (1 - down) + bottom * down + clouds
    if kind == "wall":
        colour = rng.uniform(0.25, 0.9) * rng.uniform((0.9, 0.8, 0.65), (1.0, 1.0, 1.0))
        lines = (np.arange(SIDE) % int(rng.integers(4, 24)) < 1)[:, None, None] * rng.uniform(-0.2, 0.05)
        return colour + lines + 0.04 * noise(rng, 1, SIDE, 16, 3)[0][..., None]
    if kind == "windows":
        return _windows(rng)
    if kind == "field":
        colour = rng.uniform((0.25, 0.3, 0.1), (0.6, 0.6, 0.35))
        return colour + 0.08 * noise(rng, 3, SIDE, 8, 4).transpose(1, 2, 0)
    shades = noise(rng, 1, SIDE, int(rng.integers(5, 24)), 4)[0][..., None]
    tint = rng.uniform((0.5, 0.55, 0.25), (1.0, 0.95, 0.6))
    if kind == "dark":
        return (0.08 + 0.05 * shades) * tint * rng.uniform(0.4, 1.5)
    gaps = (shades > rng.uniform(0.6, 2.2)) * rng.uniform(0.3, 0.9)  # sky between leaves
    hue = 0.05 * noise(rng, 3, SIDE, 10, 2).transpose(1, 2, 0)
    return np.clip(0.28 + rng.uniform(0.08, 0.2) * shades, 0.02, 1) * tint + hue * 0.5 + gaps


def _windows(rng: np.random.Generator) -> np.ndarray:
    wall = np.full((SIDE, SIDE, 3), rng.uniform(0.35, 0.95) * rng.uniform((0.9, 0.8, 0.7), (1.0, 1.0, 1.0)))
    wide, high = rng.integers(14, 50, 2)
    gap = int(rng.integers(4, 20))
    for x in range(int(rng.integers(-20, 10)), SIDE, wide + gap):
        for y in range(int(rng.integers(-20, 10)), SIDE, high + gap):
            pane = rng.uniform(0.05, 0.5) * np.array([0.9, 0.95, 1.0])
            wall[max(y, 0) : max(y + high, 0), max(x, 0) : max(x + wide, 0)] = pane
    return wall + 0.03 * noise(rng, 1, SIDE, 20, 2)[0][..., None]


def _ramp(side: int) -> np.ndarray:
    return np.linspace(-0.5, 0.5, side)[None, :]
