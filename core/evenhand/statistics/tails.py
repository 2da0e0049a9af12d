"""Exact tails of the binomial and the hypergeometric distribution, and of Student's t and the normal, far out too.

Counts may be fractions, because weights and clusters act through the effective number of rows: factorials are gamma
functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from evenhand.statistics.arrays import Floats, ratio

TERMS = 40  # of a tail that are added one by one; a geometric series bounds the others
HALVINGS = 40  # of the interval in which an exact limit is looked for
NEWTON, MOST_TERMS = 30, 400  # steps at most, of which five or so are taken
NO_EVENT = 1e-12  # of an event, up to which nothing was seen: its limit is 0 to the last digit
DEEP = 30.0  # standard errors, beyond which a normal tail is asymptotic


def hypergeometric_tail(x: Floats, n: Floats, events: Floats, everyone: Floats) -> Floats:
    """P(X >= x) where n of `everyone` are drawn and `events` of all are events; an upper bound, exact where it is
    small.

    Fractions of rows (weights, clusters) enter through the gamma function. Source: Fisher 1935, J. R. Stat. Soc. 98.
    """
    x, n, events, everyone = (np.asarray(v, dtype=float) for v in np.broadcast_arrays(x, n, events, everyone))
    spared = np.maximum(everyone - events - n + x, 0)  # non-events outside
    first = _log_choose(events, x) + _log_choose(everyone - events, n - x) - _log_choose(everyone, n)
    return _tail(
        x, first, lambda j: np.maximum(events - x - j, 0) * np.maximum(n - x - j, 0) / ((x + j + 1) * (spared + j + 1))
    )


def binomial_tail(x: Floats, n: Floats, share: Floats) -> Floats:
    """P(X >= x) of n draws that are events with the probability `share`; an upper bound, exact where it is small."""
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = share / (1 - share)
        first = _log_choose(n, x) + x * np.log(share) + np.where(n > x, (n - x) * np.log1p(-share), 0)
    return _tail(x, first, lambda j: np.maximum(n - x - j, 0) / (x + j + 1) * odds)


def _tail(x: Floats, first: Floats, step: Callable[[int], Floats]) -> Floats:
    """Sum of terms that start at exp(first) and of which each is step(j) times the one before.

    The steps fall, so that a geometric series bounds what is not added up.
    """
    term, total = np.ones_like(x), np.zeros_like(x)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for j in range(TERMS):
            total += term
            term = term * step(j)
        last = step(TERMS)
        total += np.where(last < 1, term / (1 - last), np.where(term > 0, np.inf, 0))
        p = np.exp(np.minimum(first + np.log(total), 0.0))
    return np.where(x <= 0, 1.0, p)


def _log_choose(n: Floats, k: Floats) -> Floats:
    return log_factorial(n) - log_factorial(np.minimum(k, n)) - log_factorial(np.maximum(n - k, 0))


def log_factorial(x: Floats) -> Floats:
    """log Γ(x + 1) for x >= 0, to 11 digits: Stirling's series after eight steps of the recursion."""
    x = np.maximum(np.asarray(x, dtype=float), 0)
    product = np.ones_like(x)
    for j in range(1, 9):
        product = product * (x + j)
    y = x + 9
    series = 1 / (12 * y) - 1 / (360 * y**3) + 1 / (1260 * y**5)
    return np.asarray((y - 0.5) * np.log(y) - y + 0.5 * math.log(2 * math.pi) + series - np.log(product))


def upper_tail_t(t: Floats, freedom: Floats) -> Floats:
    """P(T > t) of Student's distribution (Wallace 1959, Annals of Mathematical Statistics 30; within 2 % from 8
    degrees)."""
    t, v = np.broadcast_arrays(np.asarray(t, dtype=float), np.maximum(np.asarray(freedom, dtype=float), 1.0))
    z = np.sign(t) * (8 * v + 1) / (8 * v + 3) * np.sqrt(v * np.log1p(t * t / v))
    return upper_tail(z)


def upper_tail(z: Floats) -> Floats:
    """P(Z > z) of the standard normal distribution."""
    flat = np.asarray(z, dtype=float)
    return np.array([0.5 * math.erfc(v / math.sqrt(2)) for v in flat.ravel().tolist()]).reshape(flat.shape)


def share_at_least(x: Floats, n: Floats, level: float) -> Floats:
    """The share at which x or more of n have the probability `level`: the exact lower limit of x / n."""
    low, high = np.zeros_like(x), ratio(x, n)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        likely = binomial_tail(x, n, middle) > level
        low, high = np.where(likely, low, middle), np.where(likely, middle, high)
    return low


def mid_p_lower(x: Floats, n: Floats, log_tail: Floats) -> Floats:
    """The share at which more than x of n, and half the chance of x itself, have the probability exp(log_tail), below
    1/2.

    Half the chance of what was seen keeps the exact limit (Clopper & Pearson 1934) from being far too wide with few
    events (Lancaster 1949, Biometrika 36; Berry & Armitage 1995, The Statistician 44). Newton's steps on the logarithm
    of the tail, which is concave in the log odds, so that they settle from below. 0 without an event. Each number stops
    by itself, so that it is the same in whatever company it is looked for.
    """
    x, n, log_tail = (np.asarray(v, dtype=float) for v in np.broadcast_arrays(x, n, log_tail))
    some = np.where(x > NO_EVENT, x, 1.0)  # nothing is asked of 0 of n
    n = np.maximum(n, some)
    choose = _log_choose(n, some)
    odds = np.minimum((log_tail + math.log(2) - choose) / some, np.log(some / (n - some + 1)))
    moving = np.ones(odds.shape, dtype=bool)
    for _ in range(NEWTON):
        log_tails, slope = _mid_p(some, n, odds, choose)
        step = (log_tail - log_tails) / slope
        odds = np.where(moving, np.minimum(odds + step, 700.0), odds)
        moving &= np.abs(step) > 1e-7 * np.maximum(np.abs(odds), 1)
        if not moving.any():
            break
    with np.errstate(over="ignore"):
        return np.where(x > NO_EVENT, 1 / (1 + np.exp(-odds)), 0.0)


def _mid_p(x: Floats, n: Floats, odds: Floats, choose: Floats) -> tuple[Floats, Floats]:
    """(log of P(X > x) + P(X = x) / 2 at these log odds of the share, its derivative)."""
    first = choose + x * odds - n * np.logaddexp(0.0, odds)
    share = 0.5 * (1 + np.tanh(odds / 2))
    times = np.exp(odds)
    term, total = np.ones_like(x), np.full_like(x, 0.5)
    counting = np.ones(x.shape, dtype=bool)
    for j in range(MOST_TERMS):
        term = term * (np.maximum(n - x - j, 0) / (x + j + 1) * times)
        total = np.where(counting, total + term, total)
        counting &= term > 1e-9 * total
        if not counting.any():
            break
    slope = 0.5 * (x * (1 - share) + (n - x) * share) / total
    return first + np.log(total), np.maximum(slope, 1e-300)


def log_upper_tail(z: Floats) -> Floats:
    """log P(Z > z) of the standard normal distribution for z >= 0, also where the probability is no longer a float."""
    z = np.asarray(z, dtype=float)
    near, back = np.unique(np.minimum(z, DEEP), return_inverse=True)
    logs = np.array([math.log(0.5 * math.erfc(v / math.sqrt(2))) for v in near.tolist()])[back].reshape(z.shape)
    far = np.maximum(z, DEEP)
    with np.errstate(over="ignore"):
        beyond = -far * far / 2 - np.log(far * math.sqrt(2 * math.pi)) + np.log1p(-1 / (far * far))
    return np.where(z > DEEP, beyond, logs)
