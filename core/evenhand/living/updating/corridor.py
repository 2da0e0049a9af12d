"""What the stages of an update share: how it was asked for, its rows and its models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from evenhand.adapting.store import load_model
from evenhand.files import digest, own
from evenhand.living.updating import strategies
from evenhand.living.updating.measuring import CHAMPION
from evenhand.living.updating.periods import Periods, read_periods, timely
from evenhand.predicting.predictions import predictions_of
from evenhand.recipe import Recipe
from evenhand.recorded.finished import FinishedRun
from evenhand.recorded.run_folder import Run
from evenhand.schema import Schema
from evenhand.scoring.scorer import Scorer
from evenhand.values import Adapted, Predictions, Splits

BUFFER = 0.25  # of the old training rows, where nobody says how many


@dataclass(frozen=True, slots=True)
class Asked:
    """How an update was asked for, beside its run and data."""

    strategy: str
    buffer: int | None
    margin: float
    source: str | Path | None


def content_of(data: str | Path) -> str:
    path = Path(data)
    return digest(path) if path.exists() else str(data)


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
        old = len(self.periods.old.train)
        size = min(self.asked.buffer or max(round(BUFFER * old), 1), old)
        fixed = self.run, self.scorer.recipe, self.scorer.plugins, self.scorer.adapted
        return strategies.Ground(*fixed, self.periods, size)

    def model(self, name: str) -> Adapted:
        """The champion, or what a strategy made, as it is stored."""
        if name == CHAMPION:
            return replace(self.scorer.adapted, model=self.ground.model)
        recipe, plugins = self.scorer.recipe, self.scorer.plugins
        backbone = plugins.backbone(recipe.backbone) if recipe.backbone else None
        return load_model(own(self.run.path, candidate(name)), recipe, backbone, plugins.package(recipe))

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


def candidate(name: str) -> str:
    return f"candidate-{name}"
