"""What a stage takes of GPUs: seconds of work and energy, by NVIDIA's own counters where they can be read (NVML)."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from evenhand.running.costing.energy import CONSTANT, MEASURED, Energy, Span

DEVICES = Path("/dev")


class Gpus:
    """The visible GPUs' counters since this was made: `seconds` of work, and joules. `look` adds what came since."""

    def __init__(self, nvml: Any, devices: list[Any]) -> None:
        self._nvml, self._devices = nvml, devices
        self.seconds, self.joules = 0.0, 0.0
        self._began = self._then = time.perf_counter()
        self._last = [self._counted(device) for device in devices]

    @staticmethod
    def found() -> Gpus | None:
        """The GPUs that NVML tells of; None where there is none, or nvidia-ml-py is not installed."""
        if sys.platform == "linux" and not present():
            return None  # NVML takes a while to say so
        try:
            import pynvml as nvml

            nvml.nvmlInit()
            return Gpus(nvml, _visible(nvml))
        except Exception:  # not installed, no driver, another version of it
            return None

    def _counted(self, device: Any) -> float | None:
        """Joules that a GPU has drawn since its driver was loaded; None where it does not count (before Volta)."""
        try:
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(device)) / 1e3
        except Exception:
            return None

    def look(self) -> None:
        """Add what came since the last look."""
        now = time.perf_counter()
        since, self._then = now - self._then, now
        for place, device in enumerate(self._devices):
            try:
                self.seconds += since * self._nvml.nvmlDeviceGetUtilizationRates(device).gpu / 100
                counted, last = self._counted(device), self._last[place]
                if counted is not None and last is not None and counted >= last:
                    self.joules += counted - last
                else:
                    self.joules += since * self._nvml.nvmlDeviceGetPowerUsage(device) / 1e3
                self._last[place] = counted
            except Exception:  # a GPU that fell off the bus ends no run
                continue

    def energy(self) -> Energy:
        """All that the visible GPUs drew; at the low end only the share of the time in which they worked."""
        whole = (self._then - self._began) * len(self._devices)
        share = min(1.0, self.seconds / whole) if whole > 0 else 1.0
        said = "measured: the GPU's NVML counter, other programs included"
        return Energy(Span(self.joules, self.joules * share, self.joules), MEASURED, said)


def present() -> bool:
    """Whether this machine shows a GPU's device file."""
    return any(DEVICES.glob("nvidia[0-9]*"))


def in_use() -> bool:
    """Whether this process has work on a GPU: without, what others do there is none of its costs."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(getattr(torch, "cuda", None)) and bool(torch.cuda.is_initialized())


def by_a_constant(seconds: float, power: Span) -> Energy:
    """The energy of a GPU whose counters cannot be read."""
    return Energy(power * seconds, CONSTANT, f"constant: a GPU at {power} W, whose counter cannot be read")


def _visible(nvml: Any) -> list[Any]:
    """Handles of the GPUs that CUDA_VISIBLE_DEVICES leaves; all where it is not set."""
    asked = os.environ.get("CUDA_VISIBLE_DEVICES")
    if asked is None:
        return [nvml.nvmlDeviceGetHandleByIndex(place) for place in range(nvml.nvmlDeviceGetCount())]
    names = [name.strip() for name in asked.split(",") if name.strip()]
    return [
        nvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdigit() else nvml.nvmlDeviceGetHandleByUUID(name)
        for name in names
    ]
