"""The model that a run leaves behind: inputs, a fitted kind and the evidence of how it was chosen, all as plain files.

about.json      inputs, the fitted model, which candidate it is
evidence.json   proxies, the search for alternatives, how stable the reasons are
reasons.csv     the reasons of each declined applicant of the test rows
tested.parquet  what the candidates on the front say of the test rows
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from evenhand import Portable, Recipe
from evenhand_finance.credit.inputs import Inputs, as_frame
from evenhand_finance.credit.models import Boosting, Fitted, Scorecard, from_dict, sigmoid
from evenhand_finance.credit.reasons import Dictionary, as_table, reasons_of

ABOUT, EVIDENCE, REASONS, TESTED = "about.json", "evidence.json", "reasons.csv", "tested.parquet"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is shown beside the model; its test rows were scored, their labels never looked at."""

    told: Mapping[str, Any] = field(default_factory=dict)
    reasons: pl.DataFrame = field(default_factory=pl.DataFrame)
    tested: pl.DataFrame = field(default_factory=pl.DataFrame)

    def save(self, folder: Path) -> None:
        """Write what there is."""
        (folder / EVIDENCE).write_text(json.dumps(dict(self.told), indent=1, ensure_ascii=False) + "\n", "utf-8")
        if self.reasons.width:
            self.reasons.write_csv(folder / REASONS)
        if self.tested.width:
            self.tested.write_parquet(folder / TESTED)

    @classmethod
    def load(cls, folder: Path) -> Evidence:
        """What `save` wrote."""
        told = json.loads((folder / EVIDENCE).read_text("utf-8"))
        text = dict.fromkeys(told.get("reason_columns", []), pl.String)
        reasons = (
            pl.read_csv(folder / REASONS, schema_overrides=text) if (folder / REASONS).exists() else pl.DataFrame()
        )
        tested = pl.read_parquet(folder / TESTED) if (folder / TESTED).exists() else pl.DataFrame()
        return cls(told, reasons, tested)


@dataclass(frozen=True, slots=True)
class CreditModel:
    """Probability of the positive label: not paying back. place: the positive class among two."""

    name: str
    inputs: Inputs
    fitted: Fitted
    place: int
    evidence: Evidence = field(default_factory=Evidence)
    holds_rows: ClassVar[bool] = True  # the evidence names the declined among the test rows, with their reasons

    def scores(self, rows: Any) -> np.ndarray:
        """Probabilities [rows, 2]."""
        chance = sigmoid(self.fitted.log_odds(self.inputs.matrix(as_frame(rows))))
        return np.column_stack([1 - chance, chance] if self.place else [chance, 1 - chance])

    def portable(self) -> Portable:
        """Trees, or the scorecard as a network, for `evenhand export`; the reasons stay here."""
        from evenhand_finance.credit.leaving import network_of, read_as, trees_in

        reads = read_as(self.inputs)
        if isinstance(self.fitted, Scorecard):
            return Portable(reads, network_of(self.fitted, self.place))
        assert isinstance(self.fitted, Boosting)
        return Portable(reads, trees=trees_in(self.fitted.text), base=(self.fitted.base,), place=self.place)

    def save(self, folder: Path) -> None:
        """JSON, and the evidence's own files."""
        told = {"name": self.name, "inputs": self.inputs.as_dict(), "place": self.place}
        told["fitted"] = self.fitted.as_dict()
        (folder / ABOUT).write_text(json.dumps(told, ensure_ascii=False) + "\n", "utf-8")
        self.evidence.save(folder)

    @classmethod
    def load(cls, folder: Path) -> CreditModel:
        """What `save` wrote."""
        told = json.loads((folder / ABOUT).read_text("utf-8"))
        inputs = Inputs.from_dict(told["inputs"])
        return cls(told["name"], inputs, from_dict(told["fitted"]), told["place"], Evidence.load(folder))

    def told(self, rows: pl.DataFrame, scored: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
        """`scored` with whether each applicant was declined, and the reasons of those."""
        x = self.inputs.matrix(rows)
        chance = sigmoid(self.fitted.log_odds(x))
        declined = chance >= threshold_of(recipe)
        shares = np.where(declined[:, None], self.fitted.shares(x), 0.0)
        reasons = reasons_of(shares, x, self.inputs, Dictionary.of(recipe))
        return as_table(reasons, self.inputs, scored.with_columns(pl.Series("declined", declined)))


def threshold_of(recipe: Recipe) -> float:
    """From this probability of default on an applicant is declined."""
    return 0.5 if recipe.audit.threshold is None else float(recipe.audit.threshold)
