"""The stages of an update: what each reads and leaves. They have the names of a run's."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenhand.adapting.store import save_model
from evenhand.files import digest, own
from evenhand.living.updating import measuring, strategies
from evenhand.living.updating.corridor import Corridor, candidate, content_of
from evenhand.living.updating.judging import judge
from evenhand.living.updating.measuring import CHAMPION, PERIODS
from evenhand.living.updating.periods import earlier_of
from evenhand.predicting.predictions import audit_of, check_question, predictions_table
from evenhand.recorded import provenance
from evenhand.recorded.words import SECTIONS
from evenhand.running.walking import Outcome, Stage, Walk


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
        "file": content_of(corridor.data),
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

        corridor.run.write_with(candidate(name), write)
        return Outcome(facts={"says": said, "strategy": adapted.strategy})

    return does


def _alone(point: Any) -> Any:
    return None if point is None else replace(point, baselines={})


def choose(corridor: Corridor) -> Outcome:
    """The strategy with the least log loss on validation rows, each period alike; no test row is read."""
    ground = corridor.ground
    losses = {CHAMPION: strategies.losses_of(ground, strategies.said_of(ground, ground.model))}
    for name in corridor.names:
        said = pl.read_parquet(own(corridor.run.path, candidate(name)) / "unseen.parquet").to_numpy()
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
        corridor.found.artefact("finetune", "model") if name == CHAMPION else own(corridor.run.path, candidate(name))
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
        *(Stage(f"fit-{name}", (candidate(name),), fit(name)) for name in names),
        Stage("choose", ("choice.json",), choose),
        Stage("finetune", ("model",), finetune),
        Stage("measure", ("measured",), measure),
        Stage("judge", ("update.json", SECTIONS), judge),
        Stage("predict", ("predictions.parquet",), predict),
        Stage("evaluate", ("evaluation.json",), evaluate),
        Stage("audit_bias", ("audit.json",), audit_bias),
        Stage("report", ("report.html",), render),
    )
