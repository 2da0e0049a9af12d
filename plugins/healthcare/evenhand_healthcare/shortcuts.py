"""How well the label is told from what must not matter: a small model for each, which the real one has to beat.

patient_id: the number in the patient's id, in twenty ranges. site_and_view: those two columns. borders: the brightness
of the outer eighth of the picture; the lungs are masked, markers and collimation are not. random_network: one layer of
random filters over the whole picture, which sees edges and texture and was taught nothing (Saxe et al. 2011, ICML).
Radiographs are read by such shortcuts (Zech et al. 2018, PLOS Medicine 15; DeGrave, Janizek & Lee 2021, Nature Machine
Intelligence 3): where these models do well, a good figure of the real one proves little.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import Recipe, Schema, Splits, pictures

PREFIX = "shortcut_"
SAYS = {
    "patient_id": "the number in the patient's id alone",
    "site_and_view": "site and view alone",
    "borders": "the outer eighth of the picture alone, the {organ} masked",
    "random_network": "a network with random weights, on the whole picture",
}
ORGANS = {"chest-xray": "lungs", "volume": "head"}  # recipe -> what has to be read
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)  # of the logistic regression, C
RANGES = 20
SIDE, CELL = 64, 2  # pixels of the picture as the shortcuts see it, and of one cell of its border
FILTERS, WIDTH, STEP = 64, 6, 2
BATCH = 64


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A logistic model on one view of the rows. facts: what the view needs, as JSON; weight: float64 [width + 1]."""

    view: str
    facts: Mapping[str, Any]
    weight: np.ndarray

    def scores(self, rows: Any) -> np.ndarray:
        """Probabilities [rows, 2], in the order of the classes."""
        logit = features(self.view, self.facts, rows) @ self.weight[:-1] + self.weight[-1]
        second = 1 / (1 + np.exp(-np.clip(logit, -500, 500)))
        return np.stack([1 - second, second], axis=1)

    def save(self, folder: Path) -> None:
        """All of it as JSON; floats are written so that they are read again to the last bit."""
        about = {"view": self.view, "facts": self.facts, "weight": self.weight.tolist()}
        (folder / "shortcut.json").write_text(json.dumps(about, ensure_ascii=False) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Shortcut:
        """What `save` wrote."""
        about = json.loads((folder / "shortcut.json").read_text("utf-8"))
        return cls(about["view"], about["facts"], np.asarray(about["weight"]))


def says(view: str, recipe: Recipe) -> str:
    """What a shortcut sees, in words."""
    return SAYS[view].format(organ=organ(recipe))


def organ(recipe: Recipe) -> str:
    """What the model is meant to read."""
    return ORGANS.get(recipe.name, "middle")


def fit_shortcuts(
    splits: Splits, classes: tuple[Any, ...], seed: int, run: Any, extra: Mapping[str, Any] | None = None
) -> dict[str, Shortcut]:
    """One model for each shortcut that the data have, fitted on train; its strength is chosen on validation.

    extra: more facts for the views that look at pictures, such as the `grid` that volumes are brought to.
    """
    label = splits.schema.require("label", "the shortcut audit")
    parts = (splits.train, splits.validation)
    target = [np.array([value == classes[1] for value in part[label]]) for part in parts]
    views = {view: facts for view in SAYS if (facts := facts_of(view, splits, seed, extra or {})) is not None}
    found = {}
    for done, (view, facts) in enumerate(views.items()):
        run.progress(done, len(views), "shortcuts")
        found[PREFIX + view] = Shortcut(view, facts, fitted([features(view, facts, part) for part in parts], target))
    run.progress(len(views), len(views), "shortcuts")
    return found


def facts_of(view: str, splits: Splits, seed: int, extra: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the view needs to know of the training rows; None where the data have nothing of it."""
    schema, train = splits.schema, splits.train
    if view == "patient_id":
        numbers = [number_in(patient) for patient in train[schema.group_id]] if schema.group_id else []
        known = np.unique([number for number in numbers if number is not None])
        if len(known) < RANGES:
            return None
        cuts = np.quantile(known, np.linspace(0, 1, RANGES + 1)[1:-1])
        return {"column": schema.group_id, "cuts": np.unique(cuts).tolist()}
    if view == "site_and_view":
        columns = [name for name in dict.fromkeys((schema.site, "view")) if name and name in train.column_names]
        known_values = {name: sorted({str(value) for value in train[name]}) for name in columns}
        return {"values": known_values} if any(len(values) > 1 for values in known_values.values()) else None
    facts: dict[str, Any] = {"input": list(schema.input), **extra}
    if view == "random_network":
        drawn = np.random.default_rng([seed, FILTERS]).standard_normal((FILTERS, WIDTH, WIDTH))
        drawn -= drawn.mean(axis=(1, 2), keepdims=True)
        facts["filters"] = (drawn / np.sqrt((drawn**2).sum(axis=(1, 2), keepdims=True))).round(6).tolist()
    return facts


def number_in(patient: Any) -> float | None:
    """The digits of an id as a number; None where it has none, or more than a number holds."""
    digits = "".join(re.findall(r"[0-9]", str(patient).removesuffix(".0")))
    return float(digits) if 0 < len(digits) <= 15 else None


def features(view: str, facts: Mapping[str, Any], rows: Any) -> np.ndarray:
    """What the view sees of each row: float64 [rows, width]."""
    if view == "nothing":
        return np.zeros((len(rows), 0))
    if view == "patient_id":
        numbers = [number_in(patient) for patient in rows[facts["column"]]]
        place = np.array([-1 if n is None else int(np.searchsorted(facts["cuts"], n)) for n in numbers])
        return _one_hot(place, len(facts["cuts"]) + 1)
    if view == "site_and_view":
        known = [
            _one_hot(np.array([values.index(v) if v in values else -1 for v in map(str, rows[name])]), len(values))
            for name, values in facts["values"].items()
        ]
        return np.concatenate(known, axis=1)
    schema = Schema(input=tuple(facts["input"]))
    grey = projections(rows, schema, facts["grid"]) if "grid" in facts else films(rows, schema)
    return borders(grey) if view == "borders" else filtered(grey, np.asarray(facts["filters"], np.float32))


def _one_hot(place: np.ndarray, width: int) -> np.ndarray:
    """Rows of zeros with a one at `place`; none where it is -1."""
    return np.asarray(place[:, None] == np.arange(width)[None, :], dtype=np.float64)


def films(rows: Any, schema: Schema) -> np.ndarray:
    """Each picture in grey, [rows, SIDE, SIDE], float32 in [0, 1]."""
    size = (SIDE, SIDE)
    return np.stack([np.asarray(p.convert("L").resize(size), np.float32) / 255 for p in pictures(rows, schema)])


def projections(rows: Any, schema: Schema, grid: Mapping[str, Any]) -> np.ndarray:
    """The same of volumes: the mean over all slabs, seen from above."""
    from PIL import Image

    from evenhand_healthcare.volume.grid import Grid
    from evenhand_healthcare.volume.seen import grids

    found = (volume.mean(axis=0).astype(np.uint8) for volume in grids(rows, schema, Grid.from_described(grid)))
    return np.stack([np.asarray(Image.fromarray(one).resize((SIDE, SIDE)), np.float32) / 255 for one in found])


def borders(grey: np.ndarray) -> np.ndarray:
    """Mean brightness of each cell of the outer eighth."""
    cells = SIDE // CELL
    means = grey.reshape(-1, cells, CELL, cells, CELL).mean(axis=(2, 4))
    outer = np.ones((cells, cells), dtype=bool)
    outer[cells // 8 : -(cells // 8), cells // 8 : -(cells // 8)] = False
    return np.asarray(means[:, outer], dtype=np.float64)


def filtered(grey: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Mean over the picture of what each filter answers, cut off at zero."""
    patches = np.lib.stride_tricks.sliding_window_view(grey, (WIDTH, WIDTH), axis=(1, 2))[:, ::STEP, ::STEP]
    flat = filters.reshape(len(filters), -1).T
    found = []
    for start in range(0, len(grey), BATCH):
        some = patches[start : start + BATCH]
        answers = some.reshape(len(some), -1, WIDTH * WIDTH) @ flat
        found.append(np.maximum(answers, 0).mean(axis=1))
    return np.concatenate(found).astype(np.float64)


def fitted(seen: list[np.ndarray], target: list[np.ndarray]) -> np.ndarray:
    """Weight [width + 1] of a logistic regression on train, of the strength with the least log loss on validation."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    centre, spread = seen[0].mean(axis=0), float(seen[0].std()) or 1.0
    train, validation = ((part - centre) / spread for part in seen)
    best, least = None, np.inf
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=1000).fit(train, target[0])
        loss = log_loss(target[1], model.predict_proba(validation)[:, 1], labels=[False, True])
        if loss < least:
            best, least = model, loss
    assert best is not None
    weight = best.coef_[0] / spread
    return np.concatenate([weight, [best.intercept_[0] - weight @ centre]])
