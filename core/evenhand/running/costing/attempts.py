"""An attempt at a stage: its costs so far lie in the folder, so that one that was killed is counted later.

While a stage runs, .attempt.json holds what it cost until a second ago. When the stage ends the file goes; one that is
there when a walk begins was left by an attempt that was killed, and moves to log.jsonl.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evenhand.errors import BadInput
from evenhand.files import open_own, own
from evenhand.recorded.run_folder import Run

ATTEMPT = ".attempt.json"
KILLED, STOPPED, FINISHED, STARTED = "stage_killed", "stage_stopped", "stage_finished", "stage_started"


def begun() -> str:
    """A name for an attempt that no other has."""
    return f"{time.time_ns():x}-{os.getpid()}"


def keeping(run: Run, stage: str, attempt: str) -> Callable[[dict[str, Any]], None]:
    """What a meter calls with the costs so far."""

    def keep(costs: dict[str, Any]) -> None:
        temporary = f".tmp-{os.getpid()}-attempt"
        flags = os.O_WRONLY | os.O_TRUNC
        with os.fdopen(open_own(run.path, temporary, flags), "w", encoding="utf-8") as file:
            json.dump({"stage": stage, "attempt": attempt, **costs}, file)
        os.replace(run.path / temporary, run.path / ATTEMPT)

    return keep


def left_in(folder: Path) -> dict[str, Any] | None:
    """The costs of an attempt that has not ended, or was killed; None where none is told."""
    try:
        found = json.loads(own(folder, ATTEMPT).read_bytes())
    except (OSError, ValueError, RecursionError, BadInput):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("stage"), str) else None


def forget(run: Run) -> None:
    """The attempt has ended, and its costs are recorded."""
    with contextlib.suppress(OSError):
        (run.path / ATTEMPT).unlink(missing_ok=True)


def take_up(run: Run) -> None:
    """Log what a killed attempt cost, if one left that here. The run holds the lock, so nobody is in it now."""
    if run.rank:
        return
    if (found := left_in(run.path)) is not None:
        record = run.manifest["stages"].get(found["stage"], {})
        if record.get("attempt") != found.get("attempt"):  # else it was killed between its record and this
            run.log(KILLED, **found)
    forget(run)


def stopped(run: Run, stage: str, attempt: str, costs: dict[str, Any]) -> None:
    """Log what an attempt cost that ended with an error, or by Ctrl-C."""
    with contextlib.suppress(OSError, BadInput):  # what went wrong before is what is to be told
        run.log(STOPPED, stage=stage, attempt=attempt, **costs)
    forget(run)
