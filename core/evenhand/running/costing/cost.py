"""A Cost: what one or several attempts took; read from a record that may be old, cut or hostile, and added up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

JOULES_PER_WH = 3600.0
SUMMED = ("seconds", "cpu_seconds", "gpu_seconds", "joules", "low", "high")
UNKNOWN = "not told how"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of the clock, of processors and of GPUs, the peak of memory in MB, joules with their range.

    None: not told, by a stage that has no such thing or an evenhand that did not record it. how: every way in which
    energy was obtained; peak_of: whose the peak is. unspanned: how many stages told energy without a range, whose value
    then stands for both ends.
    """

    seconds: float | None = None
    cpu_seconds: float | None = None
    gpu_seconds: float | None = None
    peak_memory_mb: float | None = None
    joules: float | None = None
    low: float | None = None
    high: float | None = None
    how: tuple[str, ...] = ()
    peak_of: tuple[str, ...] = ()
    unspanned: int = 0

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Cost:
        """The cost that a stage's record in a manifest or a log tells; what is no amount is not told."""
        joules = _amount(record.get("energy_joules"))
        low, high = (_amount(record.get(f"energy_{end}_joules")) for end in ("low", "high"))
        spanned = joules is not None and low is not None and high is not None and low <= joules <= high
        peak = _amount(record.get("peak_memory_mb"))
        return cls(
            _amount(record.get("seconds")),
            _amount(record.get("cpu_seconds")),
            _amount(record.get("gpu_seconds")),
            peak,
            joules,
            low if spanned else joules,
            high if spanned else joules,
            (_how(record.get("energy_obtained")),) if joules is not None else (),
            () if peak is None else (str(record.get("peak_memory_of", "the process so far"))[:40],),
            int(joules is not None and not spanned),
        )

    def __add__(self, other: Cost) -> Cost:
        """Both together: sums, the larger peak; what one does not tell is what the other does."""
        summed = {name: _sum(getattr(self, name), getattr(other, name)) for name in SUMMED}
        peaks = [peak for peak in (self.peak_memory_mb, other.peak_memory_mb) if peak is not None]
        return Cost(
            **summed,
            peak_memory_mb=max(peaks, default=None),
            how=tuple(dict.fromkeys((*self.how, *other.how))),
            peak_of=tuple(dict.fromkeys((*self.peak_of, *other.peak_of))),
            unspanned=self.unspanned + other.unspanned,
        )

    @property
    def wh(self) -> tuple[float, float, float] | None:
        """Watt-hours: value, low, high; None where no energy is told."""
        if self.joules is None or self.low is None or self.high is None:
            return None
        return self.joules / JOULES_PER_WH, self.low / JOULES_PER_WH, self.high / JOULES_PER_WH

    def facts(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        told["energy_obtained"], told["peak_memory_of"] = list(told.pop("how")), list(told.pop("peak_of"))
        names = {"joules": "energy_joules", "low": "energy_low_joules", "high": "energy_high_joules"}
        return {names.get(name, name): value for name, value in told.items() if name != "unspanned"}


def total(costs: Iterable[Cost]) -> Cost:
    """The sum of costs.

    >>> total([Cost(seconds=2, joules=3, low=1, high=4), Cost(seconds=1)]).seconds
    3
    """
    return sum(costs, start=Cost())


def _amount(value: Any) -> float | None:
    """A number of something, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) and 0 <= found < 1e15 else None


def _sum(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else one + other


def _how(obtained: Any) -> str:
    """How energy was obtained, without the figures of one stage, which evenhand used to write with it.

    >>> _how("estimated: 4.5 processor seconds at an assumed 10 W")
    'estimated from processor seconds at an assumed 10 W'
    """
    text = " ".join(str(obtained or UNKNOWN).split())[:200]
    start, seconds, rest = text.partition(" processor seconds ")
    return f"estimated from processor seconds {rest}" if seconds and start.startswith("estimated") else text
