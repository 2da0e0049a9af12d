"""How well the label is told from what must not matter: a small model for each, which the real one has to beat.

patient_id: the number in the patient's id, in twenty ranges. site_and_view: those two columns. borders: the backbone on
pictures whose middle is blacked out (the lungs lie there; markers and collimation do not). random_network: the
backbone's architecture with random weights, which knows edges and brightness but was taught nothing (DeGrave, Janizek &
Lee 2021, Nature Machine Intelligence 3; Zech et al. 2018, PLOS Medicine 15).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import BadInput, Backbone, BackboneCard, Recipe, Splits, load_encoder

PREFIX = "shortcut_"
SAYS = {
    "patient_id": "the number in the patient's id alone",
    "site_and_view": "site and view alone",
    "borders": "the backbone on the outer eighth of the picture, the lungs masked",
    "random_network": "a network of the same shape with random weights, on the whole picture",
}
STRENGTHS = (0.001, 0.01, 0.1, 1.0)
RANGES = 20
SIDE, LAYER = 96, "blocks.4"  # what is not meant to be seen needs no fine detail
FRAME = 8  # the border is one part in eight, on each side
BATCH = 32


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A logistic model on one view of the rows. facts: what the view needs, as JSON; weight: float64 [width + 1]."""

    view: str
    facts: Mapping[str, Any]
    weight: np.ndarray
    encoder: Any = None

    def scores(self, rows: Any) -> np.ndarray:
        """Probabilities [rows, 2], in the order of the classes."""
        seen = features(self.view, self.facts, self.encoder, rows)
        second = 1 / (1 + np.exp(-(seen @ self.weight[:-1] + self.weight[-1])))
        return np.stack([1 - second, second], axis=1)

    def save(self, folder: Path) -> None:
        """facts and weights; the networks' weights stay with the backbone, or come from the seed."""
        identity = self.encoder.identity if self.encoder else None
        about = {"view": self.view, "facts": self.facts, "weight": self.weight.tolist(), "encoder": identity}
        (folder / "shortcut.json").write_text(json.dumps(about, ensure_ascii=False) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path, recipe: Recipe, backbone: Backbone | None) -> Shortcut:
        """BadInput where the network is another than the stored one."""
        about = json.loads((folder / "shortcut.json").read_text("utf-8"))
        encoder = encoder_of(about["view"], recipe, backbone)
        if encoder is not None and encoder.identity != about["encoder"]:
            raise BadInput(
                f"the stored shortcut '{about['view']}' was made with another network than there is now; run the recipe"
                " again in a new folder"
            )
        return cls(about["view"], about["facts"], np.asarray(about["weight"]), encoder)


def fit_shortcuts(
    recipe: Recipe, splits: Splits, backbone: Backbone, classes: tuple[Any, ...], run: Any
) -> dict[str, Shortcut]:
    """One model for each shortcut that the data have, fitted on train; its strength is chosen on validation."""
    label = splits.schema.require("label", "the shortcut audit")
    target = [np.array([value == classes[1] for value in part[label]]) for part in (splits.train, splits.validation)]
    found = {}
    views = {view: facts for view in SAYS if (facts := facts_of(view, splits)) is not None}
    for done, (view, facts) in enumerate(views.items()):
        run.progress(done, len(views), "shortcuts")
        encoder = encoder_of(view, recipe, backbone)
        seen = [features(view, facts, encoder, part) for part in (splits.train, splits.validation)]
        found[PREFIX + view] = Shortcut(view, facts, _fitted(seen, target), encoder)
    run.progress(len(views), len(views), "shortcuts")
    return found


def facts_of(view: str, splits: Splits) -> dict[str, Any] | None:
    """What the view needs to know of the training rows; None where the data have nothing of it."""
    schema, train = splits.schema, splits.train
    if view == "patient_id":
        if schema.group_id is None:
            return None
        numbers = np.array(sorted({n for n in map(number_in, train[schema.group_id]) if n is not None}))
        if len(numbers) < RANGES:
            return None
        cuts = np.quantile(numbers, np.linspace(0, 1, RANGES + 1)[1:-1])
        return {"column": schema.group_id, "cuts": sorted({float(cut) for cut in cuts})}
    if view == "site_and_view":
        columns = [name for name in dict.fromkeys((schema.site, "view")) if name in train.column_names]
        known = {name: sorted({str(value) for value in train[name]}) for name in columns if name}
        return {"values": known} if any(len(values) > 1 for values in known.values()) else None
    return {"schema": schema.model_dump(include={"input"})}


def number_in(patient: Any) -> float | None:
    """The digits of an id as a number; None where it has none, or more than a number holds."""
    digits = "".join(re.findall(r"[0-9]", str(patient).removesuffix(".0")))
    return float(digits) if 0 < len(digits) <= 15 else None


def encoder_of(view: str, recipe: Recipe, backbone: Backbone | None) -> Any:
    """The network that a view looks through, or None."""
    if view not in ("borders", "random_network") or backbone is None:
        return None
    offered = backbone.options.get("layers", ())
    rule = {"image_size": SIDE, "precision": "fp32", "layers": LAYER if LAYER in offered else "head"}
    reader = recipe.model_copy(update={"finetune": recipe.finetune.model_copy(update=rule)})
    return load_encoder(_untaught(backbone) if view == "random_network" else backbone, reader)


def _untaught(backbone: Backbone) -> Backbone:
    """The same architecture with random weights; resnet18 where the backbone does not say its own."""
    architecture = backbone.options.get("architecture", "resnet18")
    options = {key: value for key, value in backbone.options.items() if key in ("layers", "architecture")}
    card = BackboneCard("nothing: random weights", "Apache-2.0", backbone.card.parameters, 0.0)
    return Backbone(f"{architecture}-random", "image", f"timm:{architecture}", card, options)


def features(view: str, facts: Mapping[str, Any], encoder: Any, rows: Any) -> np.ndarray:
    """What the view sees of each row: float64 [rows, width]."""
    if view == "patient_id":
        numbers = [number_in(patient) for patient in rows[facts["column"]]]
        place = np.array([-1 if n is None else int(np.searchsorted(facts["cuts"], n)) for n in numbers])
        return _one_hot(place, len(facts["cuts"]) + 1)
    if view == "site_and_view":
        parts = [
            _one_hot(np.array([values.index(v) if v in values else -1 for v in map(str, rows[name])]), len(values))
            for name, values in facts["values"].items()
        ]
        return np.concatenate(parts, axis=1)
    return _looked_at(encoder, rows, facts["schema"]["input"], masked=view == "borders")


def _one_hot(place: np.ndarray, width: int) -> np.ndarray:
    """Rows of zeros with a one at `place`; none where it is -1."""
    return np.asarray(place[:, None] == np.arange(width)[None, :], dtype=np.float64)


def _looked_at(encoder: Any, rows: Any, inputs: Any, masked: bool) -> np.ndarray:
    """The network's features of each picture, its middle blacked out where it is masked."""
    import torch

    from evenhand import Schema

    examples = encoder.examples(rows, Schema(input=tuple(inputs)))
    found = []
    for start in range(0, len(examples), BATCH):
        pixels = np.stack([examples[i]["pixels"] for i in range(start, min(start + BATCH, len(examples)))])
        edge = pixels.shape[-1] // FRAME
        if masked:
            pixels[:, :, edge:-edge, edge:-edge] = 0
        with torch.inference_mode():
            found.append(encoder.body(torch.from_numpy(pixels)).numpy().astype(np.float64))
    return np.concatenate(found)


def _fitted(seen: list[np.ndarray], target: list[np.ndarray]) -> np.ndarray:
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
    weight = best.coef_[0] / spread
    return np.concatenate([weight, [best.intercept_[0] - weight @ centre]])
