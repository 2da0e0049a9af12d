"""The largest resident memory of a stage: the kernel's mark is taken back when it begins, where that is allowed."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path
from typing import ClassVar

STATUS, MARKS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
OF_THE_STAGE, OF_THE_PROCESS = "the stage", "the process so far"
HIGHEST = re.compile(rb"^VmHWM:\s+(\d+) kB", re.M)


class PeakMemory:
    """The peak since this was made, in MB, of this process alone: not of its children.

    `of` says whose it is: the stage's, or, where the mark cannot be taken back, that of the process so far. What asks
    the kernel for the process's peak later, such as `/usr/bin/time -v`, is told that since the last taking back.
    """

    _open: ClassVar[list[PeakMemory]] = []  # a stage of a walk may be a walk itself

    def __init__(self) -> None:
        self._before = 0.0
        for outer in PeakMemory._open:
            outer._before = max(outer._before, highest_mb())
        self.of = OF_THE_STAGE if _take_back() else OF_THE_PROCESS
        PeakMemory._open.append(self)

    def mb(self) -> float:
        """The peak so far."""
        return max(self._before, highest_mb())

    def close(self) -> None:
        """The stage is over."""
        if self in PeakMemory._open:
            PeakMemory._open.remove(self)


def highest_mb() -> float:
    """Highest resident memory of this process since its mark was last taken back, in MB."""
    try:
        if found := HIGHEST.search(STATUS.read_bytes()):
            return int(found[1]) * 1024 / 1e6
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _take_back() -> bool:
    """Whether the kernel's mark could be set to what is resident now (proc(5), clear_refs: 5)."""
    try:
        MARKS.write_text("5")
    except OSError:
        return False
    return True
