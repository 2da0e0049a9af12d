"""The models that the core's strategies leave behind: they score rows, and are stored without pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.features import FeatureCache
from evenhand.adapting.library_format import HEAD_TENSORS, fill_network, write_network
from evenhand.adapting.probe import Head, probabilities
from evenhand.adapting.views import VIEWS
from evenhand.adapting.weights import load_estimator, load_tensors, save_estimator, save_tensors
from evenhand.pretrained.again import found_again
from evenhand.schema import Schema

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.pretrained import Encoder
    from evenhand.recipe import Recipe
    from evenhand.values import Backbone

ABOUT, TENSORS, ESTIMATOR = "about.json", "weights.safetensors", "estimator.skops"


@dataclass(frozen=True, slots=True)
class ProbeModel:
    """A frozen encoder and a linear head."""

    encoder: Encoder
    head: Head
    schema: Schema
    task: str
    cache: FeatureCache = field(default_factory=lambda: FeatureCache(None))

    def scores(self, rows: Dataset) -> np.ndarray:
        """Probabilities [rows, classes], or values [rows] for regression."""
        features = self.cache.features(self.encoder, rows, self.schema, "features of the rows to predict")
        return as_scores(self.head.logits(features), self.task)

    def save(self, folder: Path) -> None:
        """The head, and which encoder it sits on; the encoder's weights stay with the backbone."""
        save_tensors(_tensors_of(self.head), folder / TENSORS)
        about = {"task": self.task, "encoder": self.encoder.identity, "strength": self.head.strength}
        _describe(folder, self.schema, **about)

    @classmethod
    def load(cls, folder: Path, recipe: Recipe, backbone: Backbone | None) -> ProbeModel:
        """BadInput where the backbone is another than the stored one."""
        about, schema = _described(folder)
        head = replace(_head_of(load_tensors(folder / TENSORS)), strength=float(about.get("strength", 0.0)))
        return cls(found_again(about["encoder"], recipe, backbone), head, schema, about["task"])


@dataclass(frozen=True, slots=True)
class NetworkModel:
    """A trained network; where `partner` is there, its probabilities are averaged with the probe's.

    classes: what its outputs stand for, told to whoever opens the network without evenhand.
    """

    encoder: Encoder
    network: Any
    schema: Schema
    task: str
    partner: ProbeModel | None = None
    classes: tuple[Any, ...] = ()

    def scores(self, rows: Dataset) -> np.ndarray:
        """Probabilities [rows, classes], or values [rows] for regression."""
        from evenhand.pretrained.network import run_batches

        examples = self.encoder.examples(rows, self.schema)
        mine = as_scores(run_batches(self.network, self.encoder, examples, "fp32").astype(np.float64), self.task)
        return mine if self.partner is None else np.asarray((mine + self.partner.scores(rows)) / 2)

    def save(self, folder: Path) -> None:
        """Every weight, LoRA merged, as the modality's library reads it; our head and the partner's beside it."""
        write_network(self.network, self.encoder, folder, self.classes)
        head = {f"head.{name}": value.detach().cpu().clone() for name, value in self.network.head.state_dict().items()}
        save_tensors(head | (_tensors_of(self.partner.head) if self.partner else {}), folder / HEAD_TENSORS)
        outputs = self.network.head.out_features
        _describe(folder, self.schema, task=self.task, encoder=self.encoder.identity, outputs=outputs)

    @classmethod
    def load(cls, folder: Path, recipe: Recipe, backbone: Backbone | None) -> NetworkModel:
        """BadInput where the backbone is another than the stored one."""
        about, schema = _described(folder)
        encoder, before = found_again(about["encoder"], recipe, backbone), (folder / TENSORS).is_file()
        tensors = load_tensors(folder / (TENSORS if before else HEAD_TENSORS))
        joined = "probe.weight" in tensors
        partner = ProbeModel(encoder, _head_of(tensors), schema, about["task"]) if joined else None
        network: Any = encoder.module(int(about["outputs"]), about["task"])
        if before:  # format 2, which kept everything in one file under names of its own
            network.load_state_dict(tensors)
        else:
            fill_network(network, encoder, folder)
            network.head.load_state_dict({name.removeprefix("head."): value for name, value in tensors.items()})
        return cls(encoder, network.eval(), schema, about["task"], partner)


@dataclass(frozen=True, slots=True)
class SimpleModel:
    """A scikit-learn estimator over one view (`evenhand.adapting.views`) of the input columns."""

    estimator: Any
    view: str
    schema: Schema

    def scores(self, rows: Dataset) -> np.ndarray:
        """Probabilities [rows, classes], or values [rows] for regression."""
        seen = VIEWS[self.view](rows, self.schema)
        if hasattr(self.estimator, "predict_proba"):
            return np.asarray(self.estimator.predict_proba(seen))
        return np.asarray(self.estimator.predict(seen), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """The estimator and its view."""
        save_estimator(self.estimator, folder / ESTIMATOR)
        _describe(folder, self.schema, view=self.view)

    @classmethod
    def load(cls, folder: Path, recipe: Recipe, backbone: Backbone | None) -> SimpleModel:
        """It needs neither recipe nor backbone."""
        about, schema = _described(folder)
        return cls(load_estimator(folder / ESTIMATOR), about["view"], schema)


@dataclass(frozen=True, slots=True)
class MeanModel:
    """Several models whose probabilities are averaged by weights. Each is stored in a folder of its own."""

    members: tuple[Any, ...]
    weights: tuple[float, ...]

    def scores(self, rows: Dataset) -> np.ndarray:
        """Probabilities [rows, classes]."""
        if (heads := _heads_of_one(self.members)) is not None:
            first = self.members[0]
            features = first.cache.features(first.encoder, rows, first.schema, "features of the rows to predict")
            each = [as_scores(head.logits(features), first.task) for head in heads]
            return np.asarray(np.average(each, axis=0, weights=self.weights))
        found = [weight * member.scores(rows) for member, weight in zip(self.members, self.weights, strict=True)]
        return np.asarray(sum(found) / sum(self.weights))


def _heads_of_one(members: tuple[Any, ...]) -> list[Head] | None:
    """The heads of probes on one encoder, whose features are made once; None where members are anything else."""
    if not all(type(member) is ProbeModel for member in members):
        return None
    same = len({member.encoder.identity for member in members}) == 1
    return [member.head for member in members] if same else None


def as_scores(logits: np.ndarray, task: str) -> np.ndarray:
    """Logits [rows, outputs] as the corridor wants them: probabilities, or one value per row."""
    return logits[:, 0] if task == "regression" else probabilities(logits, task)


def as_logits(scores: np.ndarray, task: str) -> np.ndarray:
    """Logits, or values [rows, 1], of which `as_scores` makes these scores."""
    if task == "regression":
        return scores.reshape(-1, 1)
    logs = np.log(np.clip(scores, 1e-30, None))
    return np.asarray(logs - np.log(np.clip(1 - scores, 1e-30, None)) if task == "multilabel" else logs)


def _describe(folder: Path, schema: Schema, **facts: Any) -> None:
    text = json.dumps({**facts, "schema": schema.model_dump()}, indent=1, ensure_ascii=False)
    (folder / ABOUT).write_text(text + "\n", "utf-8")


def _described(folder: Path) -> tuple[dict[str, Any], Schema]:
    about: dict[str, Any] = json.loads((folder / ABOUT).read_text("utf-8"))
    return about, Schema.model_validate(about["schema"])


def _tensors_of(head: Head) -> dict[str, Any]:
    import torch

    return {"probe.weight": torch.from_numpy(head.weight.copy("C")), "probe.bias": torch.from_numpy(head.bias.copy())}


def _head_of(tensors: dict[str, Any]) -> Head:
    """The head that is taken out of `tensors`."""
    return Head(tensors.pop("probe.weight").numpy(), tensors.pop("probe.bias").numpy())
