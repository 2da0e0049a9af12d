"""Intervals for one number and for the difference and ratio of two, at any critical value.

Every function takes `c`, the normal critical value (1.96 for 95 %), so that pointwise and simultaneous
intervals are the same call. Shares come as x successes among n rows; both may be fractions, because weights and
clusters act through the effective number of rows.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

import numpy as np

from evenhand.statistics.arrays import Floats
from evenhand.statistics.tails import log_upper_tail, mid_p_lower

NORMAL = NormalDist()
MOST = 1e6  # critical values beyond bound nothing
FAR = 1.98  # critical values from here on allow for more than one comparison at 95 %
FEW = 50  # events or non-events, below which a normal tail is not what it seems so far out
ENOUGH = 100  # of them, from which it is near enough; between the two, limits go over from one to the other


def critical(confidence: float) -> float:
    """The two-sided normal critical value."""
    return NORMAL.inv_cdf(0.5 + confidence / 2)


def wilson(x: Floats, n: Floats, c: Floats | float) -> tuple[Floats, Floats]:
    """The score interval of a share (Wilson 1927, JASA 22): never degenerate, not even at 0 of n."""
    x, n = np.asarray(x, dtype=float), np.asarray(n, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        p, c2 = x / n, np.square(c)
        centre = p + c2 / (2 * n)
        half = np.asarray(c) * np.sqrt(p * (1 - p) / n + c2 / (4 * n * n))
        lower, upper = (centre - half) / (1 + c2 / n), (centre + half) / (1 + c2 / n)
    lower, upper = np.clip(lower, 0, p), np.clip(upper, p, 1)
    return np.where(x <= 0, 0.0, lower), np.where(x >= n, 1.0, upper)


def share(x: Floats, n: Floats, c: Floats | float) -> tuple[Floats, Floats]:
    """Wilson's interval, with its end next to 0 or 1 moved out where events (or non-events) are rare.

    With one to three events the score interval covers as little as 90 %, because its lower end lies above the small
    share that is true; a Poisson limit takes its place (Brown, Cai & DasGupta 2001, Statistical Science 16(2),
    section 4.1.1). What remains is conservative, as it must be where so few outcomes are possible.
    """
    x, n, c = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (x, n, np.minimum(c, MOST))))
    lower, upper = wilson(x, n, c)
    most = np.where(n > 50, 3.5, 2.5)
    rare, common = (x > 0) & (x < most), (n - x > 0) & (n - x < most)
    if rare.any():
        lower = np.where(rare, np.minimum(lower, _poisson_lower(x, c) / n), lower)
    if common.any():
        upper = np.where(common, np.maximum(upper, 1 - _poisson_lower(n - x, c) / n), upper)
    return lower, upper


def far_share(x: Floats, n: Floats, c: Floats | float, near: Floats | float = FAR) -> tuple[Floats, Floats]:
    """The interval of a share at a critical value that allows for many comparisons: from exact tails where events are
    few.

    A score interval covers 95 % on the average of its two sides. At 3 or 4 standard errors the side of a small share
    lies so much too high that 3 of 20 beside 100 of 5,000 seems 100 times as unlikely as it is. Mid-P limits take its
    place; they are nowhere narrower than the score interval at the critical value `near`, so that intervals only widen
    with c.
    """
    c, near = np.minimum(c, MOST), np.minimum(near, MOST)
    x, n, c, near = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (x, n, c, near)))
    lower, upper = share(x, n, c)
    few = (np.minimum(x, n - x) < ENOUGH) & (n > 0)
    if few.any():
        hits, rows = np.clip(x[few], 0, n[few]), n[few]
        low, high = share(hits, rows, near[few])
        least, rest = mid_p_lower(np.stack([hits, rows - hits]), rows, log_upper_tail(c[few]))
        score = np.clip((np.minimum(hits, rows - hits) - FEW) / (ENOUGH - FEW), 0, 1)
        lower[few] = score * lower[few] + (1 - score) * np.minimum(least, low)
        upper[few] = score * upper[few] + (1 - score) * np.maximum(1 - rest, high)
    return lower, upper


def each_side(x: Floats, n: Floats, wide: Floats, freedom: Floats) -> tuple[Floats, Floats]:
    """Limits of a share that hold on each side by itself: exact tails however near. wide: Student's critical value."""
    return far_share(x, n, wide, np.minimum(wide, student(FAR, freedom)))


def _poisson_lower(x: Floats, c: Floats) -> Floats:
    """The mean at which x or more events have the probability that c leaves outside (Wilson & Hilferty 1931, PNAS
    17)."""
    one_sided = {z: -NORMAL.inv_cdf(min(2 * NORMAL.cdf(-min(z, 8.0)), 1 - 1e-12)) for z in np.unique(c).tolist()}
    z = np.array([one_sided[v] for v in c.ravel().tolist()]).reshape(c.shape)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        root = 1 - 1 / (9 * x) - z / (3 * np.sqrt(x))
    return np.asarray(x * np.maximum(np.nan_to_num(root), 0) ** 3)


def difference(
    a: Floats, a_limits: tuple[Floats, Floats], b: Floats, b_limits: tuple[Floats, Floats], r: Floats | float = 0.0
) -> tuple[Floats, Floats]:
    """Limits of a - b from the limits of a and of b; `r` is the correlation of the two estimates.

    With Wilson limits and r = 0 this is Newcombe's hybrid score interval (1998, Statistics in Medicine 17, method
    10); in general it is MOVER (Zou & Donner 2008, Statistics in Medicine 27).
    """
    low_a, high_b = a - a_limits[0], b_limits[1] - b
    high_a, low_b = a_limits[1] - a, b - b_limits[0]
    with np.errstate(invalid="ignore"):  # 0 × ∞ where a limit is unbounded: undefined, as it should be
        return _mover(a - b, low_a, high_a, low_b, high_b, r)


def _mover(
    gap: Floats, low_a: Floats, high_a: Floats, low_b: Floats, high_b: Floats, r: Floats | float
) -> tuple[Floats, Floats]:
    lower = gap - np.sqrt(np.maximum(low_a**2 + high_b**2 - 2 * r * low_a * high_b, 0))
    upper = gap + np.sqrt(np.maximum(high_a**2 + low_b**2 - 2 * r * high_a * low_b, 0))
    return lower, upper


def quotient(
    a: Floats, a_limits: tuple[Floats, Floats], b: Floats, b_limits: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Limits of a / b for numbers >= 0 from the limits of each (Donner & Zou 2012, Stat. Methods Med. Res. 21).

    The upper limit is infinite where b may be 0.
    """
    (la, ua), (lb, ub) = a_limits, b_limits
    with np.errstate(divide="ignore", invalid="ignore"):
        down, up = ub * (2 * b - ub), lb * (2 * b - lb)
        lower = (a * b - np.sqrt(np.maximum((a * b) ** 2 - la * (2 * a - la) * down, 0))) / down
        flat = la * (2 * a - la) / (2 * a * b)  # the limit as `down` goes to 0
        lower = np.where(np.abs(down) < 1e-12, flat, lower)
        upper = (a * b + np.sqrt(np.maximum((a * b) ** 2 - ua * (2 * a - ua) * up, 0))) / up
    return np.where(a <= 0, 0.0, np.maximum(lower, 0)), np.where(up > 0, upper, np.inf)


def student(c: Floats | float, freedom: Floats) -> Floats:
    """The t critical value with the same tail as the normal `c` (Hill 1970, CACM 13; exact for 1 and 2)."""
    c = np.asarray(c, dtype=float)
    tail = np.array([2 * NORMAL.cdf(-min(float(z), 37.0)) for z in c.ravel()]).reshape(c.shape)
    c, tail, v = np.broadcast_arrays(c, tail, np.asarray(freedom, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        one = 1 / np.tan(tail * np.pi / 2)
        two = np.sqrt(2 / (tail * (2 - tail)) - 2)
        a = 1 / (v - 0.5)
        b = 48 / a**2
        k = ((20700 * a / b - 98) * a - 16) * a + 96.36
        d = ((94.5 / (b + k) - 3) / b + 1) * np.sqrt(a * np.pi / 2) * v
        y = (d * tail) ** (2 / v)
        near = 1 / (((v + 6) / (v * y) - 0.089 * d - 0.822) * (v + 2) * 3) + 0.5 / (v + 4)
        deep = (near * y - 1) * (v + 1) / (v + 2) + 1 / y
        z2 = c * c
        k = np.where(v < 5, k + 0.3 * (v - 4.5) * (c + 0.6), k)
        k = (((0.05 * d * c - 5) * c - 7) * c - 2) * c + b + k
        z = (((((0.4 * z2 + 6.3) * z2 + 36) * z2 + 94.5) / k - z2 - 3) / b + 1) * c
        flat = np.expm1(a * z * z)
        hill = np.sqrt(v * np.where(y > 0.05 + a, flat, deep))
    out = np.where(v == 1, one, np.where(v == 2, two, hill))
    return np.where(v > 1e6, c, np.where(v < 1, np.inf, np.where(c <= 0, 0.0, out)))


@cache
def chi_square(p: float, freedom: int) -> float:
    """The quantile of the χ² distribution with a whole number of degrees of freedom."""
    low, high = 0.0, freedom + 20 * math.sqrt(2 * freedom) + 50
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _below(middle, freedom) < p else (low, middle)
    return (low + high) / 2


def _below(x: float, freedom: int) -> float:
    """P(χ² < x), summed over Poisson terms (Abramowitz & Stegun 26.4.4, 26.4.5)."""
    half, odd = x / 2, freedom % 2
    if half <= 0:
        return 0.0
    steps = np.arange(freedom // 2) + odd / 2
    logs = steps * math.log(half) - half - np.array([math.lgamma(s + 1) for s in steps])
    rest = float(np.exp(logs).sum())
    return (math.erf(math.sqrt(half)) if odd else 1.0) - rest
