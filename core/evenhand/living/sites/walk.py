"""`evenhand adapt`: a walk from a finished run and a place's rows to a card, a model and a report, in its own folder.

The stages have the names of a run's, so that `predict`, `load`, `compare`, `verify` and `report` read the folder.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from evenhand import __version__
from evenhand.console import Progress
from evenhand.errors import BadInput
from evenhand.extending import discovering
from evenhand.extending.discovering import Plugins
from evenhand.files import digest, own
from evenhand.living.sites import card as cards
from evenhand.living.sites.candidates import CANDIDATES, NOTHING
from evenhand.living.sites.choosing import choose, fitted, taken
from evenhand.living.sites.ground import UNKNOWN, Ground
from evenhand.living.sites.place import Place, ground_of, old_rows, read_place
from evenhand.predicting.classes import positive_class
from evenhand.predicting.operating import as_facts, threshold_for
from evenhand.predicting.predictions import audit_of, decide, free_name, predictions_of
from evenhand.recipe import Recipe
from evenhand.recorded import provenance
from evenhand.recorded.finished import FinishedRun, open_run, read
from evenhand.recorded.run_folder import Run
from evenhand.running.walking import Outcome, Stage, Walk, walk, writes
from evenhand.schema import Schema
from evenhand.scoring.scorer import Scorer, load
from evenhand.values import OperatingPoint, Predictions

SOURCE = "source_model"


@dataclass(frozen=True, slots=True)
class Adaptation:
    """A finished adaptation: its folder and its card, whose `verdict` says what was chosen and why."""

    path: Path
    card: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        """`adapt`, `do not adapt`, `not enough evidence`, `adapt, not proven` or `taken as asked`."""
        return str(self.card["verdict"])

    @property
    def chosen(self) -> str:
        """The candidate whose model lies in the folder; `nothing` is the source model itself."""
        return str(self.card["chosen"])

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    def rows(self) -> list[tuple[Any, ...]]:
        """The card's candidates, one a row, as the report shows them."""
        return cards.table(self.card)

    def __str__(self) -> str:
        return "\n".join(cards.sentences(self.card))


def adapt(
    run: str | Path,
    data: Any,
    labels: str | None = None,
    k: int | None = None,
    out: str | Path | None = None,
    source: str | Path | None = None,
    take: str | None = None,
    plugins: Plugins | None = None,
    progress: Progress | None = None,
) -> Adaptation:
    """What to do with the model of the finished `run` at a new place, and that model.

    data: the place's rows, a file or a frame; rows may lack a label. labels: the column of labels, where it is not the
    run's. k: use so many labels and hold the others back to check by. source: the run's data, where it has moved.
    take: the candidate to take, proven or not; None: by proof, or where labels are too few for one by label-free scores
    that all agree, else `nothing`. out: the folder; None: RUN-adapted-ID beside the run. The choice sees no label that
    is held back. Raises BadInput.
    """
    found = open_run(run)
    plugins = plugins or discovering.load()
    scorer = load(found.path, plugins)
    place = read_place(scorer, data, labels, k)
    identity = _identity(found, data, place, take)
    path = Path(out) if out is not None else beside(found.path, identity)
    if path.resolve() == found.path.resolve():
        raise BadInput(f"{path} is the run itself; name another folder (--out)")
    recipe = _recipe(scorer.recipe, place)
    stages = ADAPT if (place.targets != UNKNOWN).any() else BLIND
    with Run(path, recipe, identity, progress, walk="adapt", stages=writes(stages)) as folder:
        walk(stages, folder, Corridor(folder, recipe, scorer, found, place, source, take), plugins)
        return Adaptation(path, folder.read_json("card.json"))


def beside(run: Path, identity: str) -> Path:
    """Where an adapted run goes that nobody named a folder for.

    >>> beside(Path("runs/heart/3f2a"), "0123456789ab").as_posix()
    'runs/heart/3f2a-adapted-01234567'
    """
    named = run.resolve() if run.name in ("", "..") else run  # the folder one stands in has no name by itself
    return named.with_name(f"{named.name}-adapted-{identity[:8]}")


def _identity(found: FinishedRun, data: Any, place: Place, take: str | None) -> str:
    """sha256 over everything that decides the card."""
    content = (
        place.frame.write_ipc(None).getvalue() if not isinstance(data, str | Path) else digest(Path(data)).encode()
    )
    parts = [__version__, found.manifest["identity"], digest(own(found.path, "model")), place.label, take or ""]
    whole = hashlib.sha256(json.dumps(parts).encode())
    for piece in (content, place.targets.tobytes()):
        whole.update(piece)
    return whole.hexdigest()


def _recipe(recipe: Recipe, place: Place) -> Recipe:
    """The run's recipe with the roles that the place's rows can fill; its label's column may have another name."""
    there = set(place.frame.columns)
    roles = recipe.schema
    single = {
        r: getattr(roles, r) if getattr(roles, r) in there else None
        for r in ("site", "time", "group_id", "id", "weight")
    }
    sensitive = tuple(column for column in roles.sensitive if column in there)
    schema = roles.model_copy(update={**single, "sensitive": sensitive, "split": None})
    asked = recipe.audit.but(sensitive=tuple(c for c in recipe.audit.sensitive or () if c in there))
    return recipe.model_copy(update={"schema_": schema, "audit": asked})


class Corridor:
    """What the stages share."""

    def __init__(
        self,
        run: Run,
        recipe: Recipe,
        scorer: Scorer,
        found: FinishedRun,
        place: Place,
        source: str | Path | None,
        take: str | None,
    ) -> None:
        self.run, self.recipe, self.scorer, self.found = run, recipe, scorer, found
        self.place, self.source, self.take = place, source, take

    @cached_property
    def _old(self) -> tuple[Any, str]:
        return old_rows(self.scorer, self.found, self.source)

    @cached_property
    def ground(self) -> Ground:
        """What candidates are fitted from."""
        return ground_of(self.scorer, self.place, self._old[0])

    @property
    def why_alone(self) -> str:
        """Why there are no old rows; empty where there are."""
        return str(self._old[1])

    @property
    def predictions(self) -> Predictions:
        """What the predict stage left on disk."""
        record = self.run.manifest["stages"]["predict"]
        schema = Schema.model_validate(record["schema"])
        return predictions_of(self.recipe, schema, record["facts"], own(self.run.path, "predictions.parquet"))


def load_data(corridor: Corridor) -> Outcome:
    """The recipe with the place's roles, the types that training saw, and where everything comes from."""
    run, place, found = corridor.run, corridor.place, corridor.found
    run.write("recipe.toml", corridor.recipe.to_toml())
    kept = ("recipe", "seed", "plugins", "platform")
    asked = ["--take", corridor.take] if corridor.take else []
    command = shlex.join(["evenhand", "adapt", str(found.path), "--data", place.source, *asked])
    run.record(
        **{name: found.manifest[name] for name in kept if name in found.manifest},
        command=command,
        versions=provenance.versions(),
        inputs={"source": place.source, "run": found.manifest["identity"]},
    )
    before = json.loads(read(found.path, "data.json"))
    known = int((place.targets != UNKNOWN).sum())
    notes = [f"{place.frame.height} rows of the place, {known} of them with a label to use"]
    about = {"source": Path(place.source).name, "types": before.get("types", {}), "notes": notes}
    run.write("data.json", json.dumps(about, indent=1, sort_keys=True) + "\n")
    for note in notes:
        run.say(f"    {note}")
    return Outcome()


def make_choice(corridor: Corridor) -> Outcome:
    """The card, and what the source and the chosen model say of labelled rows that they had not seen."""
    run, ground, place = corridor.run, corridor.ground, corridor.place
    choice = choose(ground, place.groups, run.progress)
    choice = taken(choice, corridor.take, ground) if corridor.take else choice
    card = cards.card_of(ground, choice, place.held, {"source": Path(place.source).name})
    said = choice.said.get(choice.chosen.name, ground.scores[ground.labelled])
    said = said.mean(0) if said.ndim == 3 else said
    columns = {f"chosen_{n}": said[:, n] for n in range(ground.outputs)}
    columns |= {f"source_{n}": ground.scores[ground.labelled][:, n] for n in range(ground.outputs)}
    run.write("card.json", json.dumps(card, indent=1) + "\n")
    run.write_with("unseen.parquet", pl.DataFrame({"row": ground.labelled, **columns}).write_parquet)
    return Outcome((corridor.why_alone,) if corridor.why_alone else ())


def finetune(corridor: Corridor) -> Outcome:
    """The chosen model, fitted from all labelled rows."""
    from evenhand.adapting.store import save_model

    name = corridor.run.read_json("card.json")["chosen"]
    chosen = next(candidate for candidate in (NOTHING, *CANDIDATES) if candidate.name == name)
    before = corridor.scorer.adapted
    strategy = before.strategy if chosen is NOTHING else f"{before.strategy}, then {name}"
    model = fitted(corridor.ground, chosen)
    operating = _operating(corridor, name)
    adapted = replace(before, model=model, strategy=strategy, validation={}, operating=operating)
    package = corridor.scorer.plugins.package(corridor.recipe)
    corridor.run.write_with("model", lambda folder: save_model(adapted, folder, package))
    return Outcome(facts={"strategy": strategy})


def _operating(corridor: Corridor, chosen: str) -> OperatingPoint | None:
    """The threshold that reaches what the recipe asks for, on the place's labelled rows; the source model's own stays.

    Where no threshold of the chosen model reaches it there, decisions stay at the source model's threshold.
    """
    point, adapted = corridor.scorer.adapted.operating, corridor.scorer.adapted
    if point is None or chosen == NOTHING.name:
        return point
    said = pl.read_parquet(own(corridor.run.path, "unseen.parquet"))
    column = positive_class(corridor.recipe.schema, adapted.classes)
    positive = corridor.place.targets[said["row"].to_numpy()] == column
    found = threshold_for(point.target, point.wanted, positive, said[f"chosen_{column}"].to_numpy())
    if found is None:
        return point
    thresholds = {**point.baselines, SOURCE: point.threshold}
    return OperatingPoint(point.target, point.wanted, found[0], found[1], said.height, thresholds)


def predict(corridor: Corridor) -> Outcome:
    """The labelled rows with what the chosen and the source model say, each of rows that it had not seen."""
    recipe, place, adapted = corridor.recipe, corridor.place, corridor.scorer.adapted
    said = pl.read_parquet(own(corridor.run.path, "unseen.parquet"))
    rows = said["row"].to_numpy()
    label = recipe.schema.require("label", "adapting")
    named = dict.fromkeys(
        [*(c for r, c in recipe.schema.columns() if r not in ("input", "label")), *_asked(recipe, place)]
    )
    table: dict[str, Any] = {name: place.frame[name][rows].to_list() for name in named}
    table[label] = [adapted.classes[n] for n in place.targets[rows]]
    operating = _operating(corridor, corridor.run.read_json("card.json")["chosen"])
    both = ("chosen", replace(adapted, operating=operating)), ("source", adapted)
    names = {"chosen": ("prediction", "score"), "source": (f"baseline_{SOURCE}", f"baseline_{SOURCE}_score")}
    made: dict[str, tuple[str, str]] = {}
    for kind, model in both:
        probabilities = said.select(pl.col(f"^{kind}_\\d+$")).to_numpy()
        made[kind] = free_name(names[kind][0], table), free_name(names[kind][1], table)
        table[made[kind][0]], table[made[kind][1]] = decide(recipe, model, probabilities, rows=place.frame[rows])
    facts = {"label": label, "prediction": made["chosen"][0], "score": made["chosen"][1], "rows": len(rows)}
    facts |= {"classes": list(adapted.classes), "baselines": {SOURCE: made["source"][0]}}
    facts |= {"baseline_scores": {SOURCE: made["source"][1]} if recipe.task == "binary" else {}}
    facts |= {"operating": as_facts(operating)}
    corridor.run.write_with("predictions.parquet", pl.DataFrame(table, strict=False).write_parquet)
    return Outcome(facts={"facts": facts, "schema": recipe.schema.model_dump()})


def _asked(recipe: Recipe, place: Place) -> list[str]:
    """Columns that only the question names, where the place has them."""
    return [column for _, column in recipe.audit.columns() if column in place.frame.columns]


def evaluate(corridor: Corridor) -> Outcome:
    """Performance at the place, of the chosen model and the source model."""
    arguments = {"recipe": corridor.recipe, "predictions": corridor.predictions}
    metrics, faults = corridor.scorer.plugins.collect(corridor.recipe, "evaluate", **arguments)
    corridor.run.write("evaluation.json", json.dumps([asdict(metric) for metric in metrics], indent=1) + "\n")
    return Outcome(faults=tuple(faults))


def audit_bias(corridor: Corridor) -> Outcome:
    """The audit at the place, by the run's question."""
    predictions = corridor.predictions
    arguments = {"recipe": corridor.recipe, "predictions": predictions}
    extra, faults = corridor.scorer.plugins.collect(corridor.recipe, "audit_bias", **arguments)
    corridor.run.write("audit.json", audit_of(corridor.recipe, predictions, extra).to_json())
    return Outcome(faults=tuple(faults))


def render(corridor: Corridor) -> Outcome:
    """The report: the card first, then the audit at the place."""
    from evenhand.reporting import render_run

    run = corridor.run
    stages, card = run.manifest["stages"], run.read_json("card.json")
    told = [sentence for record in stages.values() for key in ("notes", "faults") for sentence in record.get(key, ())]
    labelled = "audit_bias" in run.stages
    page = render_run(
        audit=run.read_json("audit.json") if labelled else None,
        evaluation=run.read_json("evaluation.json") if labelled else [],
        manifest=run.manifest,
        sections=[asdict(cards.section(card)), *map(asdict, cards.signs(card))],
        recipe_rows=corridor.recipe.resolved(),
        notes=[*run.read_json("data.json")["notes"], *told],
    )
    run.write("report.html", page)
    return Outcome()


_FIRST: Walk[Corridor] = (
    Stage("load_data", ("data.json", "recipe.toml"), load_data),
    Stage("choose", ("card.json", "unseen.parquet"), make_choice),
    Stage("finetune", ("model",), finetune),
)
_AUDITED: Walk[Corridor] = (
    Stage("predict", ("predictions.parquet",), predict),
    Stage("evaluate", ("evaluation.json",), evaluate),
    Stage("audit_bias", ("audit.json",), audit_bias),
)
_LAST: Walk[Corridor] = (Stage("report", ("report.html",), render),)
ADAPT: Walk[Corridor] = _FIRST + _AUDITED + _LAST
BLIND: Walk[Corridor] = _FIRST + _LAST  # without a label there is nothing to audit
