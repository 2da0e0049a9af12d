"""One trial: settings are fitted on training rows alone and judged on the validation rows, which they did not see.

A trial is the stages of a run over other rows. Its training and its own validation rows (for early stopping, thresholds
and the like) are divided from the run's training rows, and its test rows are the run's validation rows. The run's test
rows are not in it at all.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.data.splitting import validation_rows
from evenhand.errors import BadInput
from evenhand.extending.discovering import Plugins
from evenhand.living.tuning.gap import NotAsked, gap_of
from evenhand.predicting.predictions import check_question
from evenhand.recipe import Recipe
from evenhand.recorded.run_folder import Run
from evenhand.running.pipeline import RUN, Corridor
from evenhand.running.walking import walk, writes
from evenhand.values import Metric, Splits

TRIAL = tuple(stage for stage in RUN if stage.name not in ("load_data", "report"))
OBJECTIVES = {"binary": "auc", "multiclass": "accuracy", "multilabel": "macro_f1", "regression": "mae"}
SINGLE_ROWS, WARM, LONGEST = 200, 5, 4.0  # of the latency: rows, rows before them, seconds for all
JOULES = 3600.0  # of a watt-hour


@dataclass(frozen=True, slots=True)
class Tried:
    """What a trial showed on validation rows.

    better: whether the objective is to be `higher` or `lower`. lower, upper: of the objective, for this trial alone.
    gap and its limits: the largest of the gap's metric, of `attribute`. energy_obtained: how that is known;
    energy_low_wh, energy_high_wh: its range, None in a storage that an earlier evenhand wrote.
    """

    objective: float
    better: str
    lower: float | None
    upper: float | None
    gap: float
    gap_lower: float | None
    gap_upper: float | None
    gap_metric: str
    attribute: str
    latency_p99_ms: float
    latency_rows: int
    energy_wh: float
    energy_obtained: str
    epsilon: float | None
    seconds: float
    rows: int
    energy_low_wh: float | None = None
    energy_high_wh: float | None = None

    def facts(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        return asdict(self)


class Bench:
    """What trials of one search share: the recipe, the data, and the plugins that fit and judge."""

    def __init__(self, recipe: Recipe, source: str | Path | None, plugins: Plugins) -> None:
        self.recipe, self.source, self.plugins = recipe, source, plugins
        self._read: dict[str, Splits] = {}

    @property
    def objective(self) -> str:
        """The metric to be best in."""
        found = self.recipe.tune.objective or OBJECTIVES.get(self.recipe.task)
        if found is None:
            raise NotAsked(
                f"a search has no usual objective for the task {self.recipe.task}; name a metric that `evenhand run`"
                " prints (--set tune.objective=NAME)"
            )
        return found

    def splits(self, recipe: Recipe) -> Splits:
        """The rows of a trial: none is one of the run's test rows."""
        key = json.dumps(recipe.model_dump(by_alias=True, include={"options"}), default=str, sort_keys=True)
        if key not in self._read:
            corridor = Corridor(None, recipe, self.plugins, self.source)  # type: ignore[arg-type]  # nothing is written
            self._read = {key: without_test(recipe, corridor.splits)}  # one at a time: data may be large
        return self._read[key]

    def of(self, settings: Sequence[str]) -> Recipe:
        """The recipe with a trial's settings, asked only what the search needs to know."""
        recipe = self.recipe.with_settings(settings, "tune")
        return recipe.model_copy(update={"audit": recipe.audit.but(slices=(), mitigation="sweep")})

    def trains_on(self, settings: Sequence[str]) -> int:
        """How many rows a trial is fitted on."""
        return len(self.splits(self.of(settings)).train)

    def warm_up(self, settings: Sequence[str]) -> None:
        """A small fit that counts for nothing: else the first trial's seconds and energy were those of imports."""
        with contextlib.suppress(Exception):  # what is wrong with the settings, the trial itself tells
            self.attempt(settings, share=0.1)

    def attempt(self, settings: Sequence[str], share: float = 1.0) -> Tried:
        """Fit with these settings on `share` of the training rows, and judge. BadInput, PluginFault as a run raises."""
        began, recipe = time.perf_counter(), self.of(settings)
        splits = self.splits(recipe)
        splits = splits if share >= 1 else _fewer(splits, share, recipe.seed)
        check_question(recipe, splits)
        folder = Path(tempfile.mkdtemp(prefix="evenhand-trial-"))
        try:
            with Run(folder / "run", recipe, "trial", walk="trial", stages=writes(TRIAL)) as run:
                corridor = Corridor(run, recipe, self.plugins, self.source)
                corridor.splits = splits
                walk(TRIAL, run, corridor)
                latency = _single_rows(Corridor(run, recipe, self.plugins, None), splits)
                return self._judged(run, latency, time.perf_counter() - began)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _judged(self, run: Run, latency: tuple[float, int], seconds: float) -> Tried:
        metrics = [Metric(**found) for found in run.read_json("evaluation.json")]
        score = scored(metrics, self.objective)
        gap = gap_of(run.read_json("audit.json"), self.recipe.tune.constraints.gap)
        fitted = run.manifest["stages"]["finetune"]
        epsilon = fitted.get("privacy", {}).get("epsilon") if isinstance(fitted.get("privacy"), Mapping) else None
        return Tried(
            score.value,
            score.better or "higher",
            score.lower,
            score.upper,
            gap.value,
            gap.lower,
            gap.upper,
            gap.metric,
            gap.attribute,
            *latency,
            fitted["energy_joules"] / JOULES,
            fitted["energy_obtained"],
            epsilon,
            round(seconds, 3),
            score.n,
            fitted["energy_low_joules"] / JOULES,
            fitted["energy_high_joules"] / JOULES,
        )


def without_test(recipe: Recipe, splits: Splits) -> Splits:
    """The splits of a trial: the run's validation rows to be judged on, its training rows for everything else."""
    rows = splits.train
    recipe = recipe.with_schema(splits.schema)
    held = validation_rows(recipe, rows, np.arange(len(rows)))
    kept = np.setdiff1d(np.arange(len(rows)), held)
    if not len(held) or not len(kept) or not len(splits.validation):
        raise BadInput(
            f"{splits.source} has {len(rows)} rows to train on and {len(splits.validation)} to choose by, too few for"
            " a search; give more rows, or a larger split.validation"
        )
    return replace(splits, train=rows.select(kept), validation=rows.select(held), test=splits.validation)


def _fewer(splits: Splits, share: float, seed: int) -> Splits:
    """The splits with `share` of the training rows, the same for every trial."""
    rows = len(splits.train)
    chosen = np.sort(np.random.default_rng(seed).permutation(rows)[: max(1, round(rows * share))])
    return replace(splits, train=splits.train.select(chosen))


def scored(metrics: Sequence[Metric], name: str) -> Metric:
    """The adapted model's metric of that name."""
    mine = {metric.name: metric for metric in metrics if metric.model == "adapted"}
    if name in mine and not np.isfinite(mine[name].value):
        raise BadInput(f"the {name} of these settings is no number on the validation rows")
    if name not in mine:
        raise NotAsked(
            f"there is no metric '{name}' to be best in; a run of this recipe has {', '.join(mine)} (--set"
            " tune.objective=NAME)"
        )
    return mine[name]


def _single_rows(corridor: Corridor, splits: Splits) -> tuple[float, int]:
    """(milliseconds in which 99 of 100 single rows are scored by the model as it is stored, how many were timed)."""
    from evenhand.adapting import scores

    model, rows = corridor.adapted.model, splits.test
    times: list[float] = []
    began = time.perf_counter()
    for place in range(WARM + SINGLE_ROWS):
        one = rows.select([place % len(rows)])
        start = time.perf_counter()
        scores(model, one, splits.schema)
        times.append(time.perf_counter() - start)
        if place >= 2 * WARM and time.perf_counter() - began > LONGEST:
            break
    timed = times[WARM:]
    return round(float(np.quantile(timed, 0.99)) * 1e3, 3), len(timed)
