"""The meter of a stage: it looks once a second, and keeps what it saw, so that a killed stage's costs are not lost."""

from __future__ import annotations

import contextlib
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from evenhand.running.costing import gpus
from evenhand.running.costing.energy import CONSTANT, MODELLED, Energy, Rapl, of_processor, watts
from evenhand.running.costing.memory import PeakMemory

BEAT = 1.0  # seconds between looks
Keep = Callable[[dict[str, Any]], None]


@contextmanager
def measured(keep: Keep | None = None) -> Iterator[dict[str, Any]]:
    """Fills the dictionary when the block ends, also where it raises.

    seconds, cpu_seconds (of all threads, and of children that were waited for), peak_memory_mb and peak_memory_of;
    energy_joules with energy_low_joules and energy_high_joules, energy_kind (measured, modelled, constant) and
    energy_obtained, the same in words; gpu_seconds where this process worked on a GPU. keep: is given the costs so far
    once a second.
    """
    costs: dict[str, Any] = {}
    meter = Meter(keep)
    try:
        yield costs
    finally:
        costs.update(meter.stop())


class Meter:
    """Counts from when it is made until `stop`. BadInput where the environment states a power that is none."""

    def __init__(self, keep: Keep | None = None) -> None:
        self._powers = watts()
        self._memory = PeakMemory()
        self._rapl, self._gpus = Rapl.found(), gpus.Gpus.found()
        self._keep, self._lock, self._over = keep, threading.Lock(), threading.Event()
        self._wall, self._cpu = time.perf_counter(), cpu_seconds()
        self._watch = threading.Thread(target=self._look_on, name="evenhand-costs", daemon=True)
        self._watch.start()

    def _look_on(self) -> None:
        while not self._over.wait(BEAT):
            found = self.costs()
            if self._keep is not None:
                with contextlib.suppress(Exception):  # a full disk ends no run here
                    self._keep(found)

    def costs(self) -> dict[str, Any]:
        """What it cost so far."""
        with self._lock:
            for counter in (self._rapl, self._gpus):
                if counter is not None:
                    counter.look()
        seconds, cpu = time.perf_counter() - self._wall, cpu_seconds() - self._cpu
        return {
            "seconds": round(seconds, 3),
            "cpu_seconds": round(cpu, 3),
            "peak_memory_mb": round(self._memory.mb(), 1),
            "peak_memory_of": self._memory.of,
            **_record([of_processor(seconds, cpu, self._powers, self._rapl), *self._of_gpus(seconds)]),
            **({"gpu_seconds": round(self._gpus.seconds, 3)} if self._gpus and gpus.in_use() else {}),
        }

    def _of_gpus(self, seconds: float) -> list[Energy]:
        if not gpus.in_use() or self._powers.machine is not None:
            return []
        return [self._gpus.energy() if self._gpus is not None else gpus.by_a_constant(seconds, self._powers.gpu)]

    def stop(self) -> dict[str, Any]:
        """What it cost in all."""
        self._over.set()
        self._watch.join()  # nothing is kept after this
        found = self.costs()
        self._memory.close()
        return found


def _record(parts: list[Energy]) -> dict[str, Any]:
    """Energies of one stage as a manifest holds them; the kind is that of the least certain."""
    joules = parts[0].joules
    for part in parts[1:]:
        joules += part.joules
    kinds = [part.kind for part in parts]
    return {
        "energy_joules": round(joules.value, 3),
        "energy_low_joules": round(joules.low, 3),
        "energy_high_joules": round(joules.high, 3),
        "energy_kind": next((kind for kind in (CONSTANT, MODELLED) if kind in kinds), kinds[0]),
        "energy_obtained": "; ".join(part.obtained for part in parts),
    }


def cpu_seconds() -> float:
    """Processor seconds of this process, all its threads, and every child that was waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)
