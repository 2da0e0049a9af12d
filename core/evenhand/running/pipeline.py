"""The stages of `evenhand run`: from a recipe to a report, as one tuple.

Each stage writes its artefacts and is recorded when they are whole; a run that was killed goes on after the last
recorded stage and, since every stage is deterministic under the recipe's seed, ends with the same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from evenhand.console import Progress
from evenhand.errors import PluginFault
from evenhand.extending import discovering
from evenhand.extending.discovering import Plugins
from evenhand.files import own
from evenhand.predicting.operating import with_operating_point
from evenhand.predicting.predictions import audit_of, check_question, predictions_of, predictions_table
from evenhand.predicting.thresholds import with_thresholds
from evenhand.privacy.secret import forget
from evenhand.recipe import Recipe
from evenhand.recorded import finished, provenance
from evenhand.recorded.run_folder import Run
from evenhand.recorded.words import NOTES, words_in
from evenhand.running import mitigated, private
from evenhand.running.walking import Outcome, Stage, walk, writes
from evenhand.sections import Section
from evenhand.values import Adapted, Backbone, Metric, Predictions, Splits

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.auditing import Audit

T = TypeVar("T")
CARD = "README.md"  # where the hub looks for a model card
MITIGATION = "mitigation"  # the stage of a run whose recipe has one


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: its folder, its performance metrics, its audit; why its mitigation is refused, if it is."""

    path: Path
    evaluation: tuple[Metric, ...]
    audit: Audit
    refused: tuple[str, ...] = ()

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    def exit_code(self, strict: bool = False, fail_on: Collection[str] = ("exceeded",)) -> int:
        """0 within tolerance, 1 a tolerance is exceeded or the mitigation refused, 3 not enough evidence (where that
        fails)."""
        if self.refused:
            return 1
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
    stages = stages_of(recipe)
    with Run(path, recipe, identity, progress, walk="run", stages=writes(stages)) as folder:
        walk(stages, folder, Corridor(folder, recipe, plugins, source, told=told), plugins)
        return result_of(path)


def result_of(path: Path) -> RunResult:
    """The results in a finished run's directory."""
    from evenhand.auditing import Audit

    found = finished.open_run(path)
    refused = found.manifest["stages"].get(MITIGATION, {}).get("refused", ())
    return RunResult(path, found.evaluation(), Audit(found.audit()), tuple(refused))


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
        return predictions_in(self.recipe, record, own(self.run.path, "predictions.parquet"))

    def fit(self) -> Adapted:
        """Have the model fitted, and keep it for what comes after."""
        from evenhand.adapting.scope import with_scope
        from evenhand.mitigating import fitting

        private.check_alone(self.recipe)
        fitter = fitting.Fitter(self.recipe, self.splits, self.run, self._fitted, self._settled, self._augmented)
        adapted = self.adapted = fitting.mitigated(fitter)
        if not private.asked(self.recipe):  # the centres of a scope are means of training rows
            self.adapted = with_scope(self.recipe, self.splits, adapted, self.backbone, self.run)
        return self.adapted

    def _fitted(self, recipe: Recipe, splits: Splits) -> Adapted:
        arguments = {"recipe": recipe, "splits": splits, "backbone": self.backbone, "run": self.run}
        adapted = self._asked(Adapted, "finetune", **arguments)
        private.check_kept(recipe, adapted, self.plugins.owner(recipe))
        return adapted

    def _settled(self, splits: Splits, adapted: Adapted) -> Adapted:
        """With the thresholds that the recipe asks for, chosen on the validation rows of `splits`."""
        return with_operating_point(self.recipe, splits, with_thresholds(self.recipe, splits, adapted))

    def _augmented(self, rows: Dataset, columns: list[str]) -> Dataset:
        from datasets import Dataset

        return self._asked(Dataset, "augment", recipe=self.recipe, rows=rows, columns=columns)

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
            private.check_saved(folder, adapted, corridor.splits, lambda: _stored(corridor, folder))

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
    if private.asked(corridor.recipe):
        if corridor.run.walk == "run":
            found["privacy"] = private.evidence(
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
    audit, faults = audited(corridor.recipe, corridor.predictions, corridor.plugins)
    corridor.run.write("audit.json", audit.to_json())
    return Outcome(faults=tuple(faults))


def mitigation(corridor: Corridor) -> Outcome:
    """What the recipe's mitigation did to every group, paired on the test rows; whether it is refused."""
    from evenhand.mitigating.effect import effect

    recipe, predictions, plugins = corridor.recipe, corridor.predictions, corridor.plugins
    extra, faults = plugins.collect(recipe, "audit_bias", recipe=recipe, predictions=predictions)
    facts = effect(recipe, predictions, extra, plugins)
    corridor.run.write(mitigated.FILE, mitigated.as_text(facts))
    refused = tuple(f"mitigation refused: {says}" for says in facts["refused"])
    for says in refused:
        corridor.run.say(f"    {says}")
    return Outcome((*refused, *facts["levelling_down"]), tuple(faults), {"refused": list(refused)})


def render(corridor: Corridor) -> Outcome:
    """The HTML report and the model card, from the artefacts alone."""
    from evenhand.reporting import junit_xml, markdown_summary, model_card, render_run

    run = corridor.run
    theirs, faults = corridor.plugins.collect(corridor.recipe, "report_sections", run=run)
    sections = [*private.sections_of(run.manifest), *mitigated.sections(run), *theirs]
    earlier = [record for name in run.stages if name != "report" and (record := run.manifest["stages"].get(name))]
    told = [sentence for key in ("notes", "faults") for record in earlier for sentence in record.get(key, ())]
    arguments: dict[str, Any] = {
        "audit": run.read_json("audit.json"),
        "evaluation": run.read_json("evaluation.json"),
        "manifest": run.manifest,
        "sections": [asdict(section) for section in sections if isinstance(section, Section)],
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


def stages_of(recipe: Recipe) -> tuple[Stage[Corridor], ...]:
    """The stages of a run of this recipe."""
    if recipe.mitigation.method == "none":
        return RUN
    return (*RUN[:-1], Stage(MITIGATION, (mitigated.FILE,), mitigation), RUN[-1])


def predictions_in(recipe: Recipe, record: Mapping[str, Any], file: Path) -> Predictions:
    """The predictions on disk, with what the manifest's record of the predict stage tells of them."""
    from evenhand.schema import Schema

    return predictions_of(recipe, Schema.model_validate(record["schema"]), record["facts"], file)


def audited(recipe: Recipe, predictions: Predictions, plugins: Plugins) -> tuple[Audit, list[str]]:
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
