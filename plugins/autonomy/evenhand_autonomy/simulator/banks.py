"""Many photographs at once: sample `i` of a bank depends on the bank's seed and `i` alone, however many are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evenhand_autonomy.simulator.classes import CLASSES
from evenhand_autonomy.simulator.signs import SIDE, Scene, photograph, scene


@dataclass(frozen=True, slots=True)
class Bank:
    """Photographs [n, SIDE, SIDE, 3] uint8 with the truth of each."""

    pictures: np.ndarray
    truths: tuple[Scene, ...]

    @property
    def labels(self) -> np.ndarray:
        """The class of each photograph."""
        return np.array([truth.class_id for truth in self.truths], np.int64)

    def columns(self) -> dict[str, list[Any]]:
        """The ground truth as a table's columns."""
        rows = [asdict(truth) for truth in self.truths]
        return {name: [row[name] for row in rows] for name in rows[0]}


def one(seed: int, number: int) -> tuple[np.ndarray, Scene]:
    """Photograph `number` of the bank of this seed; classes come in turn."""
    rng = np.random.default_rng([seed, number])
    return photograph(scene(rng, number % CLASSES), rng)


def render(seed: int, numbers: Iterable[int], told: Callable[[int], None] | None = None) -> Bank:
    """The photographs of these numbers, in one process."""
    numbers = list(numbers)
    pictures = np.empty((len(numbers), SIDE, SIDE, 3), np.uint8)
    truths = []
    for place, number in enumerate(numbers):
        pictures[place], truth = one(seed, number)
        truths.append(truth)
        if told is not None:
            told(place + 1)
    return Bank(pictures, tuple(truths))
