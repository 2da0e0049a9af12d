"""A smooth curve through shares or means of ordered bins, with its covariance, and a test that it is flat.

A natural cubic smoothing spline on the logit scale (means: their own), fitted by Newton steps to the binned sums (Green
& Silverman 1994, Nonparametric Regression and Generalized Linear Models, chapters 2 and 5). How smooth is decided by
Takeuchi's criterion, which is Akaike's where rows are independent and equally weighted. Its covariance is that of the
sums, from rows or from clusters, and a part for what smoothing takes from the curve (Nychka 1988, JASA 83; Marra & Wood
2012, Scand. J. Statistics 39), without which bands miss the bends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evenhand.statistics.arrays import Floats

FREEDOM = (2.02, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0)  # effective parameters tried
STEPS = 60
SHAPES = 3  # the test looks for a slope, one bend and two


@dataclass(frozen=True)
class BinSums:
    """Sums of one share or mean per bin, and the moments of what each unit (row or cluster) brings to them."""

    hits: Floats  # [bin] weighted hits, or sums of values
    among: Floats  # [bin] weights of the rows that could be hits, or that have a value
    hits_hits: Floats  # [bin, bin] sums over units of hits · hits
    hits_among: Floats  # [bin, bin] of hits · among
    among_among: Floats  # [bin, bin] of among · among

    def moment(self, level: Floats) -> Floats:
        """[bin, bin] sums over units of the products of (hits - level · among)."""
        cross = self.hits_among * level
        return np.asarray(self.hits_hits - cross - cross.T + self.among_among * np.outer(level, level))

    @property
    def level(self) -> float:
        """The share or mean of all bins together."""
        return float(self.hits.sum() / self.among.sum())


@dataclass(frozen=True)
class Curve:
    """The fitted curve on the scale of the link, at every bin."""

    height: Floats  # [bin]
    covariance: Floats  # [bin, bin]
    freedom: float  # effective parameters


def positions(centres: Floats) -> Floats:
    """Where bins lie for the spline, in [0, 1]: half by value and half by rank, so that a long tail bends nothing."""
    spread = (centres - centres[0]) / (centres[-1] - centres[0])
    return np.asarray((spread + np.linspace(0.0, 1.0, len(centres))) / 2)


def fit(at: Floats, sums: BinSums, share: bool) -> Curve:
    """The curve through bins at positions `at`, increasing, at least four of them with rows.

    share: hits among rows, so that the link is the logit and one row in all, spread over the bins, keeps the curve
    finite where the bins part hits from misses.
    """
    sums = _kept_finite(sums) if share else sums
    variance = (
        1.0 if share else max(np.trace(sums.moment(np.full(len(at), sums.level))), 1e-300) / np.trace(sums.among_among)
    )
    rough = _roughness(at)
    weight = sums.among / variance * (sums.level * (1 - sums.level) if share else 1.0)
    best: tuple[float, Curve] | None = None
    start = np.full(len(at), _logit(sums.level) if share else sums.level)
    for penalty in _penalties(weight, rough):
        height, bread = _newton(start, sums, penalty * rough, share, variance)
        level = _expit(height) if share else height
        moment = sums.moment(level) / variance**2
        inverse = np.linalg.inv(bread)
        taken = float(np.sum(inverse * moment))
        loss = 2 * _loss(height, sums, share, variance) + 2 * taken
        if best is None or loss < best[0]:
            effect = taken / max(float(np.sum(inverse * np.diag(np.diag(bread - penalty * rough)))), 1e-300)
            covariance = inverse @ (moment + effect * penalty * rough) @ inverse
            best = loss, Curve(height, covariance, taken)
        start = height
    assert best is not None
    return best[1]


def flat_p_value(at: Floats, sums: BinSums) -> float:
    """P of a curve as far from flat as this one where there is no trend: a score test on a slope and two bends.

    The moments are those under no trend, so weights and clusters are honoured and nothing has to be fitted.
    """
    shapes = np.vander(at, SHAPES + 1, increasing=True)
    root = np.sqrt(sums.among)
    basis, _ = np.linalg.qr(shapes * root[:, None])
    seen = root > 0
    directions = np.where(seen[:, None], basis / np.where(seen, root, 1.0)[:, None], 0.0)[:, 1:]
    flat = np.full(len(at), sums.level)
    score = directions.T @ (sums.hits - flat * sums.among)
    spread = directions.T @ sums.moment(flat) @ directions
    values, vectors = np.linalg.eigh(spread)
    known = values > values.max() * 1e-10
    along = (vectors.T @ score)[known] ** 2 / values[known]
    return _chi_square_tail(float(along.sum()), int(known.sum()))


def _kept_finite(sums: BinSums) -> BinSums:
    unit = np.trace(sums.among_among) / sums.among.sum()  # the weight of one effective row
    share = (sums.hits.sum() + 0.5 * unit) / (sums.among.sum() + unit)
    more = unit * sums.among / sums.among.sum()
    return BinSums(sums.hits + share * more, sums.among + more, sums.hits_hits, sums.hits_among, sums.among_among)


def _roughness(at: Floats) -> Floats:
    """K of the integral of the squared second derivative, f'Kf, of the natural spline through the points."""
    gap, size = np.diff(at), len(at)
    bend, mix = np.zeros((size, size - 2)), np.zeros((size - 2, size - 2))
    for j in range(size - 2):
        bend[j : j + 3, j] = 1 / gap[j], -1 / gap[j] - 1 / gap[j + 1], 1 / gap[j + 1]
        mix[j, j] = (gap[j] + gap[j + 1]) / 3
        if j:
            mix[j, j - 1] = mix[j - 1, j] = gap[j] / 6
    rough = bend @ np.linalg.solve(mix, bend.T)
    return np.asarray((rough + rough.T) / 2)


def _penalties(weight: Floats, rough: Floats) -> list[float]:
    """The penalties that leave so many effective parameters, from the straightest curve to the most bent one."""
    root = 1 / np.sqrt(weight + 1e-9 * weight.max())
    stiffness = np.maximum(np.linalg.eigvalsh(rough * np.outer(root, root))[2:], 0)
    most = min(FREEDOM[-1], float((weight > 0).sum()) - 1)
    found = []
    for wanted in (f for f in FREEDOM if f <= most):
        low, high = -60.0, 60.0  # logarithms
        for _ in range(80):
            middle = (low + high) / 2
            more = 2 + float((1 / (1 + math.exp(middle) * stiffness)).sum()) > wanted
            low, high = (middle, high) if more else (low, middle)
        found.append(math.exp(low))
    return found


def _newton(height: Floats, sums: BinSums, stiff: Floats, share: bool, variance: float) -> tuple[Floats, Floats]:
    """(the penalised maximum, minus its second derivative)."""

    def cost(f: Floats) -> float:
        return _loss(f, sums, share, variance) + float(f @ stiff @ f) / 2

    now = cost(height)
    for _ in range(STEPS):
        slope, bread = _derivatives(height, sums, stiff, share, variance)
        step = np.linalg.solve(bread, slope)
        size = 1.0
        while cost(height + size * step) > now and size > 1e-6:
            size /= 2
        height = height + size * step
        before, now = now, cost(height)
        if before - now < 1e-9 * (1 + abs(now)):
            break
    return height, _derivatives(height, sums, stiff, share, variance)[1]


def _derivatives(height: Floats, sums: BinSums, stiff: Floats, share: bool, variance: float) -> tuple[Floats, Floats]:
    level = _expit(height) if share else height
    slope = (sums.hits - sums.among * level) / variance - stiff @ height
    weight = sums.among / variance * (level * (1 - level) if share else 1.0)
    return slope, np.diag(np.maximum(weight, 1e-8 * weight.max())) + stiff  # bins without rows leave it invertible


def _loss(height: Floats, sums: BinSums, share: bool, variance: float) -> float:
    """Minus the log-likelihood of the bins, up to a constant."""
    if share:
        return float((sums.among * np.logaddexp(0.0, height) - sums.hits * height).sum())
    return float((sums.among * height**2 / 2 - sums.hits * height).sum() / variance)


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def _expit(height: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(height / 2)))


def _chi_square_tail(x: float, freedom: int) -> float:
    """P(χ² > x) with 1, 2 or 3 degrees of freedom."""
    if freedom == 2:
        return math.exp(-x / 2)
    tail = math.erfc(math.sqrt(x / 2))
    return min(1.0, tail + (math.sqrt(2 * x / math.pi) * math.exp(-x / 2) if freedom == 3 else 0.0))
