"""`evenhand export`: a walk from a finished run to a checked, compared and then promoted model, in its own folder.

The stages in the middle have the names of a run's, so that `compare` and `verify` read the folder.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from evenhand import __version__
from evenhand.console import Progress
from evenhand.deploying.exporting import agreeing, judging
from evenhand.deploying.exporting.asked import (
    CONVERTED,
    QUANTISED,
    Asked,
    State,
    engine_of,
    frame_of,
    in_full_precision,
)
from evenhand.deploying.exporting.folder import copied, describe, requantised, write_own, write_parts
from evenhand.deploying.exporting.mlflow_folder import write_mlmodel
from evenhand.deploying.loading import EXPORTED, load_exported
from evenhand.errors import BadInput
from evenhand.extending import discovering
from evenhand.extending.discovering import Plugins
from evenhand.files import digest, own, remove
from evenhand.predicting.predictions import audit_of, predictions_of
from evenhand.recorded import provenance
from evenhand.recorded.finished import FinishedRun, open_run
from evenhand.recorded.run_folder import Run
from evenhand.running.walking import Outcome, Stage, Walk, walk, writes
from evenhand.schema import Schema
from evenhand.scoring.scorer import load
from evenhand.values import Predictions


@dataclass(frozen=True, slots=True)
class Export:
    """A finished export: its folder, and what was found. str() says it in sentences."""

    path: Path
    found: Mapping[str, Any]

    @property
    def promoted(self) -> bool:
        """Whether the model may go: it agrees with the original, and no group is proven worse."""
        return bool(self.found["promoted"])

    @property
    def model(self) -> Path:
        """The folder of the exported model, for `evenhand.load_exported` or MLflow; there where it was promoted."""
        return self.path / EXPORTED

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    def exit_code(self) -> int:
        """0: promoted; 1: refused."""
        return 0 if self.promoted else 1

    def __str__(self) -> str:
        return "\n".join(self.found["says"])


def export(
    run: str | Path,
    format: str = "onnx",  # the option's own name
    int8: bool = False,
    *,
    margin: float = 0.0,
    source: str | Path | None = None,
    with_rows: bool = False,
    out: str | Path | None = None,
    plugins: Plugins | None = None,
    progress: Progress | None = None,
) -> Export:
    """Export the model of a finished run, check it on the run's test rows, and promote it where no group is worse.

    format: onnx, torch-export or mlflow. int8: in 8 bits, by onnxruntime. margin: how much worse a group or a gap may
    be proven, where the policy names no margin of the metric; of shares absolute, of other metrics relative. source:
    the run's data where it has moved. with_rows: a model that holds rows it was trained on may go along. out: the
    folder; None: RUN-exported-FORMAT-ID beside the run. Killed at any point, the same call goes on. Raises BadInput.
    """
    asked = Asked(format, int8, margin, with_rows)
    asked.check()
    every = plugins or discovering.load()
    found, scorer = open_run(run), load(run, every)
    if "sha256" not in found.manifest.get("inputs", {}):
        raise BadInput(
            f"{run} was left by `{found.manifest['walk']['name'][:40]}` and has no test rows of its own to check an"
            " export on; export a folder of `evenhand run`"
        )
    if scorer.recipe.task == "generate":
        raise BadInput(
            f"{run} writes texts, one word after another, which is no network of one pass and is not exported; load the"
            " run itself with evenhand.load"
        )
    if scorer.adapted.deciding is not None and scorer.adapted.deciding.needs:
        raise BadInput(
            f"{run} decides by group (mitigation.method = '{scorer.recipe.mitigation.method}'), and an export is"
            " checked on inputs alone; load the run itself with evenhand.load"
        )
    engine = engine_of(scorer, asked)  # what cannot be converted is said before a folder is made
    identity = _identity(found, asked)
    name = f"{found.path.name}-exported-{format}{'-int8' if int8 else ''}-{identity[:8]}"
    path = Path(out) if out is not None else found.path.parent / name
    stages = EXPORT_INT8 if int8 else EXPORT
    with Run(path, scorer.recipe, identity, progress, walk="export", stages=writes(stages)) as folder:
        _begin(folder, found, asked)
        walk(stages, folder, State(folder, scorer, found, source, asked, engine), None)
        return Export(path, folder.read_json("export.json"))


def _identity(found: FinishedRun, asked: Asked) -> str:
    parts = [__version__, found.manifest["identity"], found.stage("finetune")["artefacts"]["model"], asdict(asked)]
    return hashlib.sha256(json.dumps(["export", *parts]).encode()).hexdigest()


def _begin(run: Run, found: FinishedRun, asked: Asked) -> None:
    """Record what is exported; a promoted model that is gone, or is not as it was, is promoted again."""
    kept = dict(run.manifest["stages"])
    promoted = kept.get("promote", {}).get("exported")
    if promoted and not ((place := own(run.path, EXPORTED)).exists() and digest(place) == promoted):
        kept.pop("promote", None)
    options = ["--format", asked.form, *(["--int8"] if asked.int8 else [])]
    options += [] if not asked.margin else ["--margin", f"{asked.margin:g}"]
    options += ["--with-rows"] if asked.with_rows else []
    before = found.manifest
    run.record(
        **{name: before[name] for name in ("recipe", "seed", "plugins", "platform") if name in before},
        command=shlex.join(["evenhand", "export", str(found.path), *options]),
        versions=provenance.versions(),
        inputs={**before["inputs"], "run": before["identity"]},
        stages=kept,
    )


def load_data(state: State) -> Outcome:
    """The recipe and the types that training saw; the run's test rows are read, and must be those of the run."""
    run, splits = state.run, state.splits
    run.write("recipe.toml", state.scorer.recipe.to_toml())
    notes = [f"{len(splits.test):,} test rows of the run to check on"]
    about = {"source": Path(str(splits.source)).name, "types": dict(state.scorer.types), "notes": notes}
    run.write("data.json", json.dumps(about, indent=1, sort_keys=True) + "\n")
    return Outcome()


def convert(state: State) -> Outcome:
    """The model's files, with everything that turns a row into a decision."""
    state.run.write_with(CONVERTED, lambda folder: _converted(state, folder))
    return Outcome()


def _converted(state: State, folder: Path) -> None:
    folder.mkdir()
    own_files = state.engine == "evenhand"
    about: Mapping[str, Any] = {}
    if not own_files:
        try:
            told = write_parts(state.parts, state.engine, folder)
            about = describe(state.scorer, state.parts, state.engine, told, folder)
        except BadInput:
            if state.asked.form != "mlflow" or state.asked.int8:
                raise
            own_files = True  # an operator that ONNX does not have
            remove(folder)
            folder.mkdir()
    if own_files:
        about = write_own(state.scorer, state.found, state.asked.with_rows, folder)
    _wrapped(state, about, folder)


def _wrapped(state: State, about: Mapping[str, Any], folder: Path) -> None:
    if state.asked.form == "mlflow":
        write_mlmodel(state.scorer, dict(about), state.run.identity, folder)


def quantise(state: State) -> Outcome:
    """The same in 8 bits."""
    columns = list(state.scorer.recipe.schema.input)
    rows = frame_of(state.splits.validation if len(state.splits.validation) else state.splits.train, columns)

    def write(folder: Path) -> None:
        about = requantised(own(state.run.path, CONVERTED), folder, rows)
        _wrapped(state, about, folder)

    state.run.write_with(QUANTISED, write)
    return Outcome()


def check(state: State) -> Outcome:
    """What the converted model says of the test rows beside what the original does, both in full precision."""
    scorer, facts = state.scorer, state.found.predicted()["facts"]
    rows = state.splits.test.select_columns(list(scorer.recipe.schema.input))
    with in_full_precision(scorer.adapted) as number_format:
        original = agreeing.said_by_original(scorer, rows, facts)
    frame = frame_of(rows, list(scorer.recipe.schema.input))
    loaded = load_exported(state.run.path / CONVERTED, plugins=scorer.plugins)
    with in_full_precision(loaded.adapted):
        exported = agreeing.said_by_export(loaded, frame, facts)
    recorded = _recorded(state)
    told = agreeing.agreement(scorer, facts, original, exported, recorded.to_dict(as_series=False), number_format)
    state.run.write("agreement.json", json.dumps(told, indent=1) + "\n")
    for sentence in agreeing.sentences(told):
        state.run.say(f"    {sentence}")
    return Outcome()


def _recorded(state: State) -> pl.DataFrame:
    return pl.read_parquet(state.found.artefact("predict", "predictions.parquet"))


def predict(state: State) -> Outcome:
    """The run's predictions with the decisions and scores of the model that would be promoted."""
    record = state.found.predicted()
    columns = list(state.scorer.recipe.schema.input)
    loaded = load_exported(state.run.path / state.asked.last, plugins=state.scorer.plugins)
    said = agreeing.said_by_export(loaded, frame_of(state.splits.test, columns), record["facts"])
    table = _recorded(state)
    table = table.with_columns(
        pl.Series(name, values, dtype=table.schema[name], strict=False) for name, values in said.columns.items()
    )
    state.run.write_with("predictions.parquet", table.write_parquet)
    return Outcome(facts={"facts": record["facts"], "schema": record["schema"]})


def _predictions(state: State) -> Predictions:
    record = state.run.manifest["stages"]["predict"]
    file = own(state.run.path, "predictions.parquet")
    return predictions_of(state.scorer.recipe, Schema.model_validate(record["schema"]), record["facts"], file)


def evaluate(state: State) -> Outcome:
    """Performance of the exported model, beside the run's baselines."""
    recipe = state.scorer.recipe
    arguments = {"recipe": recipe, "predictions": _predictions(state)}
    metrics, faults = state.scorer.plugins.collect(recipe, "evaluate", **arguments)
    state.run.write("evaluation.json", json.dumps([asdict(metric) for metric in metrics], indent=1) + "\n")
    return Outcome(faults=tuple(faults))


def audit_bias(state: State) -> Outcome:
    """The audit of the exported model, by the run's question."""
    recipe, predictions = state.scorer.recipe, _predictions(state)
    arguments = {"recipe": recipe, "predictions": predictions}
    extra, faults = state.scorer.plugins.collect(recipe, "audit_bias", **arguments)
    state.run.write("audit.json", audit_of(recipe, predictions, extra).to_json())
    return Outcome(faults=tuple(faults))


def compare(state: State) -> Outcome:
    """What changed for whom, paired by row."""
    same = _recorded(state).equals(pl.read_parquet(own(state.run.path, "predictions.parquet")))
    margins = judging.Margins(state.asked.margin, judging.margins_of(state.scorer.recipe))
    told = judging.judged(state.found.path, state.run.path, margins, state.scorer.plugins, same)
    state.run.write("compare.json", json.dumps(told, indent=1) + "\n")
    return Outcome()


def promote(state: State) -> Outcome:
    """The model under its final name, where it agrees and no group is proven worse; export.json says it all."""
    from evenhand.deploying.exporting.telling import told_of

    run, asked = state.run, state.asked
    told = told_of(state)
    if told["promoted"]:
        run.write_with(EXPORTED, lambda folder: copied(own(run.path, asked.last), folder))
    run.write("export.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return Outcome(facts={"exported": digest(run.path / EXPORTED) if told["promoted"] else None})


def render(state: State) -> Outcome:
    """The page, from the artefacts alone."""
    from evenhand.reporting import render_export

    run = state.run
    page = render_export(
        title=state.scorer.recipe.title,
        found=run.read_json("export.json"),
        compared=run.read_json("compare.json"),
        manifest=run.manifest,
    )
    run.write("report.html", page)
    return Outcome()


_FIRST: Walk[State] = (
    Stage("load_data", ("data.json", "recipe.toml"), load_data),
    Stage("convert", (CONVERTED,), convert),
    Stage("check", ("agreement.json",), check),
)
_LAST: Walk[State] = (
    Stage("predict", ("predictions.parquet",), predict),
    Stage("evaluate", ("evaluation.json",), evaluate),
    Stage("audit_bias", ("audit.json",), audit_bias),
    Stage("compare", ("compare.json",), compare),
    Stage("promote", ("export.json",), promote),
    Stage("report", ("report.html",), render),
)
EXPORT: Walk[State] = _FIRST + _LAST
EXPORT_INT8: Walk[State] = (*_FIRST, Stage("quantise", (QUANTISED,), quantise), *_LAST)
