"""The corridor: recipe → load_data → finetune → predict → evaluate → audit_bias → report, stage by stage.

Each stage writes one artefact and is recorded when that is whole; a run that was killed goes on after the
last recorded stage and, since every stage is deterministic under the recipe's seed, ends with the same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.console import Progress
from evenhand.errors import PluginFault
from evenhand.extending import discovering
from evenhand.extending.discovering import Plugins
from evenhand.predicting.predictions import audit_of, predictions_of, predictions_table
from evenhand.recipe import Recipe
from evenhand.recorded import finished, provenance
from evenhand.recorded.run_folder import Run
from evenhand.running import costs
from evenhand.values import Adapted, Metric, Section, Splits

if TYPE_CHECKING:
    from evenhand.auditing import Audit


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: its folder, its performance metrics, its audit."""

    path: Path
    evaluation: tuple[Metric, ...]
    audit: Audit

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    def exit_code(self, strict: bool = False) -> int:
        """0 within tolerance, 1 a tolerance is exceeded, 3 not enough evidence (only when strict)."""
        return self.audit.exit_code(strict=strict)

    def _repr_html_(self) -> str:
        return self.audit._repr_html_()


def run(
    recipe: str | Recipe,
    data: str | Path | None = None,
    settings: Iterable[str] = (),
    out: str | Path | None = None,
    plugins: Plugins | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Adapt a backbone as `recipe` says, audit the result, leave a run directory.

    data: a file, a folder or a hub data set's name; None: the recipe's own sample.
    settings: `a.b=value` overrides. out: the run directory; None: runs/<recipe>/<id> below the working folder.
    Called again with the same arguments it resumes, or returns at once when all is done.
    Raises BadInput (the user can mend it) and PluginFault (the plugin's author can).
    """
    progress = progress or Progress(quiet=True)
    plugins = plugins or discovering.load()
    recipe = (plugins.recipe(recipe) if isinstance(recipe, str) else recipe).with_settings(settings)
    source = data if data is not None else recipe.data
    identity = provenance.identity(recipe, source, plugins.names())
    path = Path(out) if out is not None else Path("runs") / recipe.full_name / identity[:12]
    with Run(path, recipe, identity, progress) as folder:
        corridor = Corridor(folder, plugins, source, progress)
        corridor.walk()
        if folder.rank:
            raise SystemExit(0)  # a helper process of torchrun: its part ends with finetune
        return _result(path)


def _result(path: Path) -> RunResult:
    """The results in a finished run's directory."""
    from evenhand.auditing import Audit

    found = finished.open_run(path)
    return RunResult(path, found.evaluation(), Audit(found.audit()))


def report(path: str | Path, plugins: Plugins | None = None) -> Path:
    """Render the report and the model card of a finished run again, from its artefacts alone."""
    with _opened(Path(path)) as folder:
        Corridor(folder, plugins or discovering.load(), None, Progress(quiet=True)).report()
    return Path(path) / "report.html"


def audit_again(path: str | Path, plugins: Plugins | None = None) -> Audit:
    """The audit of a run's predictions, made again; nothing is written."""
    with _opened(Path(path)) as folder:
        return Corridor(folder, plugins or discovering.load(), None, Progress(quiet=True)).audited()[0]


def _opened(path: Path) -> Run:
    """A finished run's folder, to be entered."""
    _result(path)
    found = finished.open_run(path)
    return Run(path, found.recipe(), found.manifest["identity"])


class Corridor:
    """The stages of one open run. What a stage computed is kept for the next; what was skipped is read back."""

    def __init__(self, run: Run, plugins: Plugins, source: str | Path | None, progress: Progress) -> None:
        self.run, self.plugins, self.source, self.progress = run, plugins, source, progress
        self.recipe = run.recipe
        self._splits: Splits | None = None
        self._adapted: Adapted | None = None

    def walk(self) -> None:
        """Every stage that is not done, in order."""
        if self.run.world_size > 1:
            self._walk_together()
            return
        for stage in (self.load_data, self.finetune, self.predict, self.evaluate, self.audit_bias, self.report):
            self._stage(stage)

    def _walk_together(self) -> None:
        """Under torchrun: rank 0 says whether there is anything to train, all train, rank 0 does the rest."""
        from evenhand.adapting.distributed import agree

        if agree(not self.run.is_done("finetune") if self.run.rank == 0 else None):
            self._stage(self.load_data)
            self._stage(self.finetune)
        if self.run.rank == 0:
            for stage in (self.load_data, self.finetune, self.predict, self.evaluate, self.audit_bias, self.report):
                self._stage(stage)

    def _stage(self, stage: Callable[[], tuple[tuple[str, ...], dict[str, Any]]]) -> None:
        name = stage.__name__
        if self.run.rank:
            stage()
            return
        if self.run.is_done(name):
            self.progress.say(f"  {name}: done before")
            return
        self._tell("stage_started", stage=name)
        self.progress.say(f"  {name}")
        self.run.log("stage_started", stage=name)
        with costs.measured() as cost:
            artefacts, facts = stage()
        self.run.finish(name, artefacts, **cost, **facts)
        self.run.log("stage_finished", stage=name, **cost)
        self._tell("stage_finished", stage=name, seconds=cost["seconds"])

    def _tell(self, hook: str, **arguments: Any) -> None:
        for fault in self.plugins.tell(self.recipe, hook, run=self.run, **arguments):
            self.progress.say(f"  note: {fault}; it is left out from here on")
            self.run.log("plugin_quarantined", reason=fault)

    def splits(self) -> Splits:
        """The data, read again where the load_data stage was skipped."""
        if self._splits is None:
            source = Path(self.source) if self.source and Path(self.source).exists() else self.source
            self._splits = self.plugins.first(self.recipe, "load_data", recipe=self.recipe, source=source)
            if not isinstance(self._splits, Splits):
                raise PluginFault(
                    f"load_data of plugin '{self.plugins.owner(self.recipe)}' returned {type(self._splits).__name__}, not Splits"
                )
        return self._splits

    def load_data(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Read the source; data.json tells what was found. recipe.toml and the manifest's head come first."""
        splits = self.splits()
        if self.run.rank == 0:
            self.run.write("recipe.toml", self.recipe.to_toml())
            self.run.record(**provenance.head(self.recipe, self.source, splits, self.plugins.names()))
            self.run.write(
                "data.json", json.dumps(provenance.data(splits), indent=1, sort_keys=True, default=str) + "\n"
            )
            for note in splits.notes:
                self.progress.say(f"    {note}")
        return ("data.json", "recipe.toml"), {}

    def adapted(self) -> Adapted:
        """The fitted model, read back where the finetune stage was skipped."""
        if self._adapted is None:
            from evenhand.adapting.store import load_model

            self._adapted = load_model(self.run.path / "model", self.recipe, self._backbone())
        return self._adapted

    def _backbone(self) -> Any:
        return self.plugins.backbone(self.recipe.backbone) if self.recipe.backbone else None

    def finetune(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Fit on train, choose on validation, store the model."""
        from evenhand.adapting.store import save_model

        arguments = {"recipe": self.recipe, "splits": self.splits(), "backbone": self._backbone(), "run": self.run}
        adapted = self.plugins.first(self.recipe, "finetune", **arguments)
        if not isinstance(adapted, Adapted):
            raise PluginFault(
                f"finetune of plugin '{self.plugins.owner(self.recipe)}' returned {type(adapted).__name__}, not Adapted"
            )
        self.run.write_with("model", lambda folder: save_model(adapted, folder))
        self._adapted = adapted
        facts = {"strategy": adapted.strategy, "validation": dict(adapted.validation), "notes": list(adapted.notes)}
        return ("model",), facts

    def predict(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Score the test rows with the model and every baseline."""
        import polars as pl

        table, facts = predictions_table(self.recipe, self.splits(), self.adapted())
        frame = pl.DataFrame(table, strict=False)
        self.run.write_with("predictions.parquet", frame.write_parquet)
        return ("predictions.parquet",), {"facts": facts, "schema": self.splits().schema.model_dump()}

    def _predictions(self) -> Any:
        from evenhand.schema import Schema

        record = self.run.manifest["stages"]["predict"]
        schema = Schema.model_validate(record["schema"])
        return predictions_of(self.recipe, schema, record["facts"], self.run.path / "predictions.parquet")

    def evaluate(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Performance of the model and the baselines."""
        arguments = {"recipe": self.recipe, "predictions": self._predictions()}
        metrics, faults = self.plugins.collect(self.recipe, "evaluate", **arguments)
        self.run.write("evaluation.json", json.dumps([asdict(metric) for metric in metrics], indent=1) + "\n")
        return ("evaluation.json",), {"faults": faults}

    def audit_bias(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        """The audit of the predictions, with the domain's own metrics."""
        audit, faults = self.audited()
        self.run.write("audit.json", audit.to_json())
        return ("audit.json",), {"faults": faults}

    def audited(self) -> tuple[Audit, list[str]]:
        """(the audit of the predictions on disk, the faults of plugins on the way)."""
        predictions = self._predictions()
        extra, faults = self.plugins.collect(self.recipe, "audit_bias", recipe=self.recipe, predictions=predictions)
        return audit_of(self.recipe, predictions, extra), faults

    def report(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        """The HTML report and the model card, from the artefacts alone."""
        from evenhand.reporting import model_card, render_run

        sections, faults = self.plugins.collect(self.recipe, "report_sections", run=self.run)
        stages = self.run.manifest["stages"]
        notes = [
            note for name in ("finetune", "evaluate", "audit_bias") for note in stages.get(name, {}).get("faults", [])
        ]
        arguments: dict[str, Any] = {
            "audit": self.run.read_json("audit.json"),
            "evaluation": self.run.read_json("evaluation.json"),
            "manifest": self.run.manifest,
            "sections": [_plain(section) for section in sections if isinstance(section, Section)],
            "recipe_rows": self.recipe.resolved(),
            "notes": [*self.run.read_json("data.json")["notes"], *stages["finetune"].get("notes", []), *notes, *faults],
        }
        self.run.write("report.html", render_run(**arguments))
        self.run.write("model-card.md", model_card(**arguments))
        return ("report.html", "model-card.md"), {}


def _plain(section: Section) -> dict[str, Any]:
    return {field.name: getattr(section, field.name) for field in fields(section)}
