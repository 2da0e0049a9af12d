"""The models that the core's strategies leave behind: they score rows, and are stored without pickle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.features import FeatureCache
from evenhand.adapting.probe import Head, softmax
from evenhand.adapting.views import VIEWS

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.pretrained import Encoder
    from evenhand.schema import Schema


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


@dataclass(frozen=True, slots=True)
class NetworkModel:
    """A trained network; where `partner` is there, its probabilities are averaged with the probe's."""

    encoder: Encoder
    network: Any
    schema: Schema
    task: str
    partner: ProbeModel | None = None

    def scores(self, rows: Dataset) -> np.ndarray:
        """Probabilities [rows, classes], or values [rows] for regression."""
        from evenhand.pretrained.network import run_batches

        examples = self.encoder.examples(rows, self.schema)
        mine = as_scores(run_batches(self.network, self.encoder, examples, "fp32").astype(np.float64), self.task)
        return mine if self.partner is None else np.asarray((mine + self.partner.scores(rows)) / 2)


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


def as_scores(logits: np.ndarray, task: str) -> np.ndarray:
    """Logits [rows, outputs] as the corridor wants them: probabilities, or one value per row."""
    return logits[:, 0] if task == "regression" else softmax(logits)
