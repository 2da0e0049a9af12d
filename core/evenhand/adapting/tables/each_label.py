"""A multi-label table: one model for each label, chosen and fitted as that of a binary task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.labels import Labels
from evenhand.adapting.models import SimpleModel
from evenhand.adapting.tables.choosing import adapt_table
from evenhand.adapting.tables.model import TableModel
from evenhand.values import Adapted

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.values import Backbone, Splits

ABOUT = "labels.json"


@dataclass(frozen=True, slots=True)
class EachLabel:
    """The models of the labels, in their order."""

    models: tuple[TableModel, ...]

    def scores(self, rows: Dataset) -> np.ndarray:
        """The probability of each label, [rows, labels]."""
        return np.stack([model.scores(rows)[:, 1] for model in self.models], axis=1)

    def save(self, folder: Path) -> None:
        """A folder for each label."""
        (folder / ABOUT).write_text(json.dumps({"labels": len(self.models)}) + "\n", "utf-8")
        for number, model in enumerate(self.models):
            (folder / f"label_{number}").mkdir()
            model.save(folder / f"label_{number}")

    @classmethod
    def load(cls, folder: Path, recipe: Recipe, backbone: Backbone | None) -> EachLabel:
        """What `save` wrote; BadInput where the backbone is another than the stored one."""
        labels = json.loads((folder / ABOUT).read_text("utf-8"))["labels"]
        return cls(tuple(TableModel.load(folder / f"label_{n}", recipe, backbone) for n in range(labels)))


def adapt_labels(
    recipe: Recipe,
    splits: Splits,
    backbone: Backbone | None,
    run: Run,
    labels: Labels,
    baselines: Mapping[str, SimpleModel],
) -> Adapted:
    """`adapt_table` for each label by itself: what serves one label best need not serve the next."""
    found = []
    for number, name in enumerate(labels.classes):
        run.progress(number, len(labels.classes), f"label {name}")
        alone = replace(
            labels,
            task="binary",
            classes=(0, 1),
            train=labels.train[:, number],
            validation=labels.validation[:, number],
        )
        found.append(adapt_table(recipe, splits, backbone, run, alone, {}))
    notes = [f"{name}: {note}" for name, one in zip(labels.classes, found, strict=True) for note in one.notes[:-1]]
    unseen: list[Any] = [one.validation_scores for one in found]
    known = all(scores is not None for scores in unseen)
    return Adapted(
        EachLabel(tuple(one.model for one in found)),
        labels.classes,
        " / ".join(dict.fromkeys(one.strategy for one in found)),
        baselines,
        {
            f"{key} of {name}": v
            for name, one in zip(labels.classes, found, strict=True)
            for key, v in one.validation.items()
        },
        (*labels.notes, *notes, *found[-1].notes[-1:]),
        np.stack([scores[:, 1] for scores in unseen], axis=1) if known else None,
    )
