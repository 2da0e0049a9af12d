"""What a stage costs: wall time, peak memory, energy, each with how it was obtained."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RAPL = Path("/sys/class/powercap")
WATTS_PER_CORE = 10.0  # assumed for a busy server core where no counter can be read


@contextmanager
def measured() -> Iterator[dict[str, Any]]:
    """Fills the dictionary when the block ends: seconds, peak_memory_mb, energy_joules, energy_obtained.

    Peak memory is the process's highest resident size so far, not the block's own.
    """
    costs: dict[str, Any] = {}
    wall, cpu, joules = time.perf_counter(), time.process_time(), _package_joules()
    yield costs
    costs["seconds"] = round(time.perf_counter() - wall, 3)
    costs["peak_memory_mb"] = round(peak_memory_mb(), 1)
    after = _package_joules()
    if joules is not None and after is not None and after >= joules:
        costs["energy_joules"] = round(after - joules, 1)
        costs["energy_obtained"] = "processor's RAPL counter, whole package, other programs included"
    else:
        busy = time.process_time() - cpu
        costs["energy_joules"] = round(busy * WATTS_PER_CORE, 1)
        costs["energy_obtained"] = f"estimated: {busy:.1f} processor seconds at an assumed {WATTS_PER_CORE:.0f} W"


def peak_memory_mb() -> float:
    """Highest resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def _package_joules() -> float | None:
    """Sum of the processor packages' energy counters, or None where they cannot be read."""
    try:
        counters = [file for file in RAPL.glob("intel-rapl:?/energy_uj") if os.access(file, os.R_OK)]
        return sum(int(file.read_text()) for file in counters) / 1e6 if counters else None
    except (OSError, ValueError):
        return None
