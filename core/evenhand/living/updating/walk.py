"""`evenhand update`: a walk from a finished run and newer rows to a challenger, judged on both periods, in its folder.

The stages have the names of a run's, so that `predict`, `load`, `compare`, `verify` and `report` read the folder.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evenhand import __version__
from evenhand.console import Progress
from evenhand.errors import BadInput
from evenhand.extending import discovering
from evenhand.extending.discovering import Plugins
from evenhand.files import digest, own
from evenhand.living import promoting
from evenhand.living.updating import strategies
from evenhand.living.updating.corridor import Asked, Corridor, content_of
from evenhand.living.updating.judging import PROMOTE, REFUSE
from evenhand.living.updating.measuring import MERIT
from evenhand.living.updating.stages import stages_of
from evenhand.recorded.finished import FinishedRun, open_run
from evenhand.recorded.history import promoted
from evenhand.recorded.run_folder import Run
from evenhand.running.walking import walk, writes
from evenhand.scoring.scorer import Scorer, load


@dataclass(frozen=True, slots=True)
class Update:
    """A finished update: its folder and what it found.

    promoted: whether its model stands for the run now. asked: whether it was to be promoted. str() is the finding.
    """

    path: Path
    run: Path
    found: Mapping[str, Any]
    promoted: bool = False
    asked: bool = False
    said: str = ""

    @property
    def verdict(self) -> str:
        """`may be promoted`, `refused` (a group is proven worse) or `keep the champion`."""
        return str(self.found["verdict"])

    @property
    def chosen(self) -> str:
        """The strategy whose model lies in the folder; `champion` is the run's model itself."""
        return str(self.found["chosen"])

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    def exit_code(self) -> int:
        """0: done; 1: the challenger is refused, or nothing was promoted where that was asked for."""
        return 1 if self.verdict == REFUSE or (self.asked and not self.promoted) else 0

    def __str__(self) -> str:
        return "\n".join([*self.found["says"], *([self.said] if self.said else [])])


def update(
    run: str | Path,
    data: str | Path,
    strategy: str = "all",
    buffer: int | None = None,
    promote: bool = False,
    margin: float = 0.0,
    out: str | Path | None = None,
    source: str | Path | None = None,
    plugins: Plugins | None = None,
    progress: Progress | None = None,
) -> Update:
    """Let the model that stands for `run` go on learning on newer rows, and say what that does to old and new ones.

    data: the newer rows, with labels. strategy: one of finetune, replay, l2-sp, ewc, retrain; all: the best of them on
    validation rows. buffer: old rows that `replay` keeps; None: a quarter of them. promote: let the chosen
    model stand for the run where no group is proven worse by more than the policy's margin; margin: that of metrics
    which the policy does not name. source: the run's own data, where it has moved.
    out: the folder; None: RUN-updated-ID beside the run. Killed at any point, the same call goes on. Raises BadInput.
    """
    if buffer is not None and buffer < 1:
        raise BadInput(f"a buffer of {buffer} rows keeps nothing; ask for one row at least (--buffer)")
    if not 0 <= margin < 1:
        raise BadInput(f"the margin {margin:g} is no share from 0 to 1 (--margin)")
    root, every = Path(run), plugins or discovering.load()
    _check_root(root, promote)
    found = open_run(promoted(root))
    if (done := _learnt_already(found, root, data, promote)) is not None:
        return done
    scorer = load(found.path, every)
    _check_task(scorer)
    asked = Asked(strategy, buffer, margin, source)
    identity = _identity(found, data, asked, every)
    path = Path(out) if out is not None else _beside(root, identity)
    if path.resolve() in (root.resolve(), found.path.resolve()):
        raise BadInput(f"{path} is the run itself; name another folder (--out)")
    names = strategies.chosen_strategies(strategy, scorer.adapted, scorer.recipe)
    stages = stages_of(names)
    with Run(path, scorer.recipe, identity, progress, walk="update", stages=writes(stages)) as folder:
        walk(stages, folder, Corridor(folder, scorer, found, root, data, asked, names), every)
        result = Update(path, root, folder.read_json("update.json"), asked=promote)
    return _promoted(result, root) if promote else result


def _check_root(root: Path, promote: bool) -> None:
    manifest = open_run(root).manifest
    if promote and manifest["walk"]["name"] == "update":
        raise BadInput(
            f"{root} is an update of {manifest['inputs'].get('of', 'a run')}, whose history tells who stands for it;"
            " name that run"
        )


def _check_task(scorer: Scorer) -> None:
    if scorer.recipe.task not in MERIT:
        raise BadInput(
            f"{scorer.path} is of the task {scorer.recipe.task}; only models of one class per row (binary, multiclass)"
            " can be updated; run the recipe again on all rows"
        )


def _learnt_already(found: FinishedRun, root: Path, data: str | Path, asked: bool) -> Update | None:
    """The update that made the champion, where these are the rows it learnt from: there is nothing left to do."""
    if found.path.resolve() == root.resolve() or found.manifest["inputs"].get("file") != content_of(data):
        return None
    evidence, _ = promoting.evidence_of(found.path)
    said = f"{found.path} has learnt from these very rows and stands for {root}; there is nothing newer in them"
    return Update(found.path, root, evidence, True, asked, said)


def _promoted(result: Update, root: Path) -> Update:
    """Promote the result where nothing speaks against it."""
    if result.verdict != PROMOTE:
        return replace(result, said=f"not promoted: {result.verdict}; the champion stays")
    _, sha = promoting.evidence_of(result.path)
    promoting.promote(root, result.path, sha)
    said = f"promoted: {result.path} stands for {root} now; evenhand rollback {shlex.quote(str(root))} takes that back"
    return replace(result, promoted=True, said=said)


def _beside(run: Path, identity: str) -> Path:
    named = run.resolve() if run.name in ("", "..") else run  # the folder one stands in has no name by itself
    return named.with_name(f"{named.name}-updated-{identity[:8]}")


def _identity(found: FinishedRun, data: str | Path, asked: Asked, plugins: Plugins) -> str:
    """sha256 over everything that decides the challenger and what is said of it."""
    parts = [__version__, found.manifest["identity"], digest(own(found.path, "model")), content_of(data)]
    parts += [asked.strategy, asked.buffer, asked.margin, sorted(plugins.names())]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
