"""What an export was asked for, and what its stages share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from evenhand.deploying.exporting.parts import INSTEAD, Parts, parts_of
from evenhand.errors import BadInput
from evenhand.living.sites.place import old_rows
from evenhand.recorded.finished import FinishedRun
from evenhand.recorded.run_folder import Run
from evenhand.scoring.scorer import Scorer
from evenhand.values import Splits

if TYPE_CHECKING:
    from datasets import Dataset

FORMATS = ("onnx", "torch-export", "mlflow")
CONVERTED, QUANTISED = "converted", "quantised"


@dataclass(frozen=True, slots=True)
class Asked:
    """How the export was asked for. margin: how much worse a group may become; with_rows: a model's rows may go."""

    form: str
    int8: bool
    margin: float
    with_rows: bool

    def check(self) -> None:
        """BadInput for what cannot be."""
        if self.form not in FORMATS:
            raise BadInput(f"there is no format '{self.form[:40]}'; take {', '.join(FORMATS)} (--format)")
        if self.int8 and self.form == "torch-export":
            raise BadInput("int8 is made by onnxruntime; take --format onnx or mlflow, or leave out --int8")
        if not 0 <= self.margin < 1:
            raise BadInput(f"a margin is a share from 0 to below 1, not {self.margin:g} (--margin)")

    @property
    def last(self) -> str:
        """The folder that would be promoted."""
        return QUANTISED if self.int8 else CONVERTED


class State:
    """What the stages share. source: the run's own data where it has moved."""

    def __init__(self, run: Run, scorer: Scorer, found: FinishedRun, source: Any, asked: Asked, engine: str) -> None:
        self.run, self.scorer, self.found, self.source, self.asked = run, scorer, found, source, asked
        self.engine = engine

    @cached_property
    def splits(self) -> Splits:
        """The run's own rows; BadInput where they are not at hand any more."""
        splits, why = old_rows(self.scorer, self.found, self.source)
        if splits is None:
            raise BadInput(
                f"an export is checked on the run's own test rows: {why.partition(';')[0]}; name the same data with"
                " --source"
            )
        return splits

    @cached_property
    def parts(self) -> Parts:
        """The model in parts; BadInput where it has no conversion."""
        return parts_of(self.scorer.adapted)


def engine_of(scorer: Scorer, asked: Asked) -> str:
    """What will run the files; BadInput where the model has no conversion to what was asked for.

    MLflow's folder holds ONNX where the model has that, else evenhand's own files.
    """
    try:
        parts = parts_of(scorer.adapted)
    except BadInput:
        if asked.form == "mlflow" and not asked.int8:
            return "evenhand"
        raise
    trees = any(part.portable.trees for part in parts.parts)
    if trees and asked.int8:
        raise BadInput("trees have thresholds, not weights, and 8 bits would move them; leave out --int8")
    if trees and asked.form == "torch-export":
        raise BadInput(f"trees are no torch module; take --format onnx, which has an operator for them, or {INSTEAD}")
    return "torch-export" if asked.form == "torch-export" else "onnx"


def frame_of(rows: Dataset, columns: list[str]) -> pl.DataFrame:
    """Those columns as a Polars frame; pictures stay encoded."""
    import datasets

    for name in columns:
        if isinstance(rows.features[name], datasets.Image):
            rows = rows.cast_column(name, datasets.Image(decode=False))
    frame: Any = pl.from_arrow(rows.select_columns(columns).with_format("arrow")[:])
    return pl.DataFrame(frame)


@contextmanager
def in_full_precision(model: Any) -> Iterator[str]:
    """The number format of the model's encoders, which compute in fp32 while the block runs."""
    found: dict[int, Any] = {}
    waiting, seen = [model], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if getattr(part, "number_format", "fp32") != "fp32":
            found[id(part)] = part
        for name in ("model", "encoder", "base", "partner", "members", "scope"):
            inner = getattr(part, name, None)
            waiting += list(inner) if isinstance(inner, tuple) else [inner] if inner is not None else []
    before = {key: part.number_format for key, part in found.items()}
    try:
        for part in found.values():
            part.number_format = "fp32"
        yield next(iter(before.values()), "fp32")
    finally:
        for key, part in found.items():
            part.number_format = before[key]
