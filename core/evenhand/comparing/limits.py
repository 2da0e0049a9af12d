"""Limits of a change: by the score of paired shares, by the paired differences of rows, or from the limits of both
sides.

Every function takes a critical value `c` per group, so that limits of one change and of all together are the same call.
"""

from __future__ import annotations

import numpy as np

from evenhand.statistics.arrays import Floats, Ints

HALVINGS = 48  # of [-1, 1]: to the last digit of a float
TOUCH = 0.5  # pseudo rows per cell of a pair of decisions, as Agresti & Min add them


def paired_shares(up: Floats, down: Floats, rows: Floats, c: Floats) -> tuple[Floats, Floats]:
    """Score limits of the difference of two shares of the same rows (Tango 1998, Statistics in Medicine 17).

    up, down: rows [group] that only the second, only the first counts; rows: all. Fractions are welcome, where weights
    and clusters make a row worth less. Never of width 0: that no row of n differs leaves room for c² / (n + c²).
    """
    return -_upper(down, up, rows, c), _upper(up, down, rows, c)


def _upper(up: Floats, down: Floats, rows: Floats, c: Floats) -> Floats:
    """The largest difference that is no more than c standard errors away, the error being that under the difference."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, high = (up - down) / rows, np.ones_like(rows)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            b = (2 * rows - up + down) * middle - up - down
            root = np.sqrt(np.maximum(b * b + 8 * rows * down * middle * (1 - middle), 0))
            fewer = (root - b) / (4 * rows)  # the share that only the first counts, most likely at this difference
            spread = np.sqrt(np.maximum(rows * (2 * fewer + middle * (1 - middle)), 0))
            beyond = rows * middle - (up - down) > c * spread
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.where(rows > 0, high, np.nan)


def paired_error(moved: Floats, raw: Floats, place: Ints, size: int, alone: Floats) -> tuple[Floats, Floats]:
    """(standard error, how many units it rests on), [group], of a change that is the sum of what its units moved it by.

    moved: the difference of the influences of each unit; raw: the difference of its values, 0 where they are the same;
    place: its group; alone: the sum of squares of one side's influences, the scale where nothing moved.
    Where few units carry the difference, nobody knows how much those not seen would: two more that differ as much as
    these do join in, as far as there are units that do not (after Agresti & Min 2005, who add them for shares). Few is
    told by the participation ratio (Σ|x|)² / Σx²: k where k of them differ alike, 0.64 of all where differences are
    normal.
    """
    units, squares = np.bincount(place, minlength=size), np.bincount(place, moved**2, size)
    few = np.minimum(_participating(moved, place, size), _participating(raw, place, size))
    with np.errstate(divide="ignore", invalid="ignore"):
        more = np.where((squares > 0) & (few > 0), squares / few * (1 - few / units), alone / units)
    return np.sqrt(np.nan_to_num(squares + 2 * more)), np.where(squares > 0, np.maximum(few, 1), units)


def _participating(x: Floats, place: Ints, size: int) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
        return np.nan_to_num(np.bincount(place, np.abs(x), size) ** 2 / np.bincount(place, x**2, size))


def trusted_correlation(r: Floats, rows: Floats, value: Floats | None) -> Floats:
    """The correlation of two numbers, as far as `rows` tell it: agreement by luck must not make a change certain.

    value: of the share, None for other numbers. Half a row is added to every cell of the table of both decisions, which
    is what makes the interval of a paired difference hold (Agresti & Min 2005, Statistics in Medicine 24).
    """
    scale = rows * (0.25 if value is None else _pulled(value, rows))
    with np.errstate(divide="ignore", invalid="ignore"):
        less = np.maximum((r * scale - TOUCH) / (scale + TOUCH), 0.0)
    return np.nan_to_num(np.where(r > 0, less, r))


def _pulled(value: Floats, rows: Floats) -> Floats:
    p = (value * rows + 2) / (rows + 4)
    return np.asarray(p * (1 - p))


def change_of_size(sums: tuple[Floats, Floats], changes: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Limits of |d2| - |d1| from limits of d1 + d2 and of d2 - d1.

    |d2| - |d1| is whichever of sum and change is smaller in size, above 0 where both have one sign. So a gap that turns
    round is no news by itself, and a gap is not called larger because its estimate strayed from 0.
    """
    (low_s, high_s), (low_d, high_d) = sums, changes
    upper = np.maximum(_both(high_s, high_d), _both(-low_s, -low_d))
    lower = -np.maximum(_both(high_s, -low_d), _both(-low_s, high_d))
    surely = np.maximum(_both(low_s, low_d), _both(-high_s, -high_d))
    never = -np.maximum(_both(low_s, -high_d), _both(-high_s, low_d))
    return np.where(surely > 0, surely, lower), np.where(never < 0, never, upper)


def _both(one: Floats, other: Floats) -> Floats:
    """The smaller of two numbers above 0; else 0."""
    return np.maximum(np.minimum(one, other), 0)
