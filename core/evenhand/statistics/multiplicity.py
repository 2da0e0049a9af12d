"""Adjusted p-values: what is left of the evidence once every question that was asked is counted."""

from __future__ import annotations

import numpy as np

from evenhand.statistics.arrays import Floats


def holm(p: Floats) -> Floats:
    """Adjusted so that any false alarm among all tests is as rare as the level promises, whatever their dependence.

    p: array [test] in [0, 1]; NaN stays NaN and does not count as a test. Returns the same shape, in the order given.
    Source: Holm 1979, Scandinavian Journal of Statistics 6.
    """
    p = np.asarray(p, dtype=float)
    order = _ranked(p)
    steps = p[order] * (len(order) - np.arange(len(order)))
    return _placed(p, order, np.maximum.accumulate(steps))


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjusted so that the expected share of false alarms among the alarms is at most the level.

    Proven for independent tests and for those that depend positively (Benjamini & Yekutieli 2001), as slices that
    overlap do.
    p: array [test] in [0, 1]; NaN stays NaN and does not count as a test. Returns the same shape, in the order given.
    Source: Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57(1).
    """
    p = np.asarray(p, dtype=float)
    order = _ranked(p)
    steps = p[order] * (len(order) / np.arange(1, len(order) + 1))
    return _placed(p, order, np.minimum.accumulate(steps[::-1])[::-1])


def _ranked(p: Floats) -> Floats:
    """Places of the p-values that are known, smallest first."""
    known = np.flatnonzero(~np.isnan(p))
    return np.asarray(known[np.argsort(p[known], kind="stable")])


def _placed(p: Floats, order: Floats, adjusted: Floats) -> Floats:
    out = np.full(p.shape, np.nan)
    out[order] = np.minimum(adjusted, 1.0)
    return out
