"""Pictures of formulas, each formula a class: fractals and contours, drawn in numpy from numbers alone.

Fractals: iterated function systems, whose parameters are the class (Kataoka et al. 2020, Pre-training without Natural
Images, arXiv 2101.08515). Contours: closed orbits bent by two waves, whose frequencies and spacing are the class
(Takashima et al. 2023, Visual Atoms: Pre-training Vision Transformers with Sinusoidal Waves, arXiv 2303.01112). No
person, photograph or licence is in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

WALKERS, STRIDES, SETTLING = 400, 60, 10  # points that move at once, how often, and how often before they count
FILLED = (0.08, 0.6)  # share of a coarse grid that a fractal worth learning covers
GRID = 32
LONGEST = 0.98  # largest stretch of a map; below 1 the points stay near
ANGLES = 720  # points of one contour
Kind = Literal["both", "fractals", "contours"]
Parameters = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Formulas:
    """`classes` formulas, fractals and contours by turns, as pictures of `size` pixels; all follow from the seed."""

    classes: int
    kind: Kind
    size: int
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each class."""
        return tuple(f"{'fractal' if self._is_fractal(one) else 'contour'} {one}" for one in range(self.classes))

    def draw(self, number: int) -> tuple[np.ndarray, int]:
        """Picture `number`, uint8 of shape [size, size, 3], and its class."""
        which = number % self.classes
        rng = np.random.default_rng([self.seed, 2, number])
        if self._is_fractal(which):
            points = fractal(fractal_class(self.seed, which), rng)
        else:
            points = contours(contour_class(self.seed, which), rng)
        return rendered(points, self.size, rng), which

    def _is_fractal(self, which: int) -> bool:
        return self.kind == "fractals" or (self.kind == "both" and which % 2 == 0)


@cache
def fractal_class(seed: int, which: int) -> Parameters:
    """(affine maps [n, 2, 3], their chances [n]) of a class: the first drawn that is neither dust nor a blot."""
    rng = np.random.default_rng([seed, 3, which])
    while True:
        maps = rng.uniform(-1, 1, (int(rng.integers(2, 8)), 2, 3))
        maps[:, :, :2] *= np.minimum(1, LONGEST / np.linalg.norm(maps[:, :, :2], 2, axis=(1, 2)))[:, None, None]
        weight = np.abs(np.linalg.det(maps[:, :, :2])) + 0.01  # a map's share of points is that of its area
        found = maps, weight / weight.sum()
        x, y = fractal(found, rng, 0.0).T
        covered = np.histogram2d(x, y, bins=GRID)[0] > 0
        if FILLED[0] < covered.mean() < FILLED[1]:
            return found


def fractal(of: Parameters, rng: np.random.Generator, change: float = 0.2) -> np.ndarray:
    """Points [n, 2] of the system's attractor; one number of each map may change by up to `change` of itself."""
    maps, chances = of
    maps = maps.copy()
    for one in maps:
        one[rng.integers(2), rng.integers(3)] *= 1 + rng.uniform(-change, change)
    maps[:, :, :2] *= np.minimum(1, LONGEST / np.linalg.norm(maps[:, :, :2], 2, axis=(1, 2)))[:, None, None]
    points = rng.uniform(-1, 1, (WALKERS, 2))
    picks = rng.choice(len(maps), (STRIDES, WALKERS), p=chances)
    found = np.empty((STRIDES, WALKERS, 2))
    for stride, pick in enumerate(picks):
        chosen = maps[pick]
        points = np.einsum("nij,nj->ni", chosen[:, :, :2], points) + chosen[:, :, 2]
        found[stride] = points
    return found[SETTLING:].reshape(-1, 2)


@cache
def contour_class(seed: int, which: int) -> Parameters:
    """(frequency, height) of the two waves, and (orbits, spacing) of a class."""
    rng = np.random.default_rng([seed, 4, which])
    waves = np.array([[rng.integers(1, 9), rng.uniform(0.05, 0.3)], [rng.integers(5, 21), rng.uniform(0.02, 0.15)]])
    return waves, np.array([rng.integers(1, 9), rng.uniform(0.05, 0.15)])


def contours(of: Parameters, rng: np.random.Generator) -> np.ndarray:
    """Points [n, 2] of the class's orbits, with phases, squeeze and roughness of this picture alone."""
    waves, (orbits, spacing) = of
    angles = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
    phases, squeeze = rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.6, 1.0, 2)
    wave = sum(height * np.sin(often * angles + phase) for (often, height), phase in zip(waves, phases, strict=True))
    radii = 1 + spacing * np.arange(int(orbits))[:, None] + wave + rng.normal(0, 0.004, (int(orbits), ANGLES))
    return np.stack([radii * np.cos(angles) * squeeze[0], radii * np.sin(angles) * squeeze[1]], -1).reshape(-1, 2)


def rendered(points: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """The points turned, mirrored, coloured and drawn as dots of a few pixels: uint8 of shape [size, size, 3]."""
    turn = rng.uniform(0, 2 * np.pi)
    points = points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if rng.random() < 0.5:
        points = points * (-1, 1)
    low, high = np.quantile(points, 0.01, axis=0), np.quantile(points, 0.99, axis=0)
    margin = int(size * rng.uniform(0.02, 0.12)) + 1
    places = margin + (points - low) / np.maximum((high - low).max(), 1e-9) * (size - 1 - 2 * margin)
    x, y = places.round().astype(int).T
    inside = (x >= 1) & (x < size - 1) & (y >= 1) & (y < size - 1)
    x, y = x[inside], y[inside]
    ink = np.zeros((size, size), bool)
    dot = rng.random((3, 3)) < 0.5  # the class has no pen of its own: a picture has
    dot[1, 1] = True
    for dx, dy in np.argwhere(dot) - 1:
        ink[y + dy, x + dx] = True
    paper, pen = rng.integers(0, 100, 3), rng.integers(140, 256, 3)
    if rng.random() < 0.5:
        paper, pen = pen, paper
    return np.where(ink[:, :, None], pen, paper).astype(np.uint8)
