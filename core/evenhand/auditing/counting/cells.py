"""What an aggregation brings back, whoever did it: an entry per group, label, decision, score level and cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from evenhand.statistics.arrays import Floats, Ints

LARGEST = 2**62  # of whole numbers that stand for several


@dataclass(frozen=True, slots=True)
class Cells:
    """Entries in any order."""

    groups: Ints  # [entry, column] code of the group
    label: Ints | None  # 1, 0 or -1 for none
    decision: Ints
    level: NDArray[Any] | None  # score, or bin of scores
    cluster: nw.Series[Any] | None
    numbers: Mapping[str, Floats]  # rows ("n"), and the halves of exact sums


def combined(columns: Sequence[Ints], sizes: Sequence[int]) -> Ints:
    """One whole number per entry, ordered as the columns are (the first one first); column i lies in [0, sizes[i])."""
    code, many = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column, size in zip(columns, sizes, strict=True):
        if many * size > LARGEST:  # what occurs is never more than the entries
            present, code = np.unique(code, return_inverse=True)
            code, many = np.asarray(code).reshape(-1), len(present)
        code, many = code * size + column, many * size
    return code


def merged(code: Ints, numbers: Mapping[str, Floats]) -> tuple[Ints, dict[str, Floats]]:
    """(the place of one entry of each code, in order of codes; numbers added up over entries that share one)."""
    step = np.diff(code)
    if (step > 0).all():
        return np.arange(len(code)), dict(numbers)
    order, code = _sorted(code)
    starts = np.flatnonzero(np.append(True, np.diff(code) > 0))
    if len(starts) == len(code):
        return order, {name: values[order] for name, values in numbers.items()}
    return order[starts], {name: np.add.reduceat(values[order], starts) for name, values in numbers.items()}


def _sorted(code: Ints) -> tuple[Ints, Ints]:
    """(the order of codes, equal ones as they came; the codes in it). Numbers sort faster than their places."""
    bits = len(code).bit_length()
    if int(code.max()) >= 1 << (62 - bits):
        order = np.argsort(code, kind="stable")
        return order, code[order]
    both = np.sort((code << bits) | np.arange(len(code)))
    return both & ((1 << bits) - 1), both >> bits
