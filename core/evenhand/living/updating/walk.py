"""`evenhand update`: a walk from a finished run and newer rows to a challenger, judged on both periods, in its folder.

The stages have the names of a run's, so that `predict`, `load`, `compare`, `verify` and `report` read the folder.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenhand import __version__
from evenhand.adapting.store import load_model, save_model
from evenhand.console import Progress
from evenhand.errors import BadInput
from evenhand.extending import discovering
from evenhand.extending.discovering import Plugins
from evenhand.files import digest, own
from evenhand.living import promoting
from evenhand.living.updating import measuring, strategies, telling
from evenhand.living.updating.measuring import CHAMPION, MERIT, PERIODS
from evenhand.living.updating.periods import Periods, earlier_of, read_periods, timely
from evenhand.predicting.predictions import audit_of, check_question, predictions_of, predictions_table
from evenhand.recipe import Recipe
from evenhand.recorded import provenance
from evenhand.recorded.finished import FinishedRun, open_run
from evenhand.recorded.history import promoted
from evenhand.recorded.run_folder import Run
from evenhand.recorded.words import SECTIONS
from evenhand.running.walking import Outcome, Stage, Walk, walk, writes
from evenhand.schema import Schema
from evenhand.scoring.scorer import Scorer, load
from evenhand.values import Adapted, Predictions, Splits

PROMOTE, REFUSE = "may be promoted", "refused"


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
    validation rows. buffer: old rows that `replay` keeps; None: as many as there are new ones. promote: let the chosen
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
    path = Path(out) if out is not None else root.resolve().with_name(f"{root.resolve().name}-updated-{identity[:8]}")
    path = (
        path
        if out is not None or root.is_absolute()
        else root.with_name(path.name)
        if root.name not in ("", "..")
        else path
    )
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
    if found.path.resolve() == root.resolve() or found.manifest["inputs"].get("file") != _content(data):
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


@dataclass(frozen=True, slots=True)
class Asked:
    """How an update was asked for, beside its run and data."""

    strategy: str
    buffer: int | None
    margin: float
    source: str | Path | None


def _content(data: str | Path) -> str:
    path = Path(data)
    return digest(path) if path.exists() else str(data)


def _identity(found: FinishedRun, data: str | Path, asked: Asked, plugins: Plugins) -> str:
    """sha256 over everything that decides the challenger and what is said of it."""
    parts = [__version__, found.manifest["identity"], digest(own(found.path, "model")), _content(data)]
    parts += [asked.strategy, asked.buffer, asked.margin, sorted(plugins.names())]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Corridor:
    """What the stages share: what one computed is kept for the next, what was skipped is read back."""

    def __init__(
        self,
        run: Run,
        scorer: Scorer,
        found: FinishedRun,
        root: Path,
        data: str | Path,
        asked: Asked,
        names: tuple[str, ...],
    ) -> None:
        self.run, self.scorer, self.found, self.root = run, scorer, found, root
        self.data, self.asked, self.names = data, asked, names

    @property
    def recipe(self) -> Recipe:
        """The run's recipe, as it divides newer rows."""
        return timely(self.scorer.recipe)

    @cached_property
    def periods(self) -> Periods:
        """Old and new rows."""
        return read_periods(self.scorer.recipe, self.found, self.data, self.asked.source, self.scorer.plugins)

    @cached_property
    def ground(self) -> strategies.Ground:
        """What strategies are fitted from."""
        size = self.asked.buffer or len(self.periods.new.train)
        size = min(size, len(self.periods.old.train))
        fixed = self.run, self.scorer.recipe, self.scorer.plugins, self.scorer.adapted
        return strategies.Ground(*fixed, self.periods, size)

    def model(self, name: str) -> Adapted:
        """The champion, or what a strategy made, as it is stored."""
        if name == CHAMPION:
            return replace(self.scorer.adapted, model=self.ground.model)
        recipe, plugins = self.scorer.recipe, self.scorer.plugins
        backbone = plugins.backbone(recipe.backbone) if recipe.backbone else None
        return load_model(own(self.run.path, _candidate(name)), recipe, backbone, plugins.package(recipe))

    def splits(self, period: str) -> Splits:
        """The rows of a period."""
        found: Splits = getattr(self.periods, period)
        return found

    @property
    def predictions(self) -> Predictions:
        """What the predict stage left on disk."""
        record = self.run.manifest["stages"]["predict"]
        schema = Schema.model_validate(record["schema"])
        return predictions_of(self.recipe, schema, record["facts"], own(self.run.path, "predictions.parquet"))


def _candidate(name: str) -> str:
    return f"candidate-{name}"


def load_data(corridor: Corridor) -> Outcome:
    """Old and new rows, checked; where everything comes from."""
    run, found, periods = corridor.run, corridor.found, corridor.periods
    check_question(corridor.recipe, periods.new)
    run.write("recipe.toml", corridor.recipe.to_toml())
    asked = corridor.asked
    options = ["--strategy", asked.strategy] if asked.strategy != "all" else []
    options += ["--buffer", str(asked.buffer)] if asked.buffer is not None else []
    options += ["--margin", f"{asked.margin:g}"] if asked.margin else []
    head = provenance.head(corridor.recipe, str(corridor.data), periods.new, corridor.scorer.plugins.names())
    head["command"] = shlex.join(["evenhand", "update", str(corridor.root), "--data", str(corridor.data), *options])
    head["inputs"] |= {
        "file": _content(corridor.data),
        "of": str(corridor.root),
        "run": found.manifest["identity"],
        "champion": str(found.path),
        "champion_sha256": digest(own(found.path, "model")),
        "earlier": list(earlier_of(found)),
        "by": "time" if corridor.recipe is not corridor.scorer.recipe else None,
    }
    run.record(**head)
    about = provenance.data(periods.new)
    old = {part: len(getattr(periods.old, part)) for part in ("train", "validation", "test")}
    note = f"old rows: {old['train']:,} to train on, {old['validation']:,} to choose by, {old['test']:,} to test on"
    about = {**about, "rows_old": old, "notes": [*about["notes"], note]}
    run.write("data.json", json.dumps(about, indent=1, sort_keys=True, default=str) + "\n")
    for note in about["notes"]:
        run.say(f"    {note}")
    return Outcome()


def fit(name: str) -> Callable[[Corridor], Outcome]:
    """The stage that fits one strategy; its folder holds what it says of validation rows that it has not seen."""

    def does(corridor: Corridor) -> Outcome:
        ground, package = corridor.ground, corridor.scorer.plugins.package(corridor.scorer.recipe)
        adapted, said = strategies.fitted(ground, name)
        unseen = adapted.validation_scores
        unseen = strategies.said_of(ground, adapted.model) if unseen is None else np.asarray(unseen, dtype=np.float64)
        adapted = replace(adapted, baselines={}, operating=_alone(adapted.operating))

        def write(folder: Path) -> None:
            save_model(adapted, folder, package)
            table = {f"class_{number}": unseen[:, number] for number in range(unseen.shape[1])}
            pl.DataFrame(table).write_parquet(folder / "unseen.parquet")

        corridor.run.write_with(_candidate(name), write)
        return Outcome(facts={"says": said, "strategy": adapted.strategy})

    return does


def _alone(point: Any) -> Any:
    return None if point is None else replace(point, baselines={})


def choose(corridor: Corridor) -> Outcome:
    """The strategy with the least log loss on validation rows, each period alike; no test row is read."""
    ground = corridor.ground
    losses = {CHAMPION: strategies.losses_of(ground, strategies.said_of(ground, ground.model))}
    for name in corridor.names:
        said = pl.read_parquet(own(corridor.run.path, _candidate(name)) / "unseen.parquet").to_numpy()
        losses[name] = strategies.losses_of(ground, said)
    chosen = min(losses, key=lambda name: sum(losses[name]))
    about = {"chosen": chosen, "log_loss": {n: dict(zip(PERIODS, pair, strict=True)) for n, pair in losses.items()}}
    corridor.run.write("choice.json", json.dumps(about, indent=1) + "\n")
    corridor.run.say(f"    {chosen}, of {', '.join(losses)}")
    return Outcome()


def finetune(corridor: Corridor) -> Outcome:
    """The chosen model, as it was stored."""
    name = corridor.run.read_json("choice.json")["chosen"]
    source = (
        corridor.found.artefact("finetune", "model") if name == CHAMPION else own(corridor.run.path, _candidate(name))
    )
    left = shutil.ignore_patterns("unseen.parquet")
    corridor.run.write_with("model", lambda folder: shutil.copytree(source, folder, ignore=left))
    before = corridor.found.stage("finetune")
    facts: dict[str, Any] = {key: before[key] for key in ("backbone", "network") if key in before}
    return Outcome(facts={**facts, "strategy": corridor.model(name).strategy})


def measure(corridor: Corridor) -> Outcome:
    """What the test rows of both periods say of every model: an audit of each, beside its predictions."""
    faults: list[str] = []
    every = (CHAMPION, *corridor.names)

    def write(folder: Path) -> None:
        folder.mkdir()
        for number, name in enumerate(every):
            corridor.run.progress(number, len(every), "audits of both periods")
            model = corridor.model(name)
            for period in PERIODS:
                one = corridor.recipe, corridor.splits(period), model, corridor.scorer.plugins, folder
                faults.extend(measuring.audited(*one, f"{period}-{name}")[1])
        corridor.run.progress(len(every), len(every), "audits of both periods")

    corridor.run.write_with("measured", write)
    return Outcome(faults=tuple(dict.fromkeys(faults)))


def judge(corridor: Corridor) -> Outcome:
    """Transfers of every strategy, and whether the chosen one leaves a group worse off than the champion does."""
    run, recipe, folder = corridor.run, corridor.recipe, own(corridor.run.path, "measured")
    every = (CHAMPION, *corridor.names)
    audits = {
        f"{period}-{name}": json.loads((folder / f"{period}-{name}.json").read_text("utf-8"))
        for period in PERIODS
        for name in every
    }
    compared: dict[str, dict[str, Any]] = {period: {} for period in PERIODS}
    for period in PERIODS:
        for name in corridor.names:
            one = recipe, corridor.splits(period), folder, period, name, corridor.scorer.plugins
            compared[period][name] = measuring.paired(*one)[1]
    classes = len(corridor.scorer.adapted.classes)
    transfers = {name: measuring.transfers(recipe, audits, compared, name, classes) for name in corridor.names}
    chosen = run.read_json("choice.json")
    about = _about(corridor, audits, transfers, chosen)
    mine = {period: both[chosen["chosen"]] for period, both in compared.items() if chosen["chosen"] in both}
    about |= _verdict(corridor, mine, chosen["chosen"])
    about["says"] = telling.sentences(about)
    run.write("update.json", json.dumps(about, indent=1, default=str) + "\n")
    sections = [asdict(section) for section in telling.sections(about)]
    run.write(SECTIONS, json.dumps(sections, indent=1) + "\n")
    return Outcome()


def _about(
    corridor: Corridor, audits: Mapping[str, Any], transfers: Mapping[str, Any], choice: Mapping[str, Any]
) -> dict[str, Any]:
    """What is known of every model."""
    recipe, metric = corridor.recipe, MERIT[corridor.recipe.task]
    gap = measuring.gap_asked(recipe, audits[f"old-{CHAMPION}"])
    stages = corridor.run.manifest["stages"]
    models = {
        name: {
            **{period: measuring.value_of(audits[f"{period}-{name}"], metric) for period in PERIODS},
            **{f"gap_{period}": measuring.gap_value(recipe, audits[f"{period}-{name}"], gap) for period in PERIODS},
            "validation": choice["log_loss"][name],
            "seconds": stages[f"fit-{name}"]["seconds"] if name != CHAMPION else None,
            "how": stages[f"fit-{name}"]["says"] if name != CHAMPION else "as it is",
        }
        for name in (CHAMPION, *corridor.names)
    }
    rows = {
        f"{p}_{part}": len(getattr(corridor.splits(p), part))
        for p in PERIODS
        for part in ("train", "validation", "test")
    }
    left = (
        strategies.left_out(corridor.scorer.adapted, corridor.scorer.recipe) if corridor.asked.strategy == "all" else {}
    )
    return {
        "merit": metric,
        "gap": gap,
        "chosen": choice["chosen"],
        "models": models,
        "transfers": dict(transfers),
        "rows": {**rows, "buffer": corridor.ground.buffer},
        "left_out": left,
    }


def _verdict(corridor: Corridor, compared: Mapping[str, Any], chosen: str) -> dict[str, Any]:
    """Whether a group is proven worse on either period."""
    if chosen == CHAMPION:
        return {"verdict": "keep the champion", "worse": [], "worse_says": [], "judged": 0, "unproven": 0}
    margins = promoting.margins_of(corridor.recipe)
    worse = promoting.proven_worse(compared, margins, corridor.asked.margin)
    changes = [c for both in compared.values() for c in both["changes"] if c["better"]]
    return {
        "verdict": REFUSE if worse else PROMOTE,
        "worse": [asdict(one) for one in worse],
        "worse_says": [str(one) for one in worse],
        "margin": {**margins, "others": corridor.asked.margin},
        "judged": len(changes),
        "unproven": sum(c["verdict"] == "not enough evidence" for c in changes),
        "gaps_wider": [g for both in compared.values() for g in both["gaps"] if g["verdict"] == "worse"],
    }


def predict(corridor: Corridor) -> Outcome:
    """The new period's test rows, as the chosen model and the champion say."""
    name = corridor.run.read_json("choice.json")["chosen"]
    model, champion = corridor.model(name), corridor.model(CHAMPION)
    point = model.operating
    if point is not None and champion.operating is not None:
        point = replace(point, baselines={CHAMPION: champion.operating.threshold})
    both = replace(model, baselines={CHAMPION: champion.model}, operating=point)
    table, facts = predictions_table(corridor.recipe, corridor.periods.new, both)
    frame = pl.DataFrame(table, strict=False)
    corridor.run.write_with("predictions.parquet", frame.write_parquet)
    return Outcome(facts={"facts": facts, "schema": corridor.periods.new.schema.model_dump()})


def evaluate(corridor: Corridor) -> Outcome:
    """Performance on the new period, of the chosen model and the champion."""
    arguments = {"recipe": corridor.recipe, "predictions": corridor.predictions}
    metrics, faults = corridor.scorer.plugins.collect(corridor.recipe, "evaluate", **arguments)
    corridor.run.write("evaluation.json", json.dumps([asdict(metric) for metric in metrics], indent=1) + "\n")
    return Outcome(faults=tuple(faults))


def audit_bias(corridor: Corridor) -> Outcome:
    """The audit on the new period, by the run's question."""
    predictions = corridor.predictions
    arguments = {"recipe": corridor.recipe, "predictions": predictions}
    extra, faults = corridor.scorer.plugins.collect(corridor.recipe, "audit_bias", **arguments)
    corridor.run.write("audit.json", audit_of(corridor.recipe, predictions, extra).to_json())
    return Outcome(faults=tuple(faults))


def render(corridor: Corridor) -> Outcome:
    """The report: the update first, then the audit on the new period."""
    from evenhand.running.again import page_of

    corridor.run.write("report.html", page_of(corridor.run, corridor.recipe))
    return Outcome()


def stages_of(names: tuple[str, ...]) -> Walk[Corridor]:
    """The walk with one stage for each strategy."""
    return (
        Stage("load_data", ("data.json", "recipe.toml"), load_data),
        *(Stage(f"fit-{name}", (_candidate(name),), fit(name)) for name in names),
        Stage("choose", ("choice.json",), choose),
        Stage("finetune", ("model",), finetune),
        Stage("measure", ("measured",), measure),
        Stage("judge", ("update.json", SECTIONS), judge),
        Stage("predict", ("predictions.parquet",), predict),
        Stage("evaluate", ("evaluation.json",), evaluate),
        Stage("audit_bias", ("audit.json",), audit_bias),
        Stage("report", ("report.html",), render),
    )
