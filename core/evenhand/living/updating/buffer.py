"""Which old rows are kept in mind beside the new ones: of every group and class so many as its share of the old is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from evenhand.data.reading import values_of

if TYPE_CHECKING:
    from datasets import Dataset

LEAST = 5  # rows of a stratum, as far as it has them
MANY = 20  # different numbers in a column, from which its quarters are the groups


def strata(rows: Dataset, sensitive: Sequence[str], label: str) -> np.ndarray:
    """Which rows share groups and class, as numbers [rows]; a column of many numbers is cut at its quarters."""
    import polars as pl

    keys = [pl.Series([str(value) for value in values_of(rows, label)])]
    for column in sensitive:
        series = pl.Series(values_of(rows, column), strict=False)
        if series.dtype.is_numeric() and series.n_unique() > MANY:
            ends = [series.quantile(share) for share in (0.25, 0.5, 0.75)]
            series = sum(((series > end).cast(pl.Int64) for end in ends), pl.zeros(len(series), pl.Int64, eager=True))
        keys.append(series.cast(pl.String).fill_null("(missing)"))
    names = ["\0".join(key) for key in zip(*keys, strict=True)]
    return np.unique(names, return_inverse=True)[1]


def buffer_rows(of: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Positions of about `size` rows, ascending: of every stratum its share, and of a small one LEAST rows or all.

    of: the stratum of each row, [rows].

    >>> kept = buffer_rows(np.repeat([0, 1, 2], [90, 8, 2]), 20, seed=0)
    >>> np.bincount(np.repeat([0, 1, 2], [90, 8, 2])[kept]).tolist()
    [13, 5, 2]
    """
    sizes = np.bincount(of)
    if size >= len(of):
        return np.arange(len(of))
    floor = np.minimum(sizes, LEAST)
    if floor.sum() > size:  # more strata than room: every one as much as the next
        floor = np.minimum(floor, max(1, size // len(sizes)))
    wanted = floor + (sizes - floor) * max(0, size - int(floor.sum())) / max(1, int((sizes - floor).sum()))
    take = np.floor(wanted).astype(int)
    order = np.argsort(take - wanted, kind="stable")
    take[order[: max(0, size - int(take.sum()))]] += 1
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(np.flatnonzero(of == number))[: take[number]] for number in range(len(sizes))]
    return np.sort(rng.permutation(np.concatenate(chosen))[:size])
