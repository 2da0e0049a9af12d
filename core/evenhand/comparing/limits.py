"""Limits of a change: by the score of paired shares, by the paired differences of rows, or from the limits of both sides.

Every function takes a critical value `c` per group, so that limits of one change and of all together are the same call.
"""

from __future__ import annotations

import numpy as np

from evenhand.auditing.counts import Floats

HALVINGS = 48  # of [-1, 1]: to the last digit of a float
TOUCH = 0.5  # pseudo rows per cell of a pair of decisions, as Agresti & Min add them


def paired_shares(up: Floats, down: Floats, rows: Floats, c: Floats) -> tuple[Floats, Floats]:
    """Score limits of the difference of two shares of the same rows (Tango 1998, Statistics in Medicine 17).

    up, down: rows [group] that only the second, only the first counts; rows: all. Fractions are welcome, where weights and
    clusters make a row worth less. Never of width 0: that no row of n differs leaves room for c² / (n + c²).
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


def paired_error(differences: Floats, place: Floats, size: int, alone: Floats) -> Floats:
    """Standard error [group] of a change that is the sum of the differences of its units.

    differences: of each unit; place: its group; alone: the sum of squares of the first side's influences, the scale where no
    unit differs. Where few units differ, nobody knows how much those not seen would: two more that differ as much as the
    others do join in, as far as there are units that do not differ (after Agresti & Min 2005, who add them for shares).
    """
    moved = np.abs(differences) > 1e-12 * np.sqrt(alone / np.maximum(np.bincount(place, minlength=size), 1))[place]
    units, differing = np.bincount(place, minlength=size), np.bincount(place, moved, size)
    squares = np.bincount(place, differences**2, size)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(differing > 0, squares / np.maximum(differing, 1), alone / np.maximum(units, 1))
        more = 2 * each * (1 - differing / units)
    return np.asarray(np.sqrt(np.nan_to_num(squares + more)))


def trusted_correlation(r: Floats, rows: Floats, value: Floats | None) -> Floats:
    """The correlation of two numbers, as far as `rows` tell it: agreement by luck must not make a change certain.

    value: of the share, None for other numbers. Half a row is added to every cell of the table of both decisions, which is
    what makes the interval of a paired difference hold (Agresti & Min 2005, Statistics in Medicine 24).
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
