"""Ways to learn from few labels, alike to the one that chooses: fit on some of the labelled rows, score any of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from evenhand.adapting.features import FeatureCache
from evenhand.adapting.few.cotraining import WORDS, Pair, Views, cotrained
from evenhand.adapting.models import MeanModel, NetworkModel, ProbeModel, SimpleModel
from evenhand.adapting.probe import Head, fit_head, softmax
from evenhand.errors import BadInput
from evenhand.pretrained.text import texts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset

    from evenhand.adapting.few.labelled import Few
    from evenhand.pretrained.network import Network


TUNED = 0.03  # strength of a head on tuned vectors, which keep classes apart by themselves


class Fitted(Protocol):
    """What a method has learnt."""

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities [rows, classes] of labelled rows by their numbers."""
        ...

    def model(self) -> Any:
        """The same as a model that scores any rows and can be stored."""
        ...


class Method(Protocol):
    """A way to learn from few labels."""

    name: str

    def fit(self, few: Few, rows: np.ndarray, what: str) -> Fitted:
        """Learn from these labelled rows; `what` is told with the progress."""
        ...


@dataclass(frozen=True)
class Headed:
    """A head on a network that is as it was, or was pretrained further; where `beside` is there, both are averaged."""

    few: Few
    head: Head
    beside: Headed | None = None

    def scores(self, rows: np.ndarray) -> np.ndarray:
        mine = softmax(self.head.logits(self.few.features[rows]))
        return mine if self.beside is None else (mine + self.beside.scores(rows)) / 2

    def model(self) -> ProbeModel | NetworkModel:
        setting = self.few.setting
        if self.few.encoder is setting.encoder:
            return self.probe()
        network: Any = self.few.encoder.module(setting.labels.n_out, setting.labels.task)
        return _network_model(self.few, network, self.head, self.beside)

    def probe(self) -> ProbeModel:
        """The head on the encoder as it was pretrained."""
        setting = self.few.setting
        cache = FeatureCache(setting.run.cache, setting.run.progress)
        return ProbeModel(setting.encoder, self.head, setting.splits.schema, setting.labels.task, cache)


@dataclass(frozen=True)
class Tuned:
    """A tuned network, the head that was fitted on its vectors, and its vectors of all labelled rows."""

    few: Few
    network: Network
    head: Head
    features: np.ndarray

    def scores(self, rows: np.ndarray) -> np.ndarray:
        return softmax(self.head.logits(self.features[rows]))

    def of(self, rows: Dataset) -> np.ndarray:
        """Its vectors of other rows."""
        return _vectors(self.few, self.network, self.few.encoder.examples(rows, self.few.setting.splits.schema))

    def model(self) -> NetworkModel:
        return _network_model(self.few, self.network, self.head)


@dataclass(frozen=True)
class CoTrained:
    """Two views that taught each other: vectors of the encoder, tuned first where `tuned` is there, and words."""

    few: Few
    pair: Pair
    tuned: Tuned | None = None

    def scores(self, rows: np.ndarray) -> np.ndarray:
        features = self.few.features if self.tuned is None else self.tuned.features
        return self.pair.chances(features[rows], [self.few.texts[i] for i in rows])

    def model(self) -> MeanModel:
        head, schema = self.pair.head, self.few.setting.splits.schema
        meaning = Headed(self.few, head).probe() if self.tuned is None else replace(self.tuned, head=head).model()
        return MeanModel((meaning, SimpleModel(self.pair.words, "text", schema)), (1.0, WORDS))


class ByProbe:
    """A linear head on the frozen encoder."""

    name = "probe"

    def fit(self, few: Few, rows: np.ndarray, what: str) -> Headed:
        seen = few.of(rows)
        return Headed(few, fit_head(few.features[seen], few.targets[seen], few.strength, few.setting.labels))


class ByContrast:
    """The encoder tuned by contrast between look-alike classes, and a head on it."""

    name = "contrastive"

    def fit(self, few: Few, rows: np.ndarray, what: str) -> Tuned:
        key = "contrastive", rows.tobytes(), few.named
        if few.cache.get("tuned", (None,))[0] != key:  # the last one is kept: co-training begins with it
            few.cache["tuned"] = key, self._fit(few, rows, what)
        found: Tuned = few.cache["tuned"][1]
        return found

    def _fit(self, few: Few, rows: np.ndarray, what: str) -> Tuned:
        from evenhand.adapting.few.tuning import tuned

        seen = few.of(rows)
        network = tuned(few, seen, what)
        features = _vectors(few, network, few.examples)
        return Tuned(few, network, fit_head(features[seen], few.targets[seen], TUNED, few.setting.labels), features)


class ByCoTraining:
    """Meaning and words that teach each other on messages without labels; the encoder is tuned by contrast first."""

    name = "co-trained"

    def __init__(self, contrast: bool = True) -> None:
        self.contrast = contrast

    def fit(self, few: Few, rows: np.ndarray, what: str) -> CoTrained:
        setting, seen = few.setting, few.of(rows)
        if few.unlabelled is None:
            raise needs_messages(self.name)
        first = ByContrast().fit(few, rows, what) if self.contrast else None
        setting.run.progress(0, 1, what)
        views = Views(
            (few.features if first is None else first.features)[seen],
            [few.texts[i] for i in seen],
            few.targets[seen],
            few.unlabelled_features if first is None else first.of(few.unlabelled),
            texts_of(few.unlabelled, setting.splits.schema),
        )
        pair = cotrained(views, setting.labels, few.strength if first is None else TUNED, setting.recipe.seed)
        setting.run.progress(1, 1, what)
        return CoTrained(few, pair, first)


class Continued:
    """The encoder pretrained further on the user's messages, then another method on it."""

    name = "continued"

    def __init__(self, then: Method) -> None:
        self.then = then

    def fit(self, few: Few, rows: np.ndarray, what: str) -> Fitted:
        frozen = ByProbe().fit(few, rows, what)
        found: Fitted = self.then.fit(self._few(few), rows, what)
        return replace(found, beside=frozen) if isinstance(found, Headed) else found

    def _few(self, few: Few) -> Few:
        """The rows as the encoder after its further pretraining sees them; labels have no part in it."""
        from evenhand.adapting.few.masked import continued

        if few.unlabelled is None:
            raise needs_messages(self.name)
        if "continued" not in few.cache:
            few.cache["continued"] = continued(few), {}
        encoder, cache = few.cache["continued"]
        return replace(few, encoder=encoder, cache=cache)


def needs_messages(strategy: str) -> BadInput:
    """The error where a strategy has no messages without labels to learn from."""
    return BadInput(
        f"strategy '{strategy}' learns from messages without labels, and there are none; name a file of them with --set"
        " options.unlabelled=FILE, or leave the label of such rows in --data empty"
    )


def _vectors(few: Few, network: Network, examples: Sequence[dict[str, Any]]) -> np.ndarray:
    from evenhand.pretrained.network import run_batches

    encoder: Any = few.encoder
    return run_batches(network.body, encoder, examples, encoder.number_format)


def _network_model(few: Few, network: Any, head: Head, beside: Headed | None = None) -> NetworkModel:
    """The network with the head in it, as a model of its own."""
    import torch

    for parameter in network.parameters():
        parameter.requires_grad_(False)
    network.head.weight.copy_(torch.from_numpy(head.weight.copy("C")))
    network.head.bias.copy_(torch.from_numpy(head.bias.copy()))
    setting, labels = few.setting, few.setting.labels
    partner = beside.probe() if beside else None
    return NetworkModel(
        setting.encoder, network.eval(), setting.splits.schema, labels.task, partner, tuple(labels.classes)
    )
