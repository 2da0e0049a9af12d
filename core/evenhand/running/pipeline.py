"""The stages of `evenhand run`: from a recipe to a report, as one tuple.

Each stage writes its artefacts and is recorded when they are whole; a run that was killed goes on after the last
recorded stage and, since every stage is deterministic under the recipe's seed, ends with the same numbers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from evenhand.console import Progress
from evenhand.errors import BadInput, PluginFault
from evenhand.extending import discovering
from evenhand.extending.discovering import Plugins
from evenhand.files import own
from evenhand.predicting.operating import with_operating_point
from evenhand.predicting.predictions import audit_of, check_question, predictions_of, predictions_table
from evenhand.predicting.thresholds import with_thresholds
from evenhand.privacy.secret import forget
from evenhand.recipe import Recipe
from evenhand.recorded import finished, provenance
from evenhand.recorded.audit_files import PLAN
from evenhand.recorded.run_folder import ReadRun, Run
from evenhand.recorded.shown_again import show_again
from evenhand.recorded.words import NOTES, words_in
from evenhand.running import costs
from evenhand.running.indexing import index, reports_in
from evenhand.running.private import check_saved, evidence, sections_of
from evenhand.running.walking import Outcome, Stage, walk, writes
from evenhand.sections import Section
from evenhand.values import Adapted, Backbone, Metric, Predictions, Splits

if TYPE_CHECKING:
    from evenhand.auditing import Audit

T = TypeVar("T")
CARD = "README.md"  # where the hub looks for a model card


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

    def exit_code(self, strict: bool = False, fail_on: Collection[str] = ("exceeded",)) -> int:
        """0 within tolerance, 1 a tolerance is exceeded, 3 not enough evidence (where that fails)."""
        return self.audit.exit_code(strict=strict, fail_on=fail_on)

    def _repr_html_(self) -> str:
        return self.audit._repr_html_()


def run(
    recipe: str | Recipe,
    data: str | Path | None = None,
    settings: Iterable[str] = (),
    out: str | Path | None = None,
    plugins: Plugins | None = None,
    progress: Progress | None = None,
    told: Sequence[str] = (),
) -> RunResult:
    """Adapt a backbone as `recipe` says, audit the result, leave a run directory.

    data: a file, a folder or a hub data set's name; None: the recipe's own sample.
    settings: `a.b=value` overrides. out: the run directory; None: runs/<recipe>/<id> below the working folder.
    told: sentences that the report passes on, such as how the settings were found.
    Called again with the same arguments it resumes, or returns at once when all is done.
    Raises BadInput (the user can mend it) and PluginFault (the plugin's author can).
    """
    plugins = plugins or discovering.load()
    recipe = (plugins.recipe(recipe) if isinstance(recipe, str) else recipe).with_settings(settings)
    source = data if data is not None else recipe.data
    identity = provenance.identity(recipe, source, plugins.names())
    path = Path(out) if out is not None else Path("runs") / recipe.full_name / identity[:12]
    with Run(path, recipe, identity, progress, walk="run", stages=writes(RUN)) as folder:
        walk(RUN, folder, Corridor(folder, recipe, plugins, source, told=told), plugins)
        return result_of(path)


def report(
    path: str | Path, plugins: Plugins | None = None, out: str | Path | None = None, notes: str | None = None
) -> Path:
    """Render the report and the model card of a finished run again, from its artefacts alone.

    path: a run's directory, or an audit's; or a folder that holds several, which gets a page that links their reports.
    out: another folder for what is rendered, and then nothing in the run's is changed. notes: the author's own words,
    in Markdown; they stay in the folder, and in its report until there are others.
    """
    path, other = Path(path), Path(out) if out is not None else None
    if not os.path.lexists(path / finished.MANIFEST):
        if reports_in(path) and notes is None:
            if other is not None:
                raise BadInput(f"{path} holds several reports, whose page links them where they are; leave out --out")
            return index(path)
        if os.path.lexists(path / PLAN):
            return show_again(path, other, notes)
    result_of(path)
    found = finished.open_run(path)
    recipe, identity, plugins = found.recipe(), found.manifest["identity"], plugins or discovering.load()
    if other is not None:
        _check_whole(found)
        return _rendered_elsewhere(path, recipe, identity, plugins, other, notes)
    with Run(path, recipe, identity, walk="run", stages=writes(RUN)) as folder:
        _check_whole(found)
        with costs.measured() as cost:
            outcome = render(Corridor(folder, recipe, plugins, None, notes))
        folder.finish("report", **cost, **outcome.record())
    return path / "report.html"


def _check_whole(found: finished.FinishedRun) -> None:
    """BadInput where what a report is made from is not all there."""
    for stage in RUN[:-1]:
        found.stage(stage.name)
    found.data()


def _rendered_elsewhere(
    path: Path, recipe: Recipe, identity: str, plugins: Plugins, out: Path, notes: str | None
) -> Path:
    if os.path.lexists(out / finished.MANIFEST):
        raise BadInput(f"{out} holds a run, whose own report would be lost; name another folder with --out")
    with ReadRun(path, recipe, identity, walk="run", stages=writes(RUN), out=out) as folder:
        render(Corridor(folder, recipe, plugins, None, notes))
    return out / "report.html"


def audit_again(path: str | Path, plugins: Plugins | None = None) -> Audit:
    """The audit of a run's predictions, made again; nothing is written."""
    found = finished.open_run(path)
    recipe, record = found.recipe(), found.predicted()
    predictions = _predictions(recipe, record, own(found.path, "predictions.parquet"))
    return _audited(recipe, predictions, plugins or discovering.load())[0]


def result_of(path: Path) -> RunResult:
    """The results in a finished run's directory."""
    from evenhand.auditing import Audit

    found = finished.open_run(path)
    return RunResult(path, found.evaluation(), Audit(found.audit()))


class Corridor:
    """What the stages of one open run share: what one computed is kept for the next, what was skipped is read back."""

    def __init__(
        self,
        run: Run,
        recipe: Recipe,
        plugins: Plugins,
        source: str | Path | None,
        words: str | None = None,
        told: Sequence[str] = (),
    ) -> None:
        self.run, self.recipe, self.plugins, self.source, self.words = run, recipe, plugins, source, words
        self.told = tuple(told)

    @cached_property
    def splits(self) -> Splits:
        """The data, read again where the load_data stage was skipped."""
        source = Path(self.source) if self.source and Path(self.source).exists() else self.source
        return self._asked(Splits, "load_data", recipe=self.recipe, source=source)

    @cached_property
    def adapted(self) -> Adapted:
        """The fitted model, read back where the finetune stage was skipped."""
        from evenhand.adapting.store import load_model

        return load_model(own(self.run.path, "model"), self.recipe, self.backbone, self.package)

    @property
    def backbone(self) -> Backbone | None:
        """The pretrained network that the recipe names."""
        return self.plugins.backbone(self.recipe.backbone) if self.recipe.backbone else None

    @property
    def package(self) -> str:
        """The package of the plugin that owns the recipe, where alone a stored model's class is looked for."""
        return self.plugins.package(self.recipe)

    @property
    def predictions(self) -> Predictions:
        """What the predict stage left on disk."""
        record = self.run.manifest["stages"]["predict"]
        return _predictions(self.recipe, record, own(self.run.path, "predictions.parquet"))

    def fit(self) -> Adapted:
        """Have the model fitted, and keep it for what comes after."""
        arguments = {"recipe": self.recipe, "splits": self.splits, "backbone": self.backbone, "run": self.run}
        from evenhand.adapting.scope import with_scope

        adapted = self._asked(Adapted, "finetune", **arguments)
        private = self.recipe.finetune.privacy.epsilon is not None
        if private and adapted.privacy is None:
            raise BadInput(
                f"plugin '{self.plugins.owner(self.recipe)}' fits the model of '{self.recipe.full_name}' itself,"
                " without differential privacy; take a setting that uses the core's strategies, or leave finetune.privacy out"
            )
        adapted = with_thresholds(self.recipe, self.splits, adapted)
        adapted = with_operating_point(self.recipe, self.splits, adapted)
        self.adapted = adapted  # the centres of a scope are means of training rows: none where those are private
        if not private:
            self.adapted = with_scope(self.recipe, self.splits, adapted, self.backbone, self.run)
        return self.adapted

    def _asked(self, kind: type[T], hook: str, **arguments: Any) -> T:
        """The first answer to a hook, which must be of this kind."""
        answer = self.plugins.first(self.recipe, hook, **arguments)
        if not isinstance(answer, kind):
            raise PluginFault(
                f"{hook} of plugin '{self.plugins.owner(self.recipe)}' returned {type(answer).__name__}, "
                f"not {kind.__name__}"
            )
        return answer


def load_data(corridor: Corridor) -> Outcome:
    """Read the source; data.json tells what was found. recipe.toml and the manifest's head come first."""
    run, recipe, splits = corridor.run, corridor.recipe, corridor.splits
    check_question(recipe, splits)
    run.write("recipe.toml", recipe.to_toml())
    run.record(**provenance.head(recipe, corridor.source, splits, corridor.plugins.names()))
    run.write("data.json", json.dumps(provenance.data(splits), indent=1, sort_keys=True, default=str) + "\n")
    for note in splits.notes:
        run.say(f"    {note}")
    return Outcome(corridor.told)


def finetune(corridor: Corridor) -> Outcome:
    """Fit on train, choose on validation, store the model."""
    from evenhand.adapting.store import is_network, save_model

    adapted = corridor.fit()

    def write(folder: Path) -> None:
        save_model(adapted, folder, corridor.package)
        if adapted.privacy is not None:
            check_saved(folder, adapted, corridor.splits, lambda: _stored(corridor, folder))

    corridor.run.write_with("model", write)
    facts: dict[str, Any] = {"strategy": adapted.strategy, "validation": dict(adapted.validation)}
    if adapted.privacy is not None:
        facts["privacy"] = dict(adapted.privacy)
    return Outcome(adapted.notes, facts={**facts, **_of_backbone(corridor.backbone), "network": is_network(adapted)})


def predict(corridor: Corridor) -> Outcome:
    """Score the test rows with the model and every baseline."""
    import polars as pl

    table, facts = predictions_table(corridor.recipe, corridor.splits, corridor.adapted)
    frame = pl.DataFrame(table, strict=False)
    corridor.run.write_with("predictions.parquet", frame.write_parquet)
    found: dict[str, Any] = {"facts": facts, "schema": corridor.splits.schema.model_dump()}
    if corridor.recipe.finetune.privacy.epsilon is not None:
        if corridor.run.walk == "run":
            found["privacy"] = evidence(
                corridor.recipe, corridor.splits, corridor.adapted, corridor.backbone, corridor.run
            )
        forget(corridor.run)
    return Outcome(facts=found)


def _stored(corridor: Corridor, folder: Path) -> Adapted:
    from evenhand.adapting.store import load_model

    return load_model(folder, corridor.recipe, corridor.backbone, corridor.package)


def evaluate(corridor: Corridor) -> Outcome:
    """Performance of the model and the baselines."""
    arguments = {"recipe": corridor.recipe, "predictions": corridor.predictions}
    metrics, faults = corridor.plugins.collect(corridor.recipe, "evaluate", **arguments)
    corridor.run.write("evaluation.json", json.dumps([asdict(metric) for metric in metrics], indent=1) + "\n")
    return Outcome(faults=tuple(faults))


def audit_bias(corridor: Corridor) -> Outcome:
    """The audit of the predictions, with the domain's own metrics."""
    audit, faults = _audited(corridor.recipe, corridor.predictions, corridor.plugins)
    corridor.run.write("audit.json", audit.to_json())
    return Outcome(faults=tuple(faults))


def render(corridor: Corridor) -> Outcome:
    """The HTML report and the model card, from the artefacts alone."""
    from evenhand.reporting import junit_xml, markdown_summary, model_card, render_run

    run = corridor.run
    sections, faults = corridor.plugins.collect(corridor.recipe, "report_sections", run=run)
    earlier = [record for name in run.stages if name != "report" and (record := run.manifest["stages"].get(name))]
    told = [sentence for key in ("notes", "faults") for record in earlier for sentence in record.get(key, ())]
    arguments: dict[str, Any] = {
        "audit": run.read_json("audit.json"),
        "evaluation": run.read_json("evaluation.json"),
        "manifest": run.manifest,
        "sections": [
            asdict(section) for section in [*sections_of(run.manifest), *sections] if isinstance(section, Section)
        ],
        "recipe_rows": corridor.recipe.resolved(),
        "notes": [*run.read_json("data.json")["notes"], *told, *faults],
    }
    if corridor.words is not None:
        run.write(NOTES, corridor.words)
    run.write("report.html", render_run(**arguments, author=corridor.words or words_in(run.path)))
    run.write("junit.xml", junit_xml(arguments["audit"]))
    run.write("summary.md", markdown_summary(arguments["audit"]))
    fitted = run.manifest["stages"]["finetune"]
    about = {"backbone": fitted.get("backbone"), "network": bool(fitted.get("network"))}
    run.write(CARD, model_card(**arguments, **about))
    return Outcome(faults=tuple(faults))


RUN: tuple[Stage[Corridor], ...] = (
    Stage("load_data", ("data.json", "recipe.toml"), load_data),
    Stage("finetune", ("model",), finetune, together=True),
    Stage("predict", ("predictions.parquet",), predict),
    Stage("evaluate", ("evaluation.json",), evaluate),
    Stage("audit_bias", ("audit.json",), audit_bias),
    Stage("report", ("report.html", "junit.xml", "summary.md", CARD), render),
)


def _predictions(recipe: Recipe, record: Mapping[str, Any], file: Path) -> Predictions:
    """The predictions on disk, with what the manifest's record of the predict stage tells of them."""
    from evenhand.schema import Schema

    return predictions_of(recipe, Schema.model_validate(record["schema"]), record["facts"], file)


def _audited(recipe: Recipe, predictions: Predictions, plugins: Plugins) -> tuple[Audit, list[str]]:
    """(the audit of the predictions, the faults of plugins on the way)."""
    extra, faults = plugins.collect(recipe, "audit_bias", recipe=recipe, predictions=predictions)
    return audit_of(recipe, predictions, extra), faults


def _of_backbone(backbone: Backbone | None) -> dict[str, Any]:
    """What the model card tells of the backbone, as it was when the model was fitted."""
    if backbone is None:
        return {}
    card = backbone.card
    told = {"name": backbone.name, "source": backbone.source, "licence": card.licence, "url": card.url}
    return {"backbone": {**told, "pretrained_on": card.pretrained_on, "known_bias": card.known_bias}}
