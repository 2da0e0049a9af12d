"""The axes of a chart: its range, round numbers along it, and where a value lies between its ends."""

from __future__ import annotations

import math
import sys
from typing import Any

from markupsafe import Markup, escape

from evenhand.figures import number

BANDS = ("value", "lower", "upper", "lower_simultaneous", "upper_simultaneous")
ROUGH = 1e-14  # of the larger end of an axis: closer, floats lie too far apart for ticks between
MOST = sys.float_info.max
MILLION = 1e6  # numbers from here on are written with as few digits as tell them apart


def opened(width: float, height: float, title: str) -> Markup:
    return Markup('<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-label="{2}">').format(
        width, height, escape(title)
    )


def range_of(entries: list[dict[str, Any]]) -> tuple[float, float]:
    ends = [e[k] for e in entries for k in BANDS if e.get(k) is not None]
    low, high = min(ends), max(ends)
    room = high * 0.05 - low * 0.05 or abs(high) * 0.05 or 0.05
    return max(low - room, -MOST), min(high + room, MOST)


def ticks(low: float, high: float, parts: int = 4) -> list[tuple[float, str]]:
    """Up to `parts` + 2 round numbers between low and high, and how they are written, whatever the size of either."""
    size = max(abs(low), abs(high))
    raw = (
        (high / parts - low / parts) / size if size > 0 else 0.0
    )  # in units of the larger end: no float is too wide for that
    if not raw > ROUGH:
        return [(low, _mark(low, 0.0))]
    scale = 10.0 ** math.floor(math.log10(raw) + math.log10(size))
    if scale == 0.0 or not math.isfinite(10 * scale):
        return [(low, _mark(low, 0.0)), (high, _mark(high, 0.0))]
    step = next(s for s in (scale, 2 * scale, 5 * scale, 10 * scale) if s >= raw * size * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    places = [(first + i) * step for i in range(math.floor(high / step + 1e-9) - first + 1)]
    return [(place, _mark(place, step)) for place in places]


def _mark(tick: float, step: float) -> str:
    """A tick's number with the digits that tell it from the next."""
    if abs(tick) < step / 2:
        return "0"
    apart = math.ceil(math.log10(abs(tick)) - math.log10(step)) + 1 if step and tick else 10
    return f"{tick:,.{min(max(apart, 10), 17)}g}"


def value_ticks(low: float, high: float, share: bool = False) -> list[tuple[float, str]]:
    """Ticks along a metric's values, written as these are: percentages, or three decimals where that tells them
    apart."""
    found = ticks(low, high)
    if share:
        hundred = ticks(100 * low, 100 * high)
        return [(place / 100, f"{mark}%") for place, mark in hundred]
    places = [place for place, _ in found]
    if len(places) > 1 and places[1] - places[0] >= 0.001 and max(map(abs, places)) < MILLION:
        return [(place, number(float(place))) for place in places]
    return found


def along(value: float, low: float, high: float) -> float:
    """Where value lies between low and high, from 0 to 1; the difference of two floats may be too large for one."""
    size = max(abs(low), abs(high)) or 1.0
    wide = high / size - low / size
    return min(max((value / size - low / size) / wide, 0.0), 1.0) if wide > 0 else 0.5
