"""Fisher's exact test of two shares, at any size."""

from __future__ import annotations

import numpy as np

from evenhand.statistics.arrays import Floats
from evenhand.statistics.tails import hypergeometric_tail, log_factorial

AROUND = 40  # standard deviations of a table's count on each side of its mode; beyond, a chance is no float any more
SAME = 1e-7  # relative difference of two chances that are one


def fisher(x: float, n: float, other_x: float, other_n: float) -> float:
    """Two-sided p-value of equal shares: the chance of all tables with these margins no likelier than the one found.

    x of n against other_x of other_n. Weights make fractions of rows; of these, twice the smaller exact tail. It is not
    the mid-P value, so that it is never too small. Source: Fisher 1935, J. R. Stat. Soc. 98.

    >>> round(fisher(30, 5200, 4, 200), 4)
    0.0355
    """
    events, rows = x + other_x, n + other_n
    if all(abs(v - round(v)) < 1e-6 for v in (x, n, other_x, other_n)):
        return _no_likelier(*(round(v) for v in (x, n, events, rows)))
    tails = hypergeometric_tail(np.array([x, other_x]), np.array([n, other_n]), np.array(events), np.array(rows))
    return float(min(1.0, 2 * tails.min()))


def _no_likelier(x: int, n: int, events: int, rows: int) -> float:
    least, most = max(0, events - (rows - n)), min(n, events)
    mean = n * events / rows if rows else 0.0
    spread = np.sqrt(max(mean * (1 - events / rows) * (rows - n) / max(rows - 1, 1), 0.0)) if rows else 0.0
    reach = AROUND * spread + AROUND
    k = np.arange(max(least, int(mean - reach)), min(most, int(mean + reach) + 1) + 1, dtype=float)
    if not k[0] <= x <= k[-1]:
        return 0.0
    chances = _log_chance(k, n, events, rows)
    found = chances[int(x - k[0])]
    return float(min(1.0, np.exp(chances[chances <= found + SAME] - _log_sum(chances)).sum()))


def _log_chance(k: Floats, n: int, events: int, rows: int) -> Floats:
    """Up to what all tables share."""
    rest = (rows - n) - (events - k)
    return -(log_factorial(k) + log_factorial(n - k) + log_factorial(events - k) + log_factorial(rest))


def _log_sum(logs: Floats) -> float:
    most = float(logs.max())
    return most + float(np.log(np.exp(logs - most).sum()))
