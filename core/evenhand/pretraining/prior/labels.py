"""What makes the label of a synthetic table: weak additive effects, interactions, trees, small networks, or a graph's
node.

Sums of several kinds, mostly of few columns, plus logistic noise; the share of positives lies between 3 and 97 %. Trees
as a prior: Grinsztajn et al. 2022 (arXiv 2207.08815) on why trees win on tables; Qu et al. 2025 (arXiv 2502.05564),
section 4.
"""

from __future__ import annotations

import numpy as np

from evenhand.pretraining.prior.causes import noise, shape, standard


def draw_scores(rng: np.random.Generator, causes: np.ndarray) -> np.ndarray:
    """What the label depends on besides chance, standardised, float64 [rows]."""
    relevant = pick_relevant(rng, causes.shape[1])
    x = causes[:, relevant]
    weight = rng.gamma(rng.uniform(0.3, 3), 1, len(relevant)) + 1e-3
    total = np.zeros(len(causes))
    share = rng.dirichlet([1.2, 1.2, 0.5, 1.0, 0.3]) ** 0.5
    makers = (linear, additive, interactions, forest, network)
    for amount, maker in zip(share, makers, strict=True):
        if amount > 0.15:
            total += amount * standard(maker(rng, x, weight))
    return standard(total)


def pick_relevant(rng: np.random.Generator, columns: int) -> np.ndarray:
    """Which columns matter: from one to all, more often the smaller half."""
    count = 1 + int((columns - 1) * rng.random() ** 1.5 + rng.random())
    return rng.choice(columns, min(count, columns), replace=False)


def draw_labels(rng: np.random.Generator, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels 0 or 1 by scores of random strength and a random share of positives, and each row's chance of a 1.

    int64 and float64 [rows]. The chance is the truth given all causes: learning from it in place of the label has the
    same optimum and far less noise.
    """
    strength = np.exp(rng.uniform(np.log(0.5), np.log(12)))
    share = rng.uniform(0.03, 0.5) if rng.random() < 0.7 else rng.uniform(0.3, 0.97)
    noise_free = strength * scores
    threshold = np.quantile(noise_free + rng.logistic(0, 1, len(scores)), 1 - share)
    chance = 1 / (1 + np.exp(-np.clip(noise_free - threshold, -30, 30)))
    return (rng.random(len(scores)) < chance).astype(np.int64), chance


def linear(rng: np.random.Generator, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A weighted sum; in half of the tables all in the same direction, as risk scores are."""
    sign = rng.choice([-1.0, 1.0], x.shape[1], p=[0.5, 0.5] if rng.random() < 0.6 else [0.1, 0.9])
    total: np.ndarray = x @ (weight * sign)
    return total


def additive(rng: np.random.Generator, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A sum of shapes of single columns, moved and stretched at random."""
    total = np.zeros(len(x))
    for c in range(x.shape[1]):
        moved = (x[:, c] + rng.normal(0, 0.7)) * rng.choice([-1, 1]) * np.exp(rng.normal(0, 0.3))
        total += weight[c] * rng.choice([-1, 1]) * standard(shape(rng)(moved))
    return total


def interactions(rng: np.random.Generator, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A few products, minima and conjunctions of two columns."""
    total = np.zeros(len(x))
    for _ in range(rng.integers(1, 5)):
        a, b = (x[:, rng.choice(x.shape[1], p=weight / weight.sum())] for _ in range(2))
        kind = rng.integers(0, 3)
        pair = (
            a * b if kind == 0 else np.minimum(a, b) if kind == 1 else ((a > rng.normal()) & (b > rng.normal())) * 1.0
        )
        total += rng.normal() * standard(pair)
    return total


def forest(rng: np.random.Generator, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Trees that split all nodes of one depth alike; thresholds are values of rows, so they cut where rows are."""
    total = np.zeros(len(x))
    odds = weight / weight.sum()
    for _ in range(rng.integers(1, 16)):
        depth = int(rng.integers(1, 6))
        columns = rng.choice(x.shape[1], depth, p=odds)
        cuts = x[rng.integers(0, len(x), depth), columns]
        leaf = (x[:, columns] > cuts) @ (1 << np.arange(depth))
        total += rng.standard_normal(1 << depth)[leaf]
    return total


def network(rng: np.random.Generator, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A random network with one hidden layer."""
    width = int(rng.integers(3, 20))
    inner = (x * np.sqrt(weight / weight.mean())) @ rng.standard_normal((x.shape[1], width)) / np.sqrt(x.shape[1])
    hidden = np.tanh(rng.uniform(0.5, 2) * inner + noise(rng, width))
    total: np.ndarray = hidden @ rng.standard_normal(width)
    return total
