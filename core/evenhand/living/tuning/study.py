"""The trials of one search in a storage that many processes share: each slot is tried once, whoever is killed.

A search of N trials has the slots 0 to N-1. Whoever comes claims the first slot that nobody has; a trial whose process
is gone is marked as lost, and its slot is taken over with the same settings. What is tried in a slot follows from the
recipe's seed, the slot, and the trials that are done.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.errors import BadInput
from evenhand.recipe import Recipe, flatten
from evenhand.recipe_space import Dimension, Range

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

BEAT, GRACE = 5, 60  # seconds between signs of life, and without one until a trial on another machine counts as lost
WAIT = 0.3  # seconds between looks at what others do
SCHEMES = "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"


def optuna_here() -> Any:
    """The library, quiet; BadInput where it is not installed."""
    try:
        import optuna
    except ImportError:
        raise BadInput(
            "a search needs Optuna, which is not installed; pip install 'evenhand[tune]', then run the same command"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def shown(url: str) -> str:
    """The storage's address without its password, for people and files.

    >>> shown("postgresql+psycopg://me:secret@db/search")
    'postgresql+psycopg://me:***@db/search'
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "(an address that cannot be read)"


def open_storage(url: str) -> Any:
    """The storage at `url`; BadInput where its driver is missing, or it is not there."""
    library = optuna_here()
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    kept = {"connect_args": {"timeout": GRACE}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # signs of life are called experimental
            opened = library.storages.RDBStorage(url, kept, heartbeat_interval=BEAT, grace_period=GRACE)
            return library.storages.get_storage(opened)  # with a cache of what is finished
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise BadInput(f"the storage {shown(url)} is no database address; write {SCHEMES} (--storage)") from None
    except ImportError as error:
        driver = error.name or "its driver"
        named = "'psycopg[binary]'" if driver.startswith("psycopg") else driver
        raise BadInput(
            f"the storage {shown(url)} needs the Python package {driver}, which is not installed; pip install {named}"
        ) from None
    except SQLAlchemyError as error:
        why = " ".join(str(getattr(error, "orig", None) or error).split())[:120]
        raise BadInput(
            f"the storage {shown(url)} cannot be opened: {_without(why, url)}; check that it is there and takes you"
            " (--storage)"
        ) from None


def _without(text: str, url: str) -> str:
    """The text without the password of the address."""
    from sqlalchemy.engine import make_url

    secret = make_url(url).password
    return text.replace(str(secret), "***") if secret else text


class Search:
    """One search in a storage, by name: hands out slots, and reads back what was tried."""

    def __init__(self, url: str, name: str, recipe: Recipe) -> None:
        self._optuna = optuna_here()
        self.storage, self.name, self.recipe = open_storage(url), name, recipe
        self._study(0)

    def _study(self, slot: int) -> optuna.Study:
        """The study, with a sampler that knows nothing but the seed and the slot."""
        sampler = self._optuna.samplers.TPESampler(seed=(self.recipe.seed * 100_003 + slot) % 2**32)
        study: optuna.Study = self._optuna.create_study(
            storage=self.storage,
            study_name=self.name,
            sampler=sampler,
            directions=["maximize", "minimize"],
            load_if_exists=True,
        )
        return study

    def slots(self) -> dict[int, FrozenTrial]:
        """The trial of each slot, those that were lost left out; of two for one slot the first counts."""
        found: dict[int, FrozenTrial] = {}
        for trial in sorted(self._study(0).get_trials(deepcopy=False), key=lambda trial: trial.number):
            if "slot" in trial.user_attrs and "lost" not in trial.user_attrs:
                found.setdefault(trial.user_attrs["slot"], trial)
        return dict(sorted(found.items()))

    def lost(self) -> int:
        """How many trials ended with their process and were taken over."""
        return sum("lost" in trial.user_attrs for trial in self._study(0).get_trials(deepcopy=False))

    def next(self, trials: int) -> tuple[int, optuna.Trial] | None:
        """(a slot below `trials`, its trial, claimed); None when all are done. Waits for those that others have."""
        while True:
            self._mark_lost()
            here = self.slots()
            for slot in range(trials):
                if slot not in here:
                    self._offer(slot)
                    here = self.slots()
                if (claimed := self._claimed(slot, here[slot])) is not None:
                    return slot, claimed
            if all(here[slot].state.is_finished() for slot in range(trials)):
                return None
            time.sleep(WAIT)

    def _offer(self, slot: int) -> None:
        before = [t for t in self._study(0).get_trials(deepcopy=False) if t.user_attrs.get("slot") == slot]
        known = before[-1].params if before else first_settings(self.recipe) if slot == 0 else {}
        self._study(slot).enqueue_trial(dict(known), user_attrs={"slot": slot})

    def _claimed(self, slot: int, trial: FrozenTrial) -> optuna.Trial | None:
        library = self._optuna
        if trial.state != library.trial.TrialState.WAITING:
            return None
        try:
            mine = self.storage.set_trial_state_values(trial._trial_id, state=library.trial.TrialState.RUNNING)
        except library.exceptions.UpdateFinishedTrialError:
            return None
        if not mine:
            return None
        found: optuna.Trial = library.Trial(self._study(slot), trial._trial_id)
        found.set_user_attr("worker", me())
        return found

    def _mark_lost(self) -> None:
        """Trials whose process is gone fail, as lost: their slots are free again."""
        running = self._study(0).get_trials(deepcopy=False, states=(self._optuna.trial.TrialState.RUNNING,))
        silent = set(self.storage._get_stale_trial_ids(self._study(0)._study_id)) if running else set()
        for trial in running:
            if "slot" in trial.user_attrs and _gone(trial, silent):
                self.give_back(trial)

    def give_back(self, trial: optuna.Trial | FrozenTrial) -> None:
        """The trial counts as lost, and its slot is free again."""
        with self.unless_finished():
            self.storage.set_trial_user_attr(trial._trial_id, "lost", True)
            self.storage.set_trial_state_values(trial._trial_id, state=self._optuna.trial.TrialState.FAIL)

    @contextmanager
    def alive(self, trial: optuna.Trial) -> Iterator[None]:
        """Signs of life for other machines, while a trial is fitted."""
        from optuna.storages._heartbeat import get_heartbeat_thread

        with get_heartbeat_thread(trial._trial_id, self.storage):
            yield

    @contextmanager
    def unless_finished(self) -> Iterator[None]:
        """A trial that somebody else has ended stays as it is."""
        try:
            yield
        except (self._optuna.exceptions.UpdateFinishedTrialError, ValueError):
            return

    def tell(self, slot: int, trial: optuna.Trial, values: tuple[float, float] | None, pruned: bool = False) -> None:
        """Record how a trial ended: with objective and gap, given up early, or failed."""
        states = self._optuna.trial.TrialState
        state = states.PRUNED if pruned else states.COMPLETE if values else states.FAIL
        with self.unless_finished():
            self._study(slot).tell(trial.number, values=values, state=state)

    def importances(self, trials: list[FrozenTrial]) -> dict[str, dict[str, float]]:
        """How much of the spread of objective and gap goes back to each setting, by fANOVA; empty where it cannot."""
        study = self._optuna.create_study(directions=["maximize", "minimize"])
        study.add_trials(trials)
        found: dict[str, dict[str, float]] = {}
        for place, name in enumerate(("objective", "gap")):
            evaluator = self._optuna.importance.FanovaImportanceEvaluator(seed=self.recipe.seed)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    values = self._optuna.importance.get_param_importances(
                        study, evaluator=evaluator, target=lambda trial, at=place: trial.values[at]
                    )
            except (ValueError, RuntimeError):  # too few trials, or all alike
                return {}
            found[name] = {key: round(float(value), 4) for key, value in values.items()}
        return found


def suggested(trial: optuna.Trial, recipe: Recipe) -> dict[str, Any]:
    """A trial's settings by key; they stand in the storage too, as they are tried."""
    own = first_settings(recipe)
    found = {key: _tidy(_suggest(trial, key, one), one, own.get(key)) for key, one in recipe.tune.space.items()}
    trial.set_user_attr("settings", found)
    return found


def written(settings: Mapping[str, Any]) -> list[str]:
    """Settings as `--set` takes them.

    >>> written({"finetune.epochs": 3, "finetune.strategy": "probe"})
    ['finetune.epochs=3', 'finetune.strategy="probe"']
    """
    return [f"{key}={json.dumps(value)}" for key, value in settings.items()]


def _tidy(value: Any, found: Dimension, own: Any) -> Any:
    """A number that was drawn, with the four digits that a person would type; the recipe's own value as it is."""
    if not isinstance(value, float) or not isinstance(found, Range) or value == own or found.step is not None:
        return value
    return min(max(float(f"{value:.4g}"), found.low), found.high)


def _suggest(trial: optuna.Trial, key: str, found: Dimension) -> Any:
    if not isinstance(found, Range):
        return trial.suggest_categorical(key, found)
    if found.whole:
        return trial.suggest_int(key, int(found.low), int(found.high), step=int(found.step or 1), log=found.log)
    return trial.suggest_float(key, found.low, found.high, step=found.step, log=found.log)


def first_settings(recipe: Recipe) -> dict[str, Any]:
    """The recipe's own values of what is searched, where they lie in the space: what the first trial tries."""
    values = dict(flatten(recipe.model_dump(by_alias=True, exclude={"tune"})))
    return {
        key: values[key] for key, found in recipe.tune.space.items() if key in values and _inside(found, values[key])
    }


def _inside(found: Dimension, value: Any) -> bool:
    if not isinstance(found, Range):
        return any(type(one) is type(value) and one == value for one in found)
    if isinstance(value, bool) or not isinstance(value, int | float) or not found.low <= value <= found.high:
        return False
    steps = (value - found.low) / found.step if found.step else 0.0
    return abs(steps - round(steps)) < 1e-9 and (not found.whole or isinstance(value, int))


def me() -> dict[str, Any]:
    """This process, so that another on the same machine sees whether it still runs."""
    return {"host": platform.node(), "pid": os.getpid(), "began": _began(os.getpid())}


def _began(pid: int) -> str:
    """When a process began, where the system tells: a number of a process is given again."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _gone(trial: FrozenTrial, silent: set[int]) -> bool:
    worker = trial.user_attrs.get("worker")
    if worker is None:  # killed between claiming a slot and signing for it
        start = trial.datetime_start
        return start is not None and datetime.datetime.now() - start > datetime.timedelta(seconds=GRACE)
    if worker["host"] != platform.node():
        return trial._trial_id in silent
    try:
        os.kill(worker["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return bool(worker["began"]) and _began(worker["pid"]) != worker["began"]
