"""The adapted model of a table: the chosen members, whose scores are averaged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.tables.members import KINDS, Member, Network
from evenhand.pretrained.locate import locate
from evenhand.pretrained.tabular.columns import Columns
from evenhand.pretrained.tabular.packaged import PACKAGES
from evenhand.schema import Schema

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.values import Backbone

ABOUT = "about.json"


@dataclass(frozen=True, slots=True)
class TableModel:
    """Members and the columns that all of them read."""

    members: tuple[Member, ...]
    columns: Columns
    schema: Schema
    outputs: int

    def scores(self, rows: Dataset) -> np.ndarray:
        """Probabilities [rows, classes], or values [rows] for regression."""
        frame = inputs_of(rows, self.schema)
        matrix = self.columns.matrix(frame)
        found = np.mean([aligned(member, frame, matrix, self.outputs) for member in self.members], axis=0)
        return found[:, 0] if self.outputs == 1 else np.asarray(found)

    def save(self, folder: Path) -> None:
        """about.json, and a folder for each member."""
        kinds = [member.kind for member in self.members]
        about: dict[str, Any] = {
            "members": kinds,
            "outputs": self.outputs,
            "columns": self.columns.as_dict(),
            "schema": self.schema.model_dump(),
        }
        text = json.dumps(about, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / ABOUT).write_text(text + "\n", "utf-8")
        for member in self.members:
            member.save(folder / member.kind)

    @classmethod
    def load(cls, folder: Path, recipe: Recipe, backbone: Backbone | None) -> TableModel:
        """What `save` wrote; BadInput where the backbone is another than the stored one."""
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        weights = weights_of(backbone)
        members = tuple(KINDS[kind].load(folder / kind, weights) for kind in about["members"])
        return cls(
            members, Columns.from_dict(about["columns"]), Schema.model_validate(about["schema"]), about["outputs"]
        )


def weights_of(backbone: Backbone | None) -> Network:
    """The network for tables, a folder or a package: the one that the core brings where the recipe names none."""
    from evenhand.pretrained.tabular.weights_file import EMBEDDED  # which imports torch

    if backbone is None:
        return EMBEDDED
    kind, _, name = backbone.source.partition(":")
    return PACKAGES[name] if kind == "package" else locate(backbone)


def aligned(member: Member, frame: Any, matrix: np.ndarray, outputs: int) -> np.ndarray:
    """What the member says, [rows, outputs]: 0 for a class that it has not seen."""
    said = member.scores(frame, matrix)
    found = np.zeros((len(said), outputs))
    found[:, member.seen] = said.reshape(len(said), -1)
    return found


def inputs_of(rows: Dataset, schema: Schema) -> Any:
    """The input columns as an Arrow-backed table with types as they are: dates stay dates."""
    schema.require("input", "a model")
    return rows.select_columns(list(schema.input)).with_format("arrow")[:]
