"""Verdicts have three values, never two: within, exceeded, not enough evidence (and which rows would settle it)."""

from __future__ import annotations

from typing import NamedTuple

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
