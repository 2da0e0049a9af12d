"""Weights of rows that make group and label independent, or every class in every group count the same.

Source: Kamiran & Calders 2012, Knowledge and Information Systems 33; of several labels, by raking (Deming & Stephan
1940, Annals of Mathematical Statistics 11), since no label may tell the group.
"""

from __future__ import annotations

import numpy as np

ROUNDS, CLOSE = 200, 1e-9  # of raking
MOST = 50.0  # times as much as the average that one row may count where margins cannot all be met
PARTS = 5  # that a number's range is cut into


def row_weights(groups: np.ndarray, targets: np.ndarray, how: str = "independent") -> np.ndarray:
    """How much each row counts, [rows], mean 1.

    groups: names, [rows]. targets: class numbers [rows], or 0 and 1 of several labels [rows, labels].
    how: `independent`: P(group) P(class) / P(group, class); `balanced`: every class of every group in all the same.

    >>> groups, classes = np.array(["a", "a", "a", "b", "b"]), np.array([0, 0, 1, 0, 1])
    >>> row_weights(groups, classes).round(3).tolist()
    [0.9, 0.9, 1.2, 1.2, 0.8]
    >>> row_weights(groups, classes, "balanced").round(3).tolist()
    [0.625, 0.625, 1.25, 1.25, 1.25]
    """
    if not len(groups):
        return np.empty(0)
    if targets.ndim == 2:
        return _raked(groups, targets, how)
    group, labels = _codes(groups), _codes(targets)
    both = np.zeros((group.max() + 1, labels.max() + 1))
    np.add.at(both, (group, labels), 1)
    wanted = np.outer(both.sum(axis=1), both.sum(axis=0)) if how == "independent" else np.ones_like(both)
    weight = wanted[group, labels] / both[group, labels]
    return np.asarray(weight / weight.mean())


def _raked(groups: np.ndarray, targets: np.ndarray, how: str) -> np.ndarray:
    """Weights under which each label is as frequent in every group as in all, and groups keep their shares."""
    group = _codes(groups)
    count = group.max() + 1
    member = np.eye(count)[group]
    shares = member.mean(axis=0) if how == "independent" else np.full(count, 1 / count)
    rates = targets.mean(axis=0) if how == "independent" else np.full(targets.shape[1], 0.5)
    weight = np.ones(len(group))
    for _ in range(ROUNDS):
        before = weight.copy()
        for label, rate in enumerate(rates):
            for value, share in ((1, rate), (0, 1 - rate)):
                here = targets[:, label] == value
                there = member[here].T @ weight[here]
                wanted = shares * share * len(group)
                factor = np.divide(wanted, there, out=np.ones(count), where=there > 0)
                weight[here] *= factor[group[here]]
        weight = np.clip(weight / weight.mean(), 1 / MOST, MOST)
        if np.abs(weight - before).max() < CLOSE:
            break
    return np.asarray(weight / weight.mean())


def as_classes(numbers: np.ndarray) -> np.ndarray:
    """The part of its range that each number lies in, of five with as many rows each."""
    edges = np.unique(np.quantile(numbers, np.arange(1, PARTS) / PARTS))
    return np.asarray(np.searchsorted(edges, numbers, side="right"))


def _codes(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.unique(values.astype(str), return_inverse=True)[1])
