"""Limits that hold at every look at once: for shares, from counts alone, in whatever order and number they come.

The mixture of all Bernoulli likelihoods under a uniform prior, divided by that of one share p, is a martingale if p is
true; it passes 1 / level at any time with probability at most `level` (Ville 1939; Robbins 1970, Annals of Mathematical
Statistics 41(5); Howard et al. 2021, Annals of Statistics 49(2)). The shares that it does not rule out are the limits.
"""

from __future__ import annotations

import math
from collections.abc import Callable

PRECISION = 60  # halvings; float64 holds no more


def limits(events: int, rows: int, level: float) -> tuple[float, float]:
    """The lower and upper limit of a share of which `events` in `rows` were seen, valid at all times at once.

    >>> [round(x, 3) for x in limits(90, 100, 0.05)]
    [0.772, 0.971]
    """
    if rows == 0:
        return 0.0, 1.0
    least = _mixture(events, rows) + math.log(level)

    def outside(p: float) -> bool:
        return _log(events, rows, p) < least

    return _edge(outside, 0.0, events / rows), _edge(outside, 1.0, events / rows)


def p_value(events: int, rows: int, share: float) -> float:
    """The smallest level, at any time so far, whose limits leave out `share`, by the counts of now.

    >>> p_value(50, 100, 0.9) < 1e-6 < p_value(90, 100, 0.9)
    True
    """
    if rows == 0:
        return 1.0
    return math.exp(min(0.0, _log(events, rows, share) - _mixture(events, rows)))


def _mixture(events: int, rows: int) -> float:
    """The logarithm of the mean of all shares' likelihoods."""
    return math.lgamma(events + 1) + math.lgamma(rows - events + 1) - math.lgamma(rows + 2)


def _log(events: int, rows: int, p: float) -> float:
    """The logarithm of p^events (1 - p)^(rows - events)."""
    ends = (events and p <= 0) or (rows - events and p >= 1)
    if ends:
        return -math.inf
    found = events * math.log(p) if events else 0.0
    return found + ((rows - events) * math.log1p(-p) if rows - events else 0.0)


def _edge(outside: Callable[[float], bool], end: float, seen: float) -> float:
    """Where limits begin between the `end` of the unit interval and the share that was seen."""
    if not outside(end):
        return end
    far, near = end, seen
    for _ in range(PRECISION):
        middle = (far + near) / 2
        far, near = (middle, near) if outside(middle) else (far, middle)
    return far
