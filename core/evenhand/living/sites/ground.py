"""What a choice stands on: the place's rows, labelled or not, the source model's words on them, and the old rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from evenhand.adapting.corrected import logs_of
from evenhand.adapting.tables.members import KINDS as MEMBERS
from evenhand.adapting.tables.members import MOST_INDICATORS, InContext, Linear, Member, Part, Trees, design
from evenhand.adapting.tables.model import TableModel, inputs_of
from evenhand.errors import BadInput
from evenhand.pretrained.tabular.columns import CATEGORY, Columns, as_frame

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.schema import Schema
    from evenhand.values import Adapted, Splits

UNKNOWN = -1  # the target of a row without a label
STRENGTH = 0.1  # of the linear model, logistic regression's C: the middle of the grid that a run chooses from


@dataclass(frozen=True, slots=True)
class Home:
    """The rows that the source model comes from. test: rows it has not seen, of the same sites; perhaps none."""

    frame: pl.DataFrame
    targets: np.ndarray
    test: Dataset | None
    test_targets: np.ndarray


@dataclass(frozen=True, slots=True)
class Views:
    """Old and new rows as numbers, by columns that were learnt from both (inputs only)."""

    columns: Columns
    place: np.ndarray
    home: np.ndarray
    levels: np.ndarray
    spread: np.ndarray

    def linear(self, matrix: np.ndarray) -> np.ndarray:
        """What linear models see."""
        return np.asarray(design(matrix, self.levels) / self.spread)


@dataclass(frozen=True)
class Ground:
    """Everything that candidates are fitted from.

    frame: the inputs of the place's rows. scores: the source model's probabilities of them. targets: class numbers,
    UNKNOWN where the label is not known or held back. clusters: rows that belong together, as numbers.
    kinds: the members that a refit uses. views: None where the recipe is about no table.
    """

    adapted: Adapted
    schema: Schema
    frame: pl.DataFrame
    scores: np.ndarray
    targets: np.ndarray
    clusters: np.ndarray
    home: Home | None
    views: Views | None
    kinds: tuple[str, ...]
    rounds: int | None
    network: Any
    seed: int

    @property
    def labelled(self) -> np.ndarray:
        """Positions of the rows whose label is known."""
        return np.flatnonzero(self.targets != UNKNOWN)

    @property
    def logs(self) -> np.ndarray:
        """The source model's log probabilities."""
        return logs_of(self.scores)

    @property
    def outputs(self) -> int:
        """How many classes there are."""
        return int(self.scores.shape[1])

    def with_targets(self, targets: np.ndarray) -> Ground:
        """The same rows with other labels known."""
        return replace(self, targets=targets)

    def place_part(self, rows: np.ndarray) -> Part:
        """Those rows of the place."""
        assert self.views is not None
        return Part(self.frame[rows], self.views.place[rows], self.targets[rows])

    @property
    def home_part(self) -> Part:
        """All old rows."""
        assert self.views is not None
        assert self.home is not None
        return Part(self.home.frame, self.views.home, self.home.targets)

    def refit(self, part: Part) -> TableModel:
        """A model of the source's own kinds, fitted anew."""
        assert self.views is not None
        return TableModel(
            tuple(self._member(kind, part) for kind in self.kinds), self.views.columns, self.schema, self.outputs
        )

    def _member(self, kind: str, part: Part) -> Member:
        from evenhand.adapting.labels import Labels

        assert self.views is not None
        if kind == "trees":
            return Trees.fit(part, None, self.views.columns, "binary", self.seed, self.rounds)
        if kind == "in-context":
            return InContext.fit(part, self.seed, self.network)
        labels = Labels("", self.adapted.classes, part.targets, part.targets[:0], part.targets[:0])
        return Linear.fit(part, self.views.columns, labels, STRENGTH)


def views_of(place: pl.DataFrame, home: pl.DataFrame | None) -> Views:
    """Columns of both, and their matrices."""
    columns = Columns.fit(place if home is None else pl.concat([home, place], how="vertical_relaxed"))
    here = columns.matrix(place)
    there = columns.matrix(home) if home is not None else here[:0]
    levels = np.array([min(len(f.levels), MOST_INDICATORS) if f.kind == CATEGORY else 0 for f in columns.features])
    plain = design(np.concatenate([there, here]), levels)
    return Views(columns, here, there, levels, np.where(plain.std(0) > 0, plain.std(0), 1.0))


def kinds_of(model: Any) -> tuple[tuple[str, ...], int | None]:
    """(the kinds of members a model is made of, how many rounds its trees have); trees for a model of another make."""
    if not isinstance(model, TableModel):
        return ("trees",), None
    rounds = next((member.rounds for member in model.members if isinstance(member, Trees)), None)
    return tuple(member.kind for member in model.members if member.kind in MEMBERS), rounds


def home_of(splits: Splits, classes: Sequence[Any]) -> Home:
    """The old rows of a run; of its test rows only those of sites that training saw."""
    label, site = splits.schema.require("label", "adapting"), splits.schema.site
    both = [as_frame(inputs_of(rows, splits.schema)) for rows in (splits.train, splits.validation)]
    targets = numbered([*splits.train[label], *splits.validation[label]], classes, splits.source)
    known = np.flatnonzero(targets != UNKNOWN)
    test = splits.test
    if site:
        seen = set(splits.train[site])
        test = test.select([i for i, value in enumerate(test[site]) if value in seen])
    frame = pl.concat(both, how="vertical_relaxed")[known]
    if not len(test):
        return Home(frame, targets[known], None, np.empty(0, dtype=np.int64))
    return Home(frame, targets[known], test, numbered(test[label], classes, splits.source, strict=False))


def numbered(values: Sequence[Any], classes: Sequence[Any], where: str, strict: bool = True) -> np.ndarray:
    """Class numbers of labels; UNKNOWN where a label is empty. BadInput for a class that the model does not know."""
    known = {_plain(value): number for number, value in enumerate(classes)}
    found = np.full(len(values), UNKNOWN, dtype=np.int64)
    for row, value in enumerate(values):
        said = _plain(value)
        if said is None:
            continue
        if said in known:
            found[row] = known[said]
        elif strict:
            raise BadInput(
                f"row {row + 1:,} of {where} has the label '{said[:40]}', and the model knows"
                f" {', '.join(map(str, classes[:10]))}; mend the label, leave it empty, or name another column"
                " (--labels)"
            )
    return found


def _plain(value: Any) -> str | None:
    """A label as text: 1, 1.0 and "1" are one; None where it is empty."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    text = str(value).strip()
    if text.endswith(".0") and text[:-2].lstrip("-").isdigit():
        text = text[:-2]
    return text.lower() if isinstance(value, bool) else (text or None)
