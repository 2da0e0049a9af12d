"""What happens to clean values before anyone sees them: categories, skew, rounding, missing cells, useless columns,
shift."""

from __future__ import annotations

import numpy as np


def draw_codes(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """A clean column as category codes 0 to k - 1 of uneven size; which code is which is random. int64 [rows]."""
    k = 2 if rng.random() < 0.4 else min(3 + int(rng.exponential(4)), 40, max(2, len(x) // 4))
    shares = rng.dirichlet(np.full(k, rng.choice([0.5, 1.0, 3.0])))
    bins = np.searchsorted(np.quantile(x, np.clip(np.cumsum(shares)[:-1], 0, 1)), x)
    codes: np.ndarray = rng.permutation(k)[bins]
    return codes


def level_values(rng: np.random.Generator, x: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """What a category stands for in the label: its level's mean clean value, or a draw of its own. float64 [rows]."""
    size = np.bincount(codes)
    mean = np.bincount(codes, x) / np.maximum(size, 1)
    own = rng.standard_normal(len(size))
    mix = rng.random()
    levels = mean if mix < 0.3 else own if mix < 0.7 else 0.7 * mean + 0.7 * own
    values: np.ndarray = levels[codes]
    unit: np.ndarray = (values - values.mean()) / max(values.std(), 1e-6)
    return unit


def warp(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """A clean numeric column as someone recorded it: skewed, rounded, in steps, with many zeros, or as it was."""
    kind = rng.random()
    if kind < 0.3:
        return x
    if kind < 0.45:
        return np.exp(np.clip(x * rng.uniform(0.3, 1.5), -8, 8))
    if kind < 0.55:
        power: np.ndarray = np.sign(x) * np.abs(x) ** rng.uniform(0.4, 3)
        return power
    if kind < 0.75:
        cuts = np.sort(rng.choice(x, min(int(rng.integers(1, 13)), len(x)), replace=False))
        steps: np.ndarray = np.searchsorted(cuts, x).astype(float)
        return steps
    if kind < 0.85:
        rounded: np.ndarray = np.round(x * rng.uniform(1, 10))
        return rounded
    if kind < 0.97:
        zero = np.quantile(x, rng.uniform(0.2, 0.95))
        return np.asarray(np.where(x < zero, 0.0, np.exp(np.clip(x - zero, 0, 6)) if rng.random() < 0.5 else x - zero))
    above: np.ndarray = (x > np.quantile(x, rng.uniform(0.02, 0.98))).astype(float)
    return above


def lose_cells(rng: np.random.Generator, values: np.ndarray, clean: np.ndarray, scores: np.ndarray) -> None:
    """Make cells NaN in place: at random, or by the cell's own value, another column, or what decides the label."""
    rate = rng.beta(0.6, 3)
    for c in np.flatnonzero(rng.random(values.shape[1]) < rng.uniform(0.05, 0.8)):
        column_rate = np.clip(rate * np.exp(rng.normal(0, 0.7)), 0, 0.97)
        kind = rng.random()
        if kind < 0.5:
            lost = rng.random(len(values)) < column_rate
        else:
            other = clean[:, c] if kind < 0.65 else scores if kind < 0.8 else clean[:, rng.integers(clean.shape[1])]
            drive = rng.normal() * other + rng.standard_normal(len(other))
            lost = drive > np.quantile(drive, 1 - column_rate)
        values[lost, c] = np.nan


def shift(rng: np.random.Generator, clean: np.ndarray, n_context: int) -> np.ndarray:
    """An order of the rows in which those after the context lean to one side of some column; int64 [rows]."""
    lean = clean[:, rng.integers(clean.shape[1])] * rng.normal(0, 0.7) + rng.gumbel(size=len(clean))
    order = np.argsort(lean)
    return np.concatenate([rng.permutation(order[:n_context]), rng.permutation(order[n_context:])])
