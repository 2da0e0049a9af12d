"""Sums that every engine gives to the last digit: fixed point in two whole numbers, which add up without rounding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from evenhand.statistics.arrays import Floats, Ints

MOST_SHIFTED = 1000  # beyond, the power of two is no number
LOW = 31  # bits of the low number


class Sums:
    """Exact sums: x·2^k is split into a high and a low integer, which every engine adds without rounding."""

    def __init__(self) -> None:
        self.summands: dict[str, nw.Expr] = {}
        self.shift: dict[str, int] = {}
        self.same: dict[str, str] = {}  # quantities that are summed under another's name

    def add(self, name: str, value: nw.Expr, bound: float) -> None:
        """Sum `value`, whose size is at most `bound`, under `name`."""
        self.summands[name] = value
        self.shift[name] = min(30 - math.frexp(max(bound, 1e-300))[1], MOST_SHIFTED)

    @property
    def columns(self) -> dict[str, nw.Expr]:
        """What an engine adds up, by name."""
        found = {}
        for name, value in self.summands.items():
            scaled = value * 2.0 ** self.shift[name]
            high = scaled.floor()
            low = ((scaled - high) * 2.0**LOW).floor()
            found[f"{name} high"], found[f"{name} low"] = high.cast(nw.Int64), low.cast(nw.Int64)
        return found

    def joined(self, other: Sums) -> Sums:
        """The sums of both."""
        both = Sums()
        both.summands, both.shift = {**self.summands, **other.summands}, {**self.shift, **other.shift}
        both.same = {**self.same, **other.same}
        return both

    def read(self, name: str, found: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """The sums from the columns that the engine gave back."""
        shift = self.shift[name]
        return found[f"{name} high"] * 2.0**-shift + found[f"{name} low"] * 2.0 ** (-shift - LOW)


def add_up(high: Ints, low: Ints, cell: Ints, value: Floats, shift: int) -> None:
    """Add to each cell's two numbers what `Sums` has an engine add, row by row; at most 2^22 rows."""
    scaled = value * 2.0**shift
    whole = np.floor(scaled)
    scaled -= whole
    scaled *= 2.0**LOW
    np.floor(scaled, out=scaled)
    for total, part in ((high, whole), (low, scaled)):
        if len(total) > len(cell):
            np.add.at(total, cell, part.astype(np.int64))
        else:  # up to 2^22 numbers of 31 bits add up to less than 2^53
            total += np.bincount(cell, part, len(total)).astype(np.int64)
