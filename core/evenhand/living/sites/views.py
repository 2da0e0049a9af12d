"""What candidates see of old and new rows, as numbers, and the models that they make of them: tables, or embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl

from evenhand.adapting.corrected import Corrected, logs_of, probe_on_top
from evenhand.adapting.labels import Labels
from evenhand.adapting.models import ProbeModel
from evenhand.adapting.probe import Head, fit_head, softmax
from evenhand.adapting.tables.members import KINDS as MEMBERS
from evenhand.adapting.tables.members import MOST_INDICATORS, InContext, Linear, Member, Part, Trees, design
from evenhand.adapting.tables.model import TableModel, aligned
from evenhand.pretrained.tabular.columns import CATEGORY, Columns

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.schema import Schema

STRENGTH = 0.1  # of the linear model, logistic regression's C: the middle of the grid that a run chooses from
NEVER = -30.0  # the logit of a class that a fit has not seen, below the lowest of the others


@dataclass(frozen=True, slots=True)
class Projection:
    """Rows as a linear model sees them -> (row - centre) @ matrix, with matrix [width, components]."""

    centre: np.ndarray
    matrix: np.ndarray

    def unfold(self, head: Head) -> Head:
        """The head of the rows themselves that says what `head` says of their projections."""
        weight = head.weight @ self.matrix.T
        return replace(
            head, weight=weight.astype(np.float32), bias=(head.bias - weight @ self.centre).astype(np.float32)
        )


class Views(Protocol):
    """Old and new rows as matrices, and what is fitted to them. kinds: the members that a refit is made of.

    test: old rows that nothing is fitted on.
    """

    place: np.ndarray
    home: np.ndarray
    test: np.ndarray

    @property
    def kinds(self) -> tuple[str, ...]: ...

    def linear(self, matrix: np.ndarray) -> np.ndarray:
        """Rows as linear models see them."""
        ...

    def refit(self, part: Part) -> Any:
        """A model of the source's own kind, fitted anew."""
        ...

    def fitted(self, seen: np.ndarray, targets: np.ndarray, through: Projection | None = None) -> Any:
        """A linear model of rows that are already as `linear` gives them, or projected from that by `through`."""
        ...

    def mixed(self, model: Any, rows: np.ndarray, pairs: np.ndarray, share: float) -> np.ndarray | None:
        """What a model says of mixtures, `share` of each of the place's `rows` and the rest of the one that `pairs`
        names; None where mixtures mean nothing."""
        ...

    def on_top(self, source: Any, scores: np.ndarray, targets: np.ndarray, rows: np.ndarray) -> Any:
        """The source model with a linear model of the place's rows on top; scores: what it says of them."""
        ...

    def said(self, model: Any, frame: pl.DataFrame, rows: np.ndarray) -> np.ndarray | None:
        """What a model that is made here says of rows of the place; None for a model of another make."""
        ...


@dataclass
class TableViews:
    """Columns that were learnt from both sides' inputs. kinds, rounds, network: what a refit is made of."""

    columns: Columns
    place: np.ndarray
    home: np.ndarray
    test: np.ndarray
    levels: np.ndarray
    spread: np.ndarray
    kinds: tuple[str, ...]
    rounds: int | None
    network: Any
    schema: Schema
    classes: tuple[Any, ...]
    seed: int

    def linear(self, matrix: np.ndarray) -> np.ndarray:
        """See `Views`."""
        return np.asarray(design(matrix, self.levels) / self.spread)

    def refit(self, part: Part) -> TableModel:
        """See `Views`."""
        return self._model(tuple(self._member(kind, part) for kind in self.kinds))

    def fitted(self, seen: np.ndarray, targets: np.ndarray, through: Projection | None = None) -> TableModel:
        """See `Views`."""
        known, numbers = np.unique(targets, return_inverse=True)
        head = fit_head(seen.astype(np.float32), numbers, STRENGTH, labels_of(known.tolist(), numbers))
        head = head if through is None else through.unfold(head)
        return self._model((Linear(head, self.levels, self.spread.astype(np.float32), known),))

    def on_top(self, source: Any, scores: np.ndarray, targets: np.ndarray, rows: np.ndarray) -> Corrected:
        """See `Views`."""
        inputs = self.linear(self.place[rows]).astype(np.float64)
        correction = probe_on_top(logs_of(scores), targets, inputs)
        return Corrected(source, correction, self.schema, self.columns, self.levels, self.spread)

    def said(self, model: Any, frame: pl.DataFrame, rows: np.ndarray) -> np.ndarray | None:
        """See `Views`."""
        if not isinstance(model, TableModel) or model.columns is not self.columns:
            return None
        matrix = self.place[rows]
        found = [aligned(member, frame[rows], matrix, model.outputs) for member in model.members]
        return np.asarray(np.mean(found, axis=0))

    def mixed(self, model: Any, rows: np.ndarray, pairs: np.ndarray, share: float) -> None:
        """See `Views`: a mixture of two categories is nothing."""

    def _model(self, members: tuple[Member, ...]) -> TableModel:
        return TableModel(members, self.columns, self.schema, len(self.classes))

    def _member(self, kind: str, part: Part) -> Member:
        if kind == "trees":
            return Trees.fit(part, None, self.columns, "binary", self.seed, self.rounds)
        if kind == "in-context":
            return InContext.fit(part, self.seed, self.network)
        return Linear.fit(part, self.columns, labels_of(self.classes, part.targets), STRENGTH)


@dataclass
class EmbeddedViews:
    """What the source model's frozen encoder makes of the rows; every candidate is another head on it.

    One scale for all columns keeps distances as the encoder made them.
    """

    model: ProbeModel
    place: np.ndarray
    home: np.ndarray
    test: np.ndarray
    outputs: int
    scale: float
    kinds: tuple[str, ...] = ("probe",)

    def linear(self, matrix: np.ndarray) -> np.ndarray:
        """See `Views`."""
        return np.asarray(matrix / self.scale)

    def refit(self, part: Part) -> ProbeModel:
        """See `Views`."""
        return self.fitted(self.linear(part.matrix), part.targets)

    def fitted(self, seen: np.ndarray, targets: np.ndarray, through: Projection | None = None) -> ProbeModel:
        """With the strength that the source's validation chose."""
        known, numbers = np.unique(targets, return_inverse=True)
        strength = self.model.head.strength or STRENGTH
        head = fit_head(seen.astype(np.float32), numbers, strength, labels_of(known.tolist(), numbers))
        head = head if through is None else through.unfold(head)
        weight = np.zeros((self.outputs, head.weight.shape[1]), np.float32)
        bias = np.full(self.outputs, float(head.bias.min()) + NEVER, np.float32)
        weight[known], bias[known] = head.weight / self.scale, head.bias
        return self._with(Head(weight, bias, strength))

    def on_top(self, source: Any, scores: np.ndarray, targets: np.ndarray, rows: np.ndarray) -> ProbeModel:
        """A head and a linear model of the same features are one head."""
        found = probe_on_top(logs_of(scores), targets, self.linear(self.place[rows]).astype(np.float64))
        before = self.model.head
        weight = before.weight + (found.weight.T / self.scale).astype(np.float32)
        return self._with(Head(weight, before.bias + found.bias.astype(np.float32), before.strength))

    def said(self, model: Any, frame: pl.DataFrame, rows: np.ndarray) -> np.ndarray | None:
        """See `Views`."""
        if not isinstance(model, ProbeModel) or model.encoder is not self.model.encoder:
            return None
        return softmax(model.head.logits(self.place[rows]))

    def mixed(self, model: Any, rows: np.ndarray, pairs: np.ndarray, share: float) -> np.ndarray | None:
        """See `Views`: mixtures of embeddings."""
        base = model.base if isinstance(model, Corrected) else model
        if not isinstance(base, ProbeModel) or base.encoder is not self.model.encoder:
            return None
        said = softmax(base.head.logits(share * self.place[rows] + (1 - share) * self.place[rows[pairs]]))
        return model.correction.apply(logs_of(said)) if isinstance(model, Corrected) else said

    def _with(self, head: Head) -> ProbeModel:
        model = self.model
        return ProbeModel(model.encoder, head, model.schema, model.task, model.cache)


def labels_of(classes: Any, targets: np.ndarray) -> Labels:
    """Labels of a classification that nothing is chosen by."""
    return Labels("", tuple(classes), targets, targets[:0], targets[:0])


def table_views(
    place: pl.DataFrame, home: pl.DataFrame | None, test: pl.DataFrame | None = None, **made_of: Any
) -> TableViews:
    """Columns of both sides, and their matrices."""
    columns = Columns.fit(place if home is None else pl.concat([home, place], how="vertical_relaxed"))
    here = columns.matrix(place)
    there = columns.matrix(home) if home is not None else here[:0]
    unseen = columns.matrix(test) if test is not None and test.height else here[:0]
    levels = np.array([min(len(f.levels), MOST_INDICATORS) if f.kind == CATEGORY else 0 for f in columns.features])
    plain = design(np.concatenate([there, here]), levels)
    spread = np.where(plain.std(0) > 0, plain.std(0), 1.0)
    return TableViews(columns, here, there, unseen, levels, spread, **made_of)


def embedded_views(
    model: ProbeModel, place: Dataset, old: Sequence[Dataset], known: np.ndarray, test: Dataset | None
) -> EmbeddedViews:
    """Features through the model's cache. old: the parts that training read, of which the rows `known` are taken;
    none where old rows are not at hand. test: old rows that nothing is fitted on."""
    read = model.cache.features
    here = read(model.encoder, place, model.schema, "features of the place")
    there, unseen = here[:0], here[:0]
    if old:
        parts = [read(model.encoder, part, model.schema, "features of old rows") for part in old]
        there = np.concatenate(parts)[known]
    if test is not None:
        unseen = read(model.encoder, test, model.schema, "features of old rows that nobody learnt from")
    both = np.concatenate([there, here])
    scale = float(np.sqrt(np.mean((both - both.mean(0)) ** 2))) or 1.0
    return EmbeddedViews(model, here, there, unseen, len(model.head.bias), scale)


def kinds_of(model: Any) -> tuple[tuple[str, ...], int | None]:
    """(the kinds of members a model is made of, how many rounds its trees have); trees for a model of another make."""
    if not isinstance(model, TableModel):
        return ("trees",), None
    rounds = next((member.rounds for member in model.members if isinstance(member, Trees)), None)
    return tuple(member.kind for member in model.members if member.kind in MEMBERS), rounds
