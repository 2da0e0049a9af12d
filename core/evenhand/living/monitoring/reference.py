"""What a window is compared with: the run's test rows, which its model has not learned from, and what it said of them.

A compact copy lies in the monitor's folder, so that the run's data need not stay where it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from evenhand.living.monitoring.estimating import Calibrated
from evenhand.living.monitoring.groups import edges_of, grouped
from evenhand.living.monitoring.measuring import CLASSES, FACTS, Axes, facts, features_of, measures, outputs
from evenhand.living.sites.ground import UNKNOWN, numbered
from evenhand.living.sites.place import clusters_of, old_rows
from evenhand.recorded.finished import FinishedRun
from evenhand.scoring.scorer import Scorer

if TYPE_CHECKING:
    from evenhand.values import Splits

MOST = 5_000  # rows that are kept
ROWS, ABOUT = "reference.parquet", "reference.json"
INPUT, OUTPUT, GROUP = "in:", "out:", "group:"


@dataclass(frozen=True)
class Reference:
    """The rows of the reference. inputs, outputs: what is compared; groups: a column of groups for each attribute,
    with `selected` and `score`; right: 1 or 0 of each row, NaN without a label; targets: class numbers.

    edges: where numbers are cut to groups; notes: what is not there to compare, a sentence each.
    """

    inputs: pl.DataFrame
    outputs: pl.DataFrame
    groups: pl.DataFrame
    known: pl.DataFrame
    targets: np.ndarray
    edges: Mapping[str, list[float] | None]
    axes: Axes | None
    notes: tuple[str, ...]

    @property
    def attributes(self) -> list[str]:
        """The columns of groups."""
        return list(self.edges)

    @property
    def right(self) -> np.ndarray:
        """Whether each decision was right [rows]."""
        chosen = self.known["prediction"].to_numpy()
        return np.where(self.targets == UNKNOWN, np.nan, (chosen == self.targets).astype(np.float64))

    @property
    def height(self) -> int:
        """Rows."""
        return self.known.height

    def calibrated(self) -> Calibrated | None:
        """How confidence and being right go together here."""
        there = self.targets != UNKNOWN
        if not there.any():
            return None
        return Calibrated.fit(self.known["confidence"].to_numpy()[there], self.right[there])


def made(
    scorer: Scorer, found: FinishedRun, source: str | Path | None, seed: int
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """(rows, what is told of them) as the folder keeps them: the run's predictions, with inputs where its data is."""
    record = found.predicted()
    said = pl.read_parquet(found.artefact("predict", "predictions.parquet"))
    known = facts(scorer, said, "the run's predictions", _names(record["facts"]))
    splits, why = old_rows(scorer, found, source)
    notes = [why] if why else []
    if splits is not None and len(splits.test) != said.height:  # a plugin that predicts other rows
        splits, notes = None, ["the run's predictions are not of its test rows, so inputs are not compared"]
    kept = np.sort(np.random.default_rng(seed).permutation(said.height)[:MOST])
    about: dict[str, Any] = {"rows": said.height, "kept": len(kept), "axes": None}
    clusters = pl.Series("cluster", clusters_of(said, scorer.recipe.schema.group_id))
    rows = known[kept].with_columns(_targets(scorer, said, record["facts"])[kept], clusters[kept])
    if splits is not None:
        inputs, axes = _inputs(scorer, splits, kept)
        rows = pl.concat([rows, inputs.rename(lambda name: INPUT + name)], how="horizontal")
        about["axes"] = axes.as_dict() if axes is not None else None
    rows = pl.concat(
        [rows, outputs(scorer, said, known, record["facts"]["score"])[kept].rename(lambda name: OUTPUT + name)],
        how="horizontal",
    )
    attributes = [name for name in _sensitive(scorer) if name in said.columns]
    cuts = {name: list(cut) for name, cut in scorer.recipe.audit.bins.items() if isinstance(cut, tuple)}
    edges = {name: cuts.get(name) or edges_of(said[name]) for name in attributes}
    groups = [pl.Series(GROUP + name, grouped(said[name], edges[name]))[kept] for name in attributes]
    return rows.with_columns(groups), about | {"edges": edges, "notes": notes}


def _names(told: Mapping[str, Any]) -> dict[str, str]:
    """What the predictions call what is read of them."""
    return {name: told[name] for name in ("prediction", "score", "confidence") if told.get(name)}


def _sensitive(scorer: Scorer) -> tuple[str, ...]:
    return scorer.recipe.audit.sensitive or scorer.recipe.schema.sensitive


def _targets(scorer: Scorer, said: pl.DataFrame, told: Mapping[str, Any]) -> pl.Series:
    if scorer.recipe.task not in CLASSES or told["label"] not in said.columns:
        return pl.Series("target", np.full(said.height, UNKNOWN))
    classes = tuple(scorer.adapted.classes)
    return pl.Series("target", numbered(said[told["label"]].to_list(), classes, "the run's predictions", strict=False))


def _inputs(scorer: Scorer, splits: Splits, kept: np.ndarray) -> tuple[pl.DataFrame, Axes | None]:
    rows = splits.test.select(kept.tolist())
    features = features_of(scorer, rows)
    axes = Axes.of(features) if features is not None and len(features) > 1 else None
    return measures(scorer, rows, axes), axes


def read(folder: Path) -> Reference:
    """The reference that lies in the monitor's folder."""
    rows = pl.read_parquet(folder / ROWS)
    about = json.loads((folder / ABOUT).read_text("utf-8"))

    def part(prefix: str) -> pl.DataFrame:
        names = [name for name in rows.columns if name.startswith(prefix)]
        return rows.select(pl.col(name).alias(name.removeprefix(prefix)) for name in names)

    axes = about["axes"] and Axes(np.array(about["axes"]["mean"]), np.array(about["axes"]["directions"]))
    groups = part(GROUP).with_columns(rows["selected"], rows["score"])
    known = rows.select([*FACTS, "cluster"])
    return Reference(
        part(INPUT), part(OUTPUT), groups, known, rows["target"].to_numpy(), about["edges"], axes, tuple(about["notes"])
    )
