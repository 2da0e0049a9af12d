"""Verdicts have three values, never two: within, exceeded, not enough evidence (and which rows would settle it)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.statistics.arrays import Floats

WITHIN, EXCEEDED, UNSURE = "within", "exceeded", "not enough evidence"


class Deciding(NamedTuple):
    """A difference's limits at the critical values at which it is called exceeded, and within."""

    exceed: tuple[float, float]
    within: tuple[float, float]

    def shown(self, two_sided: tuple[float, float], tolerance: float, says: str | None) -> tuple[float, float]:
        """The two-sided limits, with the one-sided limit in the place of the one that says less than the verdict."""
        (low, high), (lower, upper), (least, most) = two_sided, self.exceed, self.within
        if says == EXCEEDED:
            return (max(low, lower), high) if lower > tolerance else (low, min(high, upper))
        if says == WITHIN:
            return low if low >= -tolerance else least, high if high <= tolerance else most
        return two_sided


def judge(
    limits: Deciding,
    tolerance: float | None,
    complete: bool = True,
    further: tuple[float, float] = (0.0, 0.0),
) -> str | None:
    """The verdict on a difference.

    complete: every group has a number. further: how much lower and higher the difference may be for what is not known
    beside chance, as rows whose group is missing; that keeps it from being within, and does not make it exceeded.
    """
    if tolerance is None:
        return None
    (lower, upper), (least, most) = limits.exceed, limits.within
    if lower > tolerance or upper < -tolerance:
        return EXCEEDED
    if complete and -tolerance <= least - further[0] and most + further[1] <= tolerance:
        return WITHIN
    return UNSURE


def worst(verdicts: list[str]) -> str | None:
    """One word for many verdicts: what is exceeded outweighs what is unsure, and that what is within."""
    return next((v for v in (EXCEEDED, UNSURE, WITHIN) if v in verdicts), None)


def rows_needed(
    names: list[str],
    estimates: GroupEstimates,
    group_rows: Floats,
    value: float,
    tolerance: float,
    c: float,
    only: tuple[str, ...] = (),
) -> dict[str, int] | None:
    """How many more rows of which group would settle it, if the rates stay as they are. None: no number would.

    Each group's half width must shrink to the distance between gap and tolerance, divided by √2; where the gap
    sits almost on the tolerance, a quarter of the tolerance stands in for the distance.
    """
    distance = max(abs(tolerance - (0.0 if math.isnan(value) else value)), tolerance / 4)
    if distance <= 0:
        return None
    per_row = _variance_per_row(estimates)
    rows = np.nan_to_num(estimates.rows)
    share = np.where(rows > 0, rows / np.maximum(group_rows, 1), rows.sum() / max(group_rows.sum(), 1))
    target = 2 * c * c * per_row / distance**2
    more = np.ceil((target - rows) / np.maximum(share, 1e-9))
    needed = {
        name: int(min(extra, 1e15))
        for name, extra in zip(names, more, strict=True)
        if extra > 0 and np.isfinite(extra) and (not only or name in only)
    }
    return needed or None


def _variance_per_row(estimates: GroupEstimates) -> Floats:
    known = estimates.rows >= 2
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.asarray(estimates.spread) ** 2 * (estimates.size + 4 if estimates.bounded else estimates.rows)
        effect = np.maximum(estimates.rows / estimates.size, 0.05) if estimates.bounded else np.ones_like(spread)
        each = np.where(known, spread * np.where(np.isfinite(effect), effect, 1.0), np.nan)
    typical = np.nanmedian(each) if np.isfinite(each).any() else 0.25
    return np.where(np.isfinite(each), each, typical)
