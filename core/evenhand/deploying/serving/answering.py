"""Several requests scored at once, each by its own rows: what is wrong with one of them is its own affair."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from evenhand.adapting.windows import Unread
from evenhand.deploying.serving.asked import IMAGE, WHERE, check_texts, frame_of, known_columns
from evenhand.deploying.serving.body import Row
from evenhand.errors import BadInput, PluginFault
from evenhand.scoring.new_rows import carried, meant, open_rows
from evenhand.scoring.scorer import Scorer

POLARS = {pl.Float64: "number", pl.Boolean: "truth", pl.Date: "date", pl.Datetime: "time"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of one request. inputs: its rows as the model read them; carried: columns with another role;
    outputs: prediction and scores, named as `evenhand predict` names them. note: what was not read of it."""

    inputs: pl.DataFrame
    carried: pl.DataFrame
    outputs: pl.DataFrame
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A run's model that answers requests. known: the columns that these may have; None where a plugin makes inputs
    from columns that nothing recorded."""

    scorer: Scorer
    known: tuple[str, ...] | None

    def frame(self, rows: list[Row], most: int) -> pl.DataFrame:
        """The rows of one request, checked; Refused where the model cannot read them."""
        recipe = self.scorer.recipe
        frame = frame_of(rows, recipe.schema, self.known, most)
        if recipe.modality == "text" and self.known is not None:
            check_texts(rows, recipe.schema)
        return frame

    def answers(self, frames: Sequence[pl.DataFrame]) -> list[Answer | Exception]:
        """For each request its answer, or what is wrong with it: BadInput, or PluginFault where the model failed."""
        opened = [self._opened(frame) for frame in frames]
        found: dict[int, Answer | Exception] = {i: o for i, o in enumerate(opened) if isinstance(o, Exception)}
        alike: dict[Any, list[int]] = {}
        for index, rows in enumerate(opened):
            if isinstance(rows, pl.DataFrame):
                alike.setdefault(tuple(rows.schema.items()), []).append(index)
        for indices in alike.values():
            frames_alike = [rows for i in indices if isinstance(rows := opened[i], pl.DataFrame)]
            found.update(zip(indices, self._scored(frames_alike), strict=True))
        return [found[index] for index in range(len(frames))]

    def _opened(self, frame: pl.DataFrame) -> pl.DataFrame | Exception:
        """A request's rows with what a plugin makes of them; of its own rows alone, since these may look at each
        other."""
        scorer = self.scorer
        try:
            rows, _ = open_rows(frame, scorer.recipe, scorer.types, scorer.plugins, called=WHERE)
            collected = rows.collect()
            if collected.height != frame.height:
                raise PluginFault(
                    f"plugin '{scorer.recipe.domain}' (prepare_rows) made {collected.height} rows of {frame.height}"
                )
            return collected
        except (BadInput, PluginFault) as error:
            return error
        except Exception as error:  # lazy rows: a plugin's expression fails only when it is asked
            return _fault(error)

    def _scored(self, frames: list[pl.DataFrame]) -> list[Answer | Exception]:
        """Answers of requests with the same columns; where they fail together, each alone."""
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                scored = self.scorer.scored(pl.concat(frames))
        except Exception as error:
            if len(frames) == 1:
                return [error if isinstance(error, BadInput | PluginFault) else _fault(error)]
            return [self._scored([frame])[0] for frame in frames]
        cut = any(issubclass(warning.category, UserWarning) for warning in said)
        return [self._answer(frame, part, cut) for frame, part in _parts(frames, scored)]

    def _answer(self, rows: pl.DataFrame, scored: pl.DataFrame, cut: bool) -> Answer:
        schema = self.scorer.recipe.schema
        beside = carried(schema, rows.columns)
        outputs = scored.drop(beside, strict=False)
        unread: tuple[Unread, int] | None = self.scorer.unread(rows) if cut else None
        note = unread[0].says(unread[1]) if unread is not None else ""
        return Answer(_named(rows.select(schema.input)), _named(rows.select(beside)), outputs, note or None)

    def kind(self, column: str) -> str:
        """What a logged column holds: text, number, truth, date or time, as training recorded it."""
        wanted = meant(self.scorer.types.get(column, ""))
        return "text" if wanted is None else POLARS[wanted[0]]


def model_of(scorer: Scorer) -> Model:
    """The scorer ready for requests: what columns it knows is found out by rows that have none but the known ones."""
    known = known_columns(scorer.recipe.schema, scorer.types)
    image = scorer.recipe.modality == "image"
    kinds = {name: IMAGE if image and name in scorer.recipe.schema.input else pl.String for name in known}
    try:
        open_rows(pl.DataFrame(schema=kinds), scorer.recipe, scorer.types, scorer.plugins)[0].collect_schema()
    except (
        Exception
    ):  # the plugin makes inputs from columns that training did not keep; it says itself which are missing
        return Model(scorer, None)
    return Model(scorer, known)


def _parts(frames: list[pl.DataFrame], scored: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    start = 0
    for frame in frames:
        yield frame, scored.slice(start, frame.height)
        start += frame.height


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the sha256 of an image in place of the image: a log tells pictures apart and keeps none."""
    images = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Struct)]
    shas = {name: [hashlib.sha256((v or {}).get("bytes") or b"").hexdigest() for v in rows[name]] for name in images}
    return rows.with_columns(pl.Series(name, values, dtype=pl.String) for name, values in shas.items())


def _fault(error: Exception) -> PluginFault:
    return PluginFault(f"the model failed on these rows: {type(error).__name__}; other rows may work")
