"""A percentile of times, with limits that hold whatever the distribution: two of the sorted times themselves.

Source: David & Nagaraja 2003, Order Statistics, 3rd ed., section 7.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evenhand.errors import BadInput

CONFIDENCE = 0.95
UNITS = {"s": 1000.0, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "μs": 1e-3}


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile and its limits, in the unit of the times; None where there are too few for a limit."""

    percentile: float
    value: float
    lower: float | None
    upper: float | None


def percentile_of(times: np.ndarray, percentile: float, confidence: float = CONFIDENCE) -> Percentile:
    """The percentile of independent times [calls]: the smallest that so many in a hundred do not exceed.

    >>> found = percentile_of(np.arange(1.0, 101.0), 50.0)
    >>> found.value, found.lower, found.upper
    (50.0, 40.0, 61.0)
    """
    ordered = np.sort(np.asarray(times, dtype=float))
    n, share = len(ordered), percentile / 100
    value = float(ordered[min(max(math.ceil(share * n - 1e-9), 1), n) - 1])
    low, high = ranks(n, share, confidence)
    return Percentile(
        percentile,
        value,
        None if low is None else float(ordered[low - 1]),
        None if high is None else float(ordered[high - 1]),
    )


def ranks(n: int, share: float, confidence: float = CONFIDENCE) -> tuple[int | None, int | None]:
    """(rank from below, rank from above) of the sorted times, from 1; None where no time is sure to be beyond.

    The number of times below the percentile is binomial: the lower rank is the largest l with P(B < l) within half of
    what may go wrong, the upper one the smallest u with P(B >= u) within the other half.
    """
    tail = (1 - confidence) / 2
    below = np.cumsum(np.exp(_log_binomial(n, share)))  # P(B <= k), k from 0 to n
    lower = int(np.searchsorted(below, tail, side="right"))  # the largest l with P(B <= l - 1) <= tail
    upper = int(np.searchsorted(below, 1 - tail, side="left")) + 1  # the smallest u with P(B <= u - 1) >= 1 - tail
    return (lower if lower >= 1 else None), (upper if upper <= n else None)


def _log_binomial(n: int, share: float) -> np.ndarray:
    """log P(B = k) for k from 0 to n."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    k = np.arange(n + 1)
    return np.asarray(logs[n] - logs[k] - logs[n - k] + k * math.log(share) + (n - k) * math.log1p(-share))


def calls_for(percentile: float, confidence: float = CONFIDENCE) -> int:
    """How many calls give the percentile an upper limit, and a quarter more, so that it is not the slowest of all.

    >>> calls_for(99.9), calls_for(99), calls_for(50)
    (4609, 459, 200)
    """
    least = math.log((1 - confidence) / 2) / math.log(percentile / 100)
    return max(200, math.ceil(1.25 * least))


def milliseconds(text: str) -> float:
    """A budget such as "20ms", "0.5 s" or "800us" in milliseconds; BadInput for anything else.

    >>> milliseconds("0.5 s"), milliseconds("800us")
    (500.0, 0.8)
    """
    plain = text.strip().lower()
    unit = next((unit for unit in sorted(UNITS, key=len, reverse=True) if plain.endswith(unit)), None)
    number = plain[: -len(unit)].strip() if unit else plain
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if unit is None or not math.isfinite(value) or value <= 0:
        raise BadInput(
            f"'{text[:40]}' is no budget; write a time with its unit, such as 20ms, 0.5 s or 800us (--budget)"
        )
    return value * UNITS[unit]
