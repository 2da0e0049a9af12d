"""A walk is a tuple of stages over one folder: what is done is skipped, the rest is done, timed and recorded.

    PRETRAIN = (Stage("draw", ("data.json",), draw), Stage("train", ("backbone",), train, together=True))

    with Run(path, None, identity, walk="pretrain", stages=writes(PRETRAIN)) as run:
        walk(PRETRAIN, run, state)

A walk that was killed goes on after its last recorded stage. All have the same lock, manifest and account of costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from evenhand.extending.discovering import Plugins
from evenhand.recorded.run_folder import Run
from evenhand.running.costing import attempts
from evenhand.running.costing.measuring import measured

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage has to tell beside its artefacts; the manifest keeps it.

    notes: sentences for the report. faults: one sentence for each plugin that raised. facts: what later stages need.
    """

    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """The outcome as the manifest holds it."""
        return {**self.facts, "notes": list(self.notes), "faults": list(self.faults)}


@dataclass(frozen=True, slots=True)
class Stage(Generic[State]):
    """One step of a walk.

    writes: its artefacts, names in the walk's folder; it is done when all are there as they were recorded.
    does: writes them through `run.write` and `run.write_with`, deterministic under the seed. A stage that was done is
    skipped: what it would have left in the state, those that come after must find in its artefacts.
    together: under torchrun it, and what comes before it, is done in every process, the rest in the first alone. Only
    the first writes: what the others need of a stage before, they take from the state.
    """

    name: str
    writes: tuple[str, ...]
    does: Callable[[State], Outcome]
    together: bool = False


Walk = tuple[Stage[State], ...]


def writes(stages: Walk[State]) -> dict[str, tuple[str, ...]]:
    """What each stage of a walk writes, by name and in order: what its `Run` is opened with."""
    return {stage.name: stage.writes for stage in stages}


def walk(stages: Walk[State], run: Run, state: State, plugins: Plugins | None = None) -> None:
    """Every stage that is not done, in order, each with its `state`; `plugins` are told when one starts and ends.

    Under torchrun the helping processes end here, by SystemExit: only the first goes on to what is left.
    """
    attempts.take_up(run)
    if run.world_size > 1:
        _walk_together(stages, run, state, plugins)
    for stage in stages:
        _step(stage, run, state, plugins)


def _walk_together(stages: Walk[State], run: Run, state: State, plugins: Plugins | None) -> None:
    """The first process says whether there is anything to do together; then all do it, and the others end."""
    from evenhand.adapting.distributed import agree

    last = max((place for place, stage in enumerate(stages, start=1) if stage.together), default=0)
    shared = stages[:last]
    if agree(run.rank == 0 and not all(run.is_done(stage.name) for stage in shared)):
        for stage in shared:
            _step(stage, run, state, plugins)
    if run.rank:
        raise SystemExit(0)


def _step(stage: Stage[State], run: Run, state: State, plugins: Plugins | None) -> None:
    if run.rank:
        stage.does(state)
        return
    if run.is_done(stage.name):
        run.say(f"  {stage.name}: done before")
        return
    _tell(run, plugins, "stage_started", stage=stage.name)
    run.say(f"  {stage.name}")
    seconds = do(stage, run, state)
    _tell(run, plugins, "stage_finished", stage=stage.name, seconds=seconds)


def do(stage: Stage[State], run: Run, state: State) -> float:
    """One stage, done or not: measured, recorded, logged. Returns its seconds."""
    attempt = attempts.begun()
    cost: dict[str, Any] = {}
    run.log(attempts.STARTED, stage=stage.name, attempt=attempt)
    try:
        with measured(attempts.keeping(run, stage.name, attempt)) as cost:
            outcome = stage.does(state)
    except BaseException:
        attempts.stopped(run, stage.name, attempt, cost)
        raise
    cost = {**cost, "attempt": attempt, **({"processes": run.world_size} if run.world_size > 1 else {})}
    run.finish(stage.name, **cost, **outcome.record())
    run.log(attempts.FINISHED, stage=stage.name, **cost)
    attempts.forget(run)
    return float(cost["seconds"])


def _tell(run: Run, plugins: Plugins | None, hook: str, **arguments: Any) -> None:
    for fault in plugins.tell(run.recipe, hook, run=run, **arguments) if plugins else ():
        run.say(f"  note: {fault}; it is left out from here on")
        run.log("plugin_quarantined", reason=fault)
