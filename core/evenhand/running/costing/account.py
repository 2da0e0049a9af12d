"""The account of a folder: what each stage of a walk cost, attempts that were killed, stopped or done again included.

The manifest has the last attempt at each stage, log.jsonl every one; .attempt.json has one that nobody took up yet.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenhand.errors import BadInput
from evenhand.files import own
from evenhand.recorded.audit_files import PLAN
from evenhand.recorded.finished import MANIFEST, read_manifest
from evenhand.recorded.run_folder import LOG
from evenhand.running.costing.attempts import FINISHED, KILLED, STARTED, STOPPED, left_in
from evenhand.running.costing.cost import Cost, total

DEEPEST = 4  # runs/DOMAIN/RECIPE/ID
ENDED = (FINISHED, STOPPED, KILLED)


@dataclass(frozen=True, slots=True)
class StageCost:
    """One stage. last: of the attempt that the manifest records; before: of all others, `again` of them.

    untold: attempts that began and told no costs: killed in their first second, or by an evenhand that kept none.
    """

    name: str
    last: Cost
    before: Cost
    again: int = 0
    untold: int = 0

    @property
    def cost(self) -> Cost:
        """Of all attempts."""
        return self.last + self.before


@dataclass(frozen=True, slots=True)
class FolderCost:
    """One walk's folder. inside: the folder that it lies in, whose costs have its own in them; "" where it counts."""

    path: Path
    walk: str
    recipe: str
    stages: tuple[StageCost, ...]
    inside: str = ""
    processes: int = 1
    damaged: int = 0

    @property
    def cost(self) -> Cost:
        """Of all stages."""
        return total(stage.cost for stage in self.stages)


def folders_of(path: Path) -> list[Path]:
    """The walks' folders that `path` is or holds; BadInput where there is none, or `path` is an audit's."""
    if os.path.lexists(path / MANIFEST):
        return [path]
    if os.path.lexists(path / PLAN):
        raise BadInput(f"{path} is the folder of an audit, which keeps no account of costs; name that of a run")
    if not path.is_dir():
        raise BadInput(f"{path} is not there or no folder; name the directory of a run")
    levels = ("/".join(["*"] * depth) for depth in range(1, DEEPEST + 1))
    found = sorted({file.parent for level in levels for file in path.glob(f"{level}/{MANIFEST}")})
    if not found:
        raise BadInput(f"{path} is not the directory of a run, and holds none; `evenhand run` makes one")
    return [place for place in found if not place.is_symlink()]


def account_of(path: Path) -> FolderCost:
    """What the walk in `path` has cost so far; BadInput where none left it."""
    manifest = read_manifest(path)
    attempts, damaged = _attempts(path)
    stages = []
    for name in dict.fromkeys([*map(str, manifest["walk"]["stages"]), *manifest["stages"]]):
        stage = _stage(name, manifest["stages"].get(name), attempts)
        if stage.again or stage.untold or name in manifest["stages"]:
            stages.append(stage)
    processes = [record.get("processes") for record in manifest["stages"].values()]
    most = max((count for count in processes if isinstance(count, int)), default=1)
    recipe = str(manifest.get("recipe") or manifest.get("backbone") or "")
    return FolderCost(path, manifest["walk"]["name"], recipe, tuple(stages), "", most, damaged)


def _stage(name: str, record: Mapping[str, Any] | None, attempts: Mapping[str, dict[str, Any]]) -> StageCost:
    """The manifest's record of a stage and all other attempts at it."""
    mine = {key: found for key, found in attempts.items() if found["stage"] == name}
    last = Cost.of(record) if record is not None else Cost()
    others = [found for key, found in mine.items() if not _is_last(key, found, record)]
    told = [Cost.of(found) for found in others if found["event"] in ENDED]
    untold = sum(found["event"] == STARTED for found in others)
    return StageCost(name, last, total(told), len(told) + untold, untold)


def _is_last(key: str, found: Mapping[str, Any], record: Mapping[str, Any] | None) -> bool:
    """Whether a logged attempt is the one that the manifest records; old logs name none, so their figures tell."""
    if record is None:
        return False
    if record.get("attempt") is not None:
        return bool(key == record["attempt"])
    return bool(found["event"] == FINISHED and found.get("seconds") == record.get("seconds"))


def _attempts(path: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """(the last event of every attempt by its name, how many lines of the log could not be read)."""
    found: dict[str, dict[str, Any]] = {}
    damaged, old = 0, {}
    for number, line in enumerate(_lines(path)):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            damaged += 1
            continue
        if not isinstance(event, dict) or event.get("event") not in (STARTED, *ENDED):
            continue
        stage = str(event.get("stage"))
        if event["event"] == STARTED:
            old[stage] = number
        key = str(event.get("attempt") or f"{stage} {old.get(stage, number)}")
        found[key] = {**event, "stage": stage}
    if (left := left_in(path)) is not None:
        key = str(left.get("attempt"))
        if found.get(key, {}).get("event", STARTED) == STARTED:
            found[key] = {**left, "event": KILLED}
    return found, damaged


def _lines(path: Path) -> list[str]:
    try:
        return own(path, LOG).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
