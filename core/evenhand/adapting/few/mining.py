"""Which texts meet in one batch: pairs of a class, beside the classes that are most easily taken for it.

In a supervised contrastive loss every two texts of one class in a batch pull each other, and every two of different
classes push. So whom a text meets is the mining: `per` texts of each class make its positive pairs, and the classes of
a batch are one drawn by chance with its nearest by their mean vectors, so that the negatives are hard ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PER = 2  # texts of a class in a batch


def mined(targets: np.ndarray, features: np.ndarray, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """One pass: batches of row numbers, about `size` in each; every row whose class has another row is in one.

    targets: int [rows]; features: float [rows, width], any vectors in which look-alike classes are near each other.
    """
    waiting = _pieces(targets, rng)
    near = nearest(targets, features)
    classes = max(2, size // PER)
    batches = []
    while waiting:
        first = list(waiting)[rng.integers(len(waiting))]
        chosen = [other for other in near[first] if other in waiting][:classes]
        batches.append(np.concatenate([waiting[one].pop() for one in chosen]))
        for one in chosen:
            if not waiting[one]:
                del waiting[one]
    return _joined(batches, targets, rng)


def nearest(targets: np.ndarray, features: np.ndarray) -> dict[int, list[int]]:
    """Every class -> all classes, itself first and then those whose mean vectors point its way."""
    names = np.unique(targets)
    centres = np.stack([features[targets == one].mean(axis=0) for one in names]).astype(np.float64)
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    alike = centres @ centres.T
    np.fill_diagonal(alike, np.inf)
    return {int(one): names[np.argsort(-row, kind="stable")].tolist() for one, row in zip(names, alike, strict=True)}


def _pieces(targets: np.ndarray, rng: np.random.Generator) -> dict[int, list[np.ndarray]]:
    """Each class's rows by chance in pieces of PER, the last of PER + 1 where one would be left alone."""
    pieces: dict[int, list[np.ndarray]] = {}
    for one in np.unique(targets):
        rows = rng.permutation(np.flatnonzero(targets == one))
        if len(rows) >= PER:
            pieces[int(one)] = np.array_split(rows, len(rows) // PER)
    return pieces


def _joined(batches: Sequence[np.ndarray], targets: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """The batches in an order by chance; one of a single class, which has nobody to be told from, joins another."""
    whole = [batch for batch in batches if len(np.unique(targets[batch])) > 1]
    alone = [batch for batch in batches if len(np.unique(targets[batch])) == 1]
    for batch in alone:
        place = next((i for i, other in enumerate(whole) if set(targets[other]) - set(targets[batch])), None)
        if place is None:
            return [np.concatenate(batches)]
        whole[place] = np.concatenate([whole[place], batch])
    return [whole[i] for i in rng.permutation(len(whole))]
