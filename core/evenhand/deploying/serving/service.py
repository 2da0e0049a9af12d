"""What a server does with a request once it is read: score it with others, log it, count it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from evenhand.deploying.serving.answering import Answer, Model
from evenhand.deploying.serving.body import rows_of
from evenhand.deploying.serving.gathering import Gatherer, Waiting
from evenhand.deploying.serving.journal import OWN, Journal
from evenhand.deploying.serving.measuring import Meters
from evenhand.deploying.serving.refused import Refused
from evenhand.deploying.serving.settings import MOST_WAITING, Settings
from evenhand.errors import BadInput, PluginFault
from evenhand.recorded.finished import FinishedRun

PERSONAL = ("sensitive", "id", "group_id")
KIND = {"Float64": "number", "Float32": "number", "Boolean": "truth", "Date": "date"}


class Service:
    """A loaded model with its queue, log and meters. `journal` is None where nothing is logged."""

    def __init__(self, run: FinishedRun, model: Model, settings: Settings, journal: Journal | None) -> None:
        self.run, self.model, self.settings, self.journal = run, model, settings, journal
        self.identity: str = run.manifest["identity"]
        self.recipe = model.scorer.recipe
        self.ready, self.requests, self.rows = False, 0, 0
        classes = tuple(model.scorer.adapted.classes)
        self.meters = Meters(classes, lambda: len(self.gatherer), self.identity)
        most = max(settings.rows, settings.batch) * MOST_WAITING
        self.gatherer = Gatherer(self._score, settings.batch, settings.wait / 1000, most)

    async def predict(self, body: bytes, kind: str) -> dict[str, Any]:
        """The reply to a request's body. Refused where it cannot be answered."""
        frame = self.model.frame(rows_of(body, kind, self.recipe), self.settings.rows)
        request = uuid.uuid4().hex
        try:
            answer: Answer = await self.gatherer.ask(request, frame)
        except BadInput as error:
            raise Refused(422, str(error)) from None
        except PluginFault as error:
            raise Refused(500, str(error)) from None
        except OSError as error:
            raise Refused(503, f"the log cannot be written ({error.strerror}), so nothing is answered") from None
        self.requests, self.rows = self.requests + 1, self.rows + frame.height
        reply = {"request": request, "model": self.identity, "rows": answer.outputs.to_dicts()}
        return reply if answer.note is None else reply | {"note": answer.note}

    def tick(self) -> None:
        """Close a file of the log whose time is over."""
        if self.journal is not None:
            self.journal.tick()

    def _score(self, batch: Sequence[Waiting]) -> list[Answer | Exception]:
        """In the model's thread: answers, which are in the log before they leave."""
        answers = self.model.answers([waiting.frame for waiting in batch])
        good = [(w.request, a) for w, a in zip(batch, answers, strict=True) if isinstance(a, Answer)]
        if not good:
            return answers
        if self.journal is not None:
            kinds = self._kinds(good[0][1].outputs)
            self.journal.add([(request, self._logged(answer, kinds)) for request, answer in good], kinds)
        self.meters.batch(sum(answer.outputs.height for _, answer in good))
        for _, answer in good:
            column = next((c for c in answer.outputs.columns if c.startswith("prediction")), None)
            self.meters.scored(answer.outputs[column] if column else None, answer.outputs.height)
        return answers

    def _kinds(self, outputs: pl.DataFrame) -> dict[str, str]:
        """What each logged column holds, in their order: outputs, inputs, and personal ones where asked."""
        kinds = {name: _kind(dtype) for name, dtype in outputs.schema.items()}
        schema, personal = self.recipe.schema, {c for r, c in self.recipe.schema.columns() if r in PERSONAL}
        for column in schema.input:
            if self.settings.log_sensitive or column not in personal:
                kinds[_free(column, kinds)] = self.model.kind(column)
        if self.settings.log_sensitive:
            others = [c for role, c in schema.columns() if role not in ("input", "split", "score", "prediction")]
            for column in dict.fromkeys(others):
                if column not in schema.input:
                    kinds[_free(column, kinds)] = self.model.kind(column)
        return kinds

    def _logged(self, answer: Answer, kinds: dict[str, str]) -> pl.DataFrame:
        """An answer's rows with every logged column; null where a request did not bring it."""
        there = {name: answer.outputs[name] for name in answer.outputs.columns}
        for frame in (answer.carried, answer.inputs):
            there |= {_free(name, answer.outputs.columns): frame[name] for name in frame.columns}
        rows = answer.outputs.height
        return pl.DataFrame(
            [there[name].alias(name) if name in there else pl.Series(name, [None] * rows) for name in kinds]
        )


def open_journal(folder: Path | None, identity: str, settings: Settings) -> Journal | None:
    """The log in `folder`; None where there is none."""
    return None if folder is None else Journal(folder, identity, settings.log_rows, settings.log_seconds)


def _free(column: str, taken: Any) -> str:
    """The column's name in the log, where `time`, `request`, `row`, `model` and the outputs have theirs."""
    while column in OWN or column in taken:
        column = f"input_{column}"
    return column


def _kind(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Datetime):
        return "time"
    return "whole" if dtype.is_integer() else KIND.get(str(dtype), "text")
