"""`evenhand tune`: a walk from a recipe's [tune] to the trials, an ordinary run of the best of them, and a report."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.console import Progress
from evenhand.errors import BadInput
from evenhand.extending import discovering
from evenhand.extending.discovering import Plugins
from evenhand.living.tuning import choosing, telling
from evenhand.living.tuning.gap import gap_of
from evenhand.living.tuning.study import Search, shown, written
from evenhand.living.tuning.trying import Bench, scored
from evenhand.living.tuning.working import company, work
from evenhand.recipe import Recipe
from evenhand.recipe_space import EXAMPLE
from evenhand.recorded import provenance
from evenhand.recorded.run_folder import Run
from evenhand.running import pipeline
from evenhand.running.walking import Outcome, Stage, Walk, walk, writes

if TYPE_CHECKING:
    import polars as pl

STORAGE, BEST = "tune.sqlite3", "best"


@dataclass(frozen=True, slots=True)
class Tuning:
    """A finished search: its folder, and what it found.

    `best`: the run of the winner, trained and tested as any other; None where no trial keeps to the limits, and then
    str() says by how much the nearest misses them.
    """

    path: Path
    found: Mapping[str, Any]
    best: pipeline.RunResult | None

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    def trials(self) -> pl.DataFrame:
        """Every trial, a row each: its settings, objective, gap, latency, energy, and how it ended."""
        import polars as pl

        rows = [
            {
                **{key: value for key, value in row.items() if key not in ("settings", "beyond")},
                **row["settings"],
            }
            for row in self.found["trials"]
        ]
        return pl.DataFrame(rows, infer_schema_length=None, strict=False)

    def exit_code(self) -> int:
        """0: found; 1: no trial keeps to the limits, or the winner's audit exceeds a tolerance."""
        return 1 if self.best is None else self.best.exit_code()

    def __str__(self) -> str:
        return "\n".join(self.found["says"])


def tune(
    recipe: str | Recipe,
    data: str | Path | None = None,
    trials: int = 20,
    storage: str | None = None,
    jobs: int = 1,
    settings: Iterable[str] = (),
    out: str | Path | None = None,
    plugins: Plugins | None = None,
    progress: Progress | None = None,
) -> Tuning:
    """Search the settings of the recipe's table [tune], by accuracy and group gap together, then run the best.

    Every trial is fitted on training rows and judged on validation rows; test rows are read by the final run alone.
    trials: how many in all; called again with more, it goes on. storage: a database's address that processes and
    machines share; None: a file in `out`. jobs: how many processes work on it here. settings: `a.b=value` overrides.
    out: the folder; None: runs/RECIPE/tune-ID. Killed at any point, the same call goes on. Raises BadInput.
    """
    if trials < 1 or jobs < 1:
        raise BadInput(f"{trials} trials by {jobs} processes are no search; ask for one at least (--trials, --jobs)")
    every, settings = plugins or discovering.load(), tuple(settings)
    recipe = (every.recipe(recipe) if isinstance(recipe, str) else recipe).with_settings(settings)
    if not recipe.tune.space:
        raise BadInput(
            f"the recipe {recipe.full_name} has no table [tune], so there is nothing to search; write what is to be"
            f" tried into it, such as {EXAMPLE}"
        )
    source = data if data is not None else recipe.data
    identity = _identity(recipe, source, every)
    path = Path(out) if out is not None else Path("runs") / recipe.full_name / f"tune-{identity[:12]}"
    asked = Asked(trials, jobs, storage, data, settings, plugins is not None)
    with Run(path, recipe, identity, progress, walk="tune", stages=writes(TUNE)) as run:
        _begin(run, recipe, source, asked, every)
        walk(TUNE, run, State(run, recipe, source, asked, every), every)
        found = run.read_json("trials.json")
        result = run.read_json("best.json")
        best = pipeline.result_of(path / BEST) if result["run"] else None
        return Tuning(path, {**found, "says": result["says"]}, best)


def _identity(recipe: Recipe, source: str | Path | None, plugins: Plugins) -> str:
    """sha256 over what decides the trials: what decides a run, and that it is a search."""
    return hashlib.sha256(f"tune {provenance.identity(recipe, source, plugins.names())}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Asked:
    """How a search was asked for, beside its recipe and data."""

    trials: int
    jobs: int
    storage: str | None
    data: str | Path | None
    settings: tuple[str, ...]
    own_plugins: bool  # handed over as objects, which no other process has


@dataclass(frozen=True, slots=True)
class State:
    """What the stages share."""

    run: Run
    recipe: Recipe
    source: str | Path | None
    asked: Asked
    plugins: Plugins

    @property
    def url(self) -> str:
        """The storage's address, password and all."""
        return self.asked.storage or f"sqlite:///{(self.run.path / STORAGE).absolute()}"

    @property
    def name(self) -> str:
        """The study's name in the storage."""
        return f"{self.recipe.full_name} {self.run.identity[:12]}"


def _begin(run: Run, recipe: Recipe, source: str | Path | None, asked: Asked, plugins: Plugins) -> None:
    """Record what is searched, before anything is tried; more trials than before make the stages due again."""
    options = ["--data", str(asked.data)] if asked.data is not None else []
    options += ["--trials", str(asked.trials)]
    options += ["--storage", shown(asked.storage)] if asked.storage else []
    options += [part for setting in asked.settings for part in ("--set", setting)]
    kept = run.manifest["stages"] if run.manifest.get("trials") == asked.trials else {}
    run.record(
        command=shlex.join(["evenhand", "tune", recipe.full_name, *options]),
        recipe=recipe.full_name,
        seed=recipe.seed,
        plugins=dict(plugins.names()),
        versions=provenance.versions(),
        inputs={"source": None if source is None else str(source)},
        trials=asked.trials,
        stages=kept,
    )
    run.write("recipe.toml", recipe.to_toml())


def search(state: State) -> Outcome:
    """Every trial, by this process and its company; trials.json tells how each went."""
    run, recipe, asked = state.run, state.recipe, state.asked
    bench = Bench(recipe, state.source, state.plugins)
    rows = bench.splits(bench.of(()))  # what is wrong with the data is said before anything is searched
    run.say(f"    {len(rows.train)} rows to fit on, {len(rows.validation)} to choose by, {len(rows.test)} to judge by")
    found = Search(state.url, state.name, recipe)
    if asked.jobs > 1 and asked.own_plugins:
        raise BadInput("plugins that are handed over as objects are in this process alone; search with jobs=1")
    task = {
        "recipe": recipe.to_toml(),
        "source": None if state.source is None else str(state.source),
        "path": isinstance(state.source, Path),
        "url": state.url,
        "name": state.name,
        "trials": asked.trials,
    }
    with company(asked.jobs, task, run.console):
        work(found, bench, asked.trials, run.console)
    limits = recipe.tune.constraints.given()
    slots = found.slots()
    table = choosing.rows_of(slots, limits)
    complete = [trial for trial in slots.values() if trial.state.name == "COMPLETE"]
    if not complete:
        raise BadInput(f"none of {len(table)} trials could be fitted; the first: {table[0]['why']}")
    about = {
        "objective": bench.objective,
        "limits": limits,
        "tried": len(table),
        "lost": found.lost(),
        "importances": found.importances(complete),
        "rows": {"fit": len(rows.train), "choose": len(rows.validation), "judge": len(rows.test)},
        "trials": table,
    }
    run.write("trials.json", json.dumps(about, indent=1) + "\n")
    return Outcome(facts={"tried": len(table)})


def run_best(state: State) -> Outcome:
    """The winner as an ordinary run; best.json tells what its test rows say, or why there is no winner."""
    run, found = state.run, state.run.read_json("trials.json")
    best = choosing.best_of(found["trials"])
    if best is None:
        says = telling.no_winner(found)
        run.write("best.json", json.dumps({"run": None, "says": says}, indent=1) + "\n")
        return Outcome()
    settings = written(best["settings"])
    run.say(f"  the best of {found['tried']}: {', '.join(settings)}")
    result = pipeline.run(
        state.recipe,
        state.source,
        settings,
        run.path / BEST,
        state.plugins,
        run.console,
        told=telling.of_selection(best, found),
    )
    tested = tested_of(result, state.recipe, found["objective"], best)
    about = {"run": BEST, "trial": best["trial"], "settings": settings, "test": tested}
    says = telling.winner(best, tested, found, settings)
    run.write("best.json", json.dumps({**about, "says": says}, indent=1) + "\n")
    return Outcome()


def tested_of(result: pipeline.RunResult, recipe: Recipe, objective: str, best: Mapping[str, Any]) -> dict[str, Any]:
    """What the test rows say of the winner: objective and the same gap, each with its interval."""
    metric = scored(result.evaluation, objective)
    rule = recipe.tune.constraints.gap.model_copy(update={"metric": best["gap_metric"], "attribute": best["attribute"]})
    try:
        gap: dict[str, Any] = asdict(gap_of(result.audit.data, rule))
    except BadInput:  # nobody to compare among the test rows
        gap = {"value": None, "lower": None, "upper": None}
    ends = ("value", "lower", "upper")
    return {"objective": {key: asdict(metric)[key] for key in (*ends, "n")}, "gap": gap}


def render(state: State) -> Outcome:
    """The report of the search, from its artefacts alone."""
    from evenhand.reporting import render_tuning

    run = state.run
    page = render_tuning(
        title=state.recipe.title,
        found=run.read_json("trials.json"),
        best=run.read_json("best.json"),
        manifest=run.manifest,
    )
    run.write("report.html", page)
    return Outcome()


TUNE: Walk[State] = (
    Stage("search", ("trials.json", "recipe.toml"), search),
    Stage("best", ("best.json",), run_best),
    Stage("report", ("report.html",), render),
)
