"""Where the rows of a synthetic table come from: independent causes, shared factors, or a random causal graph.

A graph is a structural causal model: nodes in a topological order, each a noisy function of a few earlier ones
(Pearl 2009, section 1.4; as a prior over tables: Hollmann et al. 2023, arXiv 2207.01848, section 4).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]
SHAPES: tuple[Function, ...] = (
    lambda x: x,
    np.tanh,
    lambda x: np.maximum(x, 0),
    np.abs,
    lambda x: x * x,
    lambda x: np.sin(2 * x),
    lambda x: (x > 0.5).astype(float),
    lambda x: (x > -0.5).astype(float),
    lambda x: np.exp(np.clip(x, -4, 2)),
)
SHAPE_ODDS = np.array([6, 3, 2, 1, 1, 0.5, 1.5, 1.5, 1]) / 17.5


def shape(rng: np.random.Generator) -> Function:
    """A function of one variable, most often monotone: real effects mostly are."""
    return SHAPES[rng.choice(len(SHAPES), p=SHAPE_ODDS)]


def standard(x: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and deviation 1; a constant column becomes 0."""
    centred: np.ndarray = x - x.mean(0)
    unit: np.ndarray = centred / np.maximum(centred.std(0), 1e-6)
    return unit


def draw_causes(rng: np.random.Generator, rows: int, nodes: int) -> np.ndarray:
    """Standardised values of `nodes` variables in `rows` rows, float64 [rows, nodes], independent, by factors or by
    graph."""
    kind = rng.random()
    if kind < 0.15:
        return noise(rng, (rows, nodes))
    if kind < 0.6:
        return standard(by_factors(rng, rows, nodes))
    return by_graph(rng, rows, nodes)


def noise(rng: np.random.Generator, size: tuple[int, ...] | int) -> np.ndarray:
    """Standard noise: normal, heavy-tailed (t with 3 to 10 degrees) or uniform."""
    kind = rng.random()
    if kind < 0.7:
        return rng.standard_normal(size)
    if kind < 0.85:
        degrees = rng.uniform(3, 10)
        heavy: np.ndarray = rng.standard_t(degrees, size) * np.sqrt((degrees - 2) / degrees)
        return heavy
    return rng.uniform(-1.732, 1.732, size)


def by_factors(rng: np.random.Generator, rows: int, nodes: int) -> np.ndarray:
    """Columns that share hidden factors; some in blocks of near copies, like the same bill in six months."""
    count = int(rng.integers(1, max(2, nodes // 2) + 1))
    factors = noise(rng, (rows, count))
    loading = rng.standard_normal((count, nodes)) * (rng.random((count, nodes)) < rng.uniform(0.1, 0.8))
    if rng.random() < 0.4:
        owner = rng.integers(0, count, nodes)
        in_block = rng.random(nodes) < rng.uniform(0.3, 1)
        loading[:, in_block] *= 0.15
        loading[owner[in_block], np.flatnonzero(in_block)] += rng.choice([-1, 1], in_block.sum(), p=[0.2, 0.8])
    apart = np.exp(rng.normal(rng.uniform(-1.5, 0.5), 0.5, nodes))
    x: np.ndarray = factors @ loading + apart * noise(rng, (rows, nodes))
    return x


def by_graph(rng: np.random.Generator, rows: int, nodes: int) -> np.ndarray:
    """A structural causal model: every node a noisy sum of shapes of at most four earlier nodes."""
    x = np.empty((rows, nodes))
    order = rng.permutation(nodes)
    density, loud = rng.uniform(0.3, 3), np.exp(rng.uniform(-1.5, 0.7))
    for position, node in enumerate(order):
        value = noise(rng, rows) * (loud * np.exp(0.4 * rng.standard_normal()) if position else 1.0)
        for parent in rng.choice(position, min(position, rng.poisson(density), 4), replace=False) if position else ():
            value = value + rng.normal(0, 1) * shape(rng)(x[:, order[parent]])
        x[:, node] = standard(value)
    return x
