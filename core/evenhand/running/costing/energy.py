"""Energy of a stage with its range: measured by RAPL, modelled from processor time, or a stated power's.

The model is linear: processor seconds times what a busy core draws. 12 W is what Green Algorithms takes for a core that
it does not know (Lannelongue, Grealey & Inouye 2021, Advanced Science 8:2100707). The range goes from 3.5 W, a virtual
core of a cloud's servers at full load in Cloud Carbon Footprint's coefficients (from SPECpower), to 24 W, the most of a
core in Green Algorithms' table. A GPU whose counter cannot be read: 200 W by the same table, from its 70 W (T4) to the
700 W that an H100 may draw. Memory, disks, network and cooling are in none of these.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evenhand.errors import BadInput

RAPL = Path("/sys/class/powercap")
STAT = Path("/proc/stat")
PER_CORE, MACHINE, PER_GPU = "EVENHAND_WATTS_PER_CORE", "EVENHAND_MACHINE_WATTS", "EVENHAND_GPU_WATTS"
MEASURED, MODELLED, CONSTANT = "measured", "modelled", "constant"
NUMBER = r"(\d+(?:\.\d+)?)"
STATED = re.compile(rf"{NUMBER}(?:\.\.{NUMBER})?")
MOST_WATTS = 1e6


@dataclass(frozen=True, slots=True)
class Span:
    """A value and the range that it lies in."""

    value: float
    low: float
    high: float

    def __mul__(self, factor: float) -> Span:
        return Span(self.value * factor, self.low * factor, self.high * factor)

    def __add__(self, other: Span) -> Span:
        return Span(self.value + other.value, self.low + other.low, self.high + other.high)

    def __str__(self) -> str:
        return f"{self.value:g}" + (f" ({self.low:g} to {self.high:g})" if self.low < self.high else "")


CORE, GPU = Span(12.0, 3.5, 24.0), Span(200.0, 70.0, 700.0)  # watts; see above


@dataclass(frozen=True, slots=True)
class Energy:
    """Joules with their range; kind: measured, modelled or constant; obtained: how, in words."""

    joules: Span
    kind: str
    obtained: str


@dataclass(frozen=True, slots=True)
class Watts:
    """The powers that a model takes: of a busy core, of a GPU; of the whole machine where that is stated."""

    core: Span = CORE
    gpu: Span = GPU
    machine: Span | None = None


def watts(environment: Mapping[str, str] | None = None) -> Watts:
    """The powers that the environment states, else the defaults. BadInput where one is no power.

    >>> watts({"EVENHAND_WATTS_PER_CORE": "4..8"}).core
    Span(value=6.0, low=4.0, high=8.0)
    """
    given = os.environ if environment is None else environment
    machine = _stated(MACHINE, given[MACHINE]) if given.get(MACHINE) else None
    core = _stated(PER_CORE, given[PER_CORE]) if given.get(PER_CORE) else CORE
    return Watts(core, _stated(PER_GPU, given[PER_GPU]) if given.get(PER_GPU) else GPU, machine)


def _stated(name: str, text: str) -> Span:
    return span_of(text, f"the environment's {name}", "watts, such as 12, or a range, such as 4..20", MOST_WATTS)


def span_of(text: str, where: str, what: str, most: float) -> Span:
    """A number, or a range whose middle is the value; BadInput where `text` is neither."""
    found = STATED.fullmatch(text.strip())
    low = float(found[1]) if found else 0.0
    high = float(found[2]) if found and found[2] else low
    if not 0 < low <= high <= most:
        raise BadInput(f"{where} is {text[:40]!r}; it is a number of {what}, above 0 and at most {most:g}")
    return Span((low + high) / 2, low, high)


class Rapl:
    """The processors' own energy counters: packages, and memory where it has one. `joules` is the sum so far.

    They turn over after some minutes of load, so `look` is to be called at least once a minute.
    """

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        self._turns = [_number(file.with_name("max_energy_range_uj")) or 0 for file in files]
        self._last = self._read()
        self.joules = 0.0
        self._busy = busy_seconds()

    @staticmethod
    def found() -> Rapl | None:
        """The counters of this machine; None where there is none, or none that may be read."""
        files = [file for file in sorted(RAPL.glob("intel-rapl:*/energy_uj")) if _counts(file)]
        rapl = Rapl(files) if files else None
        return rapl if rapl is not None and rapl._last else None

    def _read(self) -> list[int]:
        found = [_number(file) for file in self._files]
        return [value for value in found if value is not None] if None not in found else []

    def look(self) -> None:
        """Add what was drawn since the last look."""
        now = self._read()
        if now and self._last:
            steps = zip(now, self._last, self._turns, strict=True)
            self.joules += sum(new - old if new >= old else new - old + turn for new, old, turn in steps) / 1e6
        self._last = now or self._last

    def energy(self, cpu_seconds: float) -> Energy:
        """All that was drawn; at the low end this process's share of the time that the machine was busy."""
        busy = busy_seconds() - self._busy
        share = min(1.0, cpu_seconds / busy) if busy > 0 else 1.0
        span = Span(self.joules, self.joules * share, self.joules)
        return Energy(span, MEASURED, "measured: the processor's RAPL counter, other programs included")


def of_processor(seconds: float, cpu_seconds: float, powers: Watts, rapl: Rapl | None) -> Energy:
    """The best that is known of this stage: a stated power of the whole machine, a counter, or the model."""
    if powers.machine is not None:
        return Energy(powers.machine * seconds, CONSTANT, f"constant: the machine at {powers.machine} W, as stated")
    if rapl is not None:
        return rapl.energy(cpu_seconds)
    said = "as stated" if powers.core != CORE else "assumed"
    return Energy(powers.core * cpu_seconds, MODELLED, f"modelled: processor seconds at {powers.core} W, {said}")


def busy_seconds() -> float:
    """Seconds that all processors of this machine have been busy since it started; 0 where that is not told."""
    try:
        fields = [int(part) for part in STAT.read_text().split("\n", 1)[0].split()[1:9]]
        idle = fields[3] + fields[4]
        return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _counts(file: Path) -> bool:
    """Whether a counter is a package's or memory's: the rest is part of one, or counts the whole board once more."""
    try:
        name = (file.parent / "name").read_text().strip()
    except OSError:
        return False
    return name.startswith(("package", "dram")) and os.access(file, os.R_OK)


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
