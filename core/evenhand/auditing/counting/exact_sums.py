"""Sums that every engine gives to the last digit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import narwhals as nw
from numpy.typing import NDArray


class Sums:
    """Exact sums: x·2^k is split into a high and a low integer, which every engine adds without rounding."""

    def __init__(self) -> None:
        self.columns: dict[str, nw.Expr] = {}
        self.shift: dict[str, int] = {}
        self.same: dict[str, str] = {}  # quantities that are summed under another's name

    def add(self, name: str, value: nw.Expr, bound: float) -> None:
        """Sum `value`, whose size is at most `bound`, under `name`."""
        shift = 30 - math.frexp(max(bound, 1e-300))[1]
        high = (value * 2.0**shift).floor() if abs(shift) < 1000 else value.floor()
        low = ((value * 2.0**shift - high) * 2.0**31).floor()
        self.columns[f"{name} high"], self.columns[f"{name} low"] = high.cast(nw.Int64), low.cast(nw.Int64)
        self.shift[name] = shift

    def joined(self, other: Sums) -> Sums:
        """The sums of both."""
        both = Sums()
        both.columns, both.shift = {**self.columns, **other.columns}, {**self.shift, **other.shift}
        both.same = {**self.same, **other.same}
        return both

    def read(self, name: str, found: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """The sums from the columns that the engine gave back."""
        shift = self.shift[name]
        return found[f"{name} high"] * 2.0**-shift + found[f"{name} low"] * 2.0 ** (-shift - 31)
