"""A worker: takes slots of a search until none is left. Further ones are processes that read their task from a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import IO, TYPE_CHECKING, Any

from evenhand.console import Progress
from evenhand.errors import BadInput, PluginFault
from evenhand.living.tuning.gap import NotAsked
from evenhand.living.tuning.study import Search, suggested, written
from evenhand.living.tuning.trying import Bench, Tried

if TYPE_CHECKING:
    import optuna

FIRST_SHARE, FEWEST = 1 / 3, 4  # of the training rows; trials that must have been through before one is given up


def work(search: Search, bench: Bench, trials: int, progress: Progress) -> None:
    """Try slot after slot until all `trials` are done, here or elsewhere."""
    warm = False
    while (found := search.next(trials)) is not None:
        slot, trial = found
        with search.alive(trial):
            settings = written(suggested(trial, bench.recipe))
            if not warm:
                bench.warm_up(settings)
                warm = True
            progress.say(f"    trial {slot + 1} of {trials}: {_one(search, bench, slot, trial, settings)}")


def _one(search: Search, bench: Bench, slot: int, trial: optuna.Trial, settings: Sequence[str]) -> str:
    """Try it and tell the storage; a few words on how it went."""
    if (before := _tried_before(search, slot, trial)) is not None:
        return _judged(search, bench, slot, trial, before)
    try:
        if (why := _given_up(search, bench, slot, trial, settings)) is not None:
            trial.set_user_attr("why", why)
            search.tell(slot, trial, None, pruned=True)
            return why
        tried = bench.attempt(settings)
    except NotAsked:
        search.give_back(trial)
        raise
    except (BadInput, PluginFault) as error:
        trial.set_user_attr("why", " ".join(str(error).split()))
        search.tell(slot, trial, None)
        return f"failed: {error}"
    return _judged(search, bench, slot, trial, tried)


def _tried_before(search: Search, slot: int, trial: optuna.Trial) -> Tried | None:
    """What a trial with the very same settings showed: fitting them again would show the same."""
    mine = trial.user_attrs.get("settings")
    for other, one in search.slots().items():
        if other != slot and mine is not None and "tried" in one.user_attrs and one.user_attrs["settings"] == mine:
            trial.set_user_attr("why", f"the settings of trial {other + 1}, not fitted again")
            return Tried(**one.user_attrs["tried"])
    return None


def _judged(search: Search, bench: Bench, slot: int, trial: optuna.Trial, tried: Tried) -> str:
    """Tell the storage what a trial showed."""
    trial.set_user_attr("tried", tried.facts())
    for name, excess in excesses(tried.facts(), bench.recipe.tune.constraints.given()).items():
        trial.set_constraint(name, excess)
    search.tell(slot, trial, (upwards(tried), tried.gap))
    again = trial.user_attrs.get("why") or ", ".join(written(trial.user_attrs.get("settings", {})))
    return f"{bench.objective} {tried.objective:.4g}, gap {tried.gap:.3g} ({again})"


def upwards(tried: Tried) -> float:
    """The objective, turned so that more is better."""
    return tried.objective if tried.better != "lower" else -tried.objective


def excesses(tried: dict[str, Any], limits: dict[str, float]) -> dict[str, float]:
    """How far each limited figure lies beyond its limit, as a share of the limit; 0 and below: it keeps to it."""
    found = {}
    for name, limit in limits.items():
        value = tried[name]
        found[name] = 0.0 if value is None else (value - limit) / (limit or 1.0)
    return found


def _given_up(search: Search, bench: Bench, slot: int, trial: optuna.Trial, settings: Sequence[str]) -> str | None:
    """Why a trial is not worth a whole fit, from a third of the rows; None where it is, or nothing is given up."""
    least = bench.recipe.tune.prune_from
    if not least or bench.trains_on(settings) < least:
        return None
    early = bench.attempt(settings, FIRST_SHARE)
    mine = {"objective": upwards(early), "gap": early.gap}
    trial.set_user_attr("early", mine)
    others = [t.user_attrs["early"] for s, t in search.slots().items() if s != slot and "early" in t.user_attrs]
    if len(others) < FEWEST:
        return None
    usual = {name: median(other[name] for other in others) for name in mine}
    if mine["objective"] >= usual["objective"] or mine["gap"] <= usual["gap"]:
        return None
    return (
        f"given up on a third of the rows: {bench.objective} {early.objective:.4g}, gap {early.gap:.3g}, both worse"
        f" than half of {len(others)} others there"
    )


@contextmanager
def company(jobs: int, task: dict[str, Any], progress: Progress) -> Iterator[None]:
    """`jobs` - 1 more processes that work on the search while the block runs; they end when it does.

    task: what they read from the pipe, where the storage's password is seen by nobody.
    """
    workers: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []
    try:
        for _ in range(jobs - 1):
            said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed below
            command = [sys.executable, "-m", "evenhand.living.tuning.working"]
            worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
            workers.append((worker, said))
            assert worker.stdin is not None
            worker.stdin.write(json.dumps(task).encode() + b"\n")
            worker.stdin.flush()
        yield
    finally:
        for worker, said in workers:
            _ended(worker, said, progress)


def _ended(worker: subprocess.Popen[bytes], said: IO[bytes], progress: Progress) -> None:
    code = worker.poll()
    if code is None:
        worker.kill()  # it has nothing left to do, or the search was stopped: a trial of its own is taken over
    worker.wait()
    if code:
        said.seek(0)
        last = said.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
        progress.say(f"    note: a worker ended early ({last[:200] or f'code {code}'}); its trial was taken over")
    said.close()


def _end_with(pipe: IO[str]) -> None:
    pipe.read()  # returns when the process that started this one is gone
    os._exit(0)


def main() -> None:
    """What a further worker does: the task from the pipe, until it is done or the pipe is closed."""
    from evenhand.extending import discovering
    from evenhand.recipe import Recipe

    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with, args=(sys.stdin,), daemon=True).start()
    recipe = Recipe.from_toml(task["recipe"], "the search")
    source = Path(task["source"]) if task["path"] else task["source"]
    search = Search(task["url"], task["name"], recipe)
    work(search, Bench(recipe, source, discovering.load()), task["trials"], Progress(quiet=True))


if __name__ == "__main__":
    main()
