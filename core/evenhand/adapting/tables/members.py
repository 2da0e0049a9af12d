"""The models that a table's strategy chooses among: each is fitted on rows, says probabilities, and is stored.

in-context  the tabular backbone, told the labelled rows; classification only
trees       gradient boosting (scikit-learn's histogram trees), stopped where validation no longer gains
linear      logistic or ridge regression on standardised numbers and one column per category
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import polars as pl

from evenhand.adapting.drawing import drawn
from evenhand.adapting.labels import Labels
from evenhand.adapting.models import as_scores
from evenhand.adapting.probe import Head, fit_head
from evenhand.adapting.weights import load_estimator, load_tensors, save_estimator, save_tensors
from evenhand.pretrained.tabular.columns import CATEGORY, Columns
from evenhand.pretrained.tabular.packaged import Packaged, PackagedClassifier

Network = Path | Packaged  # the folder of a backbone for tables, or the package that brings one

MOST_CONTEXTS = 4  # of 1,000 rows each: predicting takes as many times as long
MOST_CODES = 250  # of one column that trees split as categories; a column of more is split in the order of its codes
MOST_ROUNDS, PATIENCE = 600, 30
FIXED_ROUNDS = 100
SHRINKAGE = {"learning_rate": 0.05, "max_leaf_nodes": 15, "min_samples_leaf": 20, "l2_regularization": 1.0}
MOST_INDICATORS = 60  # categories of one column that the linear model tells apart
REACH = 8.0  # mean distances from the median at which the linear model cuts a number


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one fit: the inputs as a Polars frame, their matrix, their targets, and how much each counts."""

    frame: pl.DataFrame
    matrix: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, positions: np.ndarray) -> Part:
        """Those rows."""
        weights = None if self.weights is None else self.weights[positions]
        return Part(self.frame[positions], self.matrix[positions], self.targets[positions], weights)

    def joined(self, other: Part) -> Part:
        """These rows, then the others."""
        both = self.frame.vstack(other.frame), np.concatenate([self.matrix, other.matrix])
        weights = None
        if self.weights is not None and other.weights is not None:
            weights = np.concatenate([self.weights, other.weights])
        return Part(*both, np.concatenate([self.targets, other.targets]), weights)


class Member(Protocol):
    """A fitted model of one kind."""

    kind: ClassVar[str]

    @property
    def seen(self) -> np.ndarray:
        """The class numbers that the columns of `scores` stand for; [1] for regression."""
        ...

    def scores(self, frame: Any, matrix: np.ndarray) -> np.ndarray:
        """Probabilities [rows, classes], or values [rows] for regression."""
        ...

    def save(self, folder: Path) -> None:
        """Write what `load` needs into `folder`, which is made."""
        ...


@dataclass(frozen=True, slots=True)
class InContext:
    """The tabular backbone with its context."""

    kind: ClassVar[str] = "in-context"
    holds_rows: ClassVar[bool] = True  # its context
    classifier: Any

    @classmethod
    def fit(cls, train: Part, seed: int, weights: Network) -> InContext:
        """Keep the rows as context, each as often as it counts."""
        train = train if train.weights is None else train.rows(drawn(train.weights, seed))
        if isinstance(weights, Packaged):
            return cls(PackagedClassifier.fit(weights, train.frame, train.targets, seed))
        from evenhand.pretrained.tabular.classifier import TabularClassifier

        told = TabularClassifier(seed=seed, weights=weights, most_contexts=MOST_CONTEXTS)
        return cls(told.fit(train.frame, train.targets))

    @property
    def seen(self) -> np.ndarray:
        """See `Member`."""
        return np.asarray(self.classifier.classes_)

    def scores(self, frame: Any, matrix: np.ndarray) -> np.ndarray:
        """See `Member`."""
        return np.asarray(self.classifier.predict_proba(frame))

    def save(self, folder: Path) -> None:
        """See `Member`."""
        self.classifier.save(folder)

    @classmethod
    def load(cls, folder: Path, weights: Network) -> InContext:
        """BadInput where the backbone's weights are no longer those it was made with."""
        if isinstance(weights, Packaged):
            return cls(PackagedClassifier.load(folder, weights))
        from evenhand.pretrained.tabular.classifier import TabularClassifier

        return cls(TabularClassifier.load(folder, weights))


@dataclass(frozen=True, slots=True)
class Trees:
    """Gradient boosting over the matrix."""

    kind: ClassVar[str] = "trees"
    estimator: Any

    @classmethod
    def fit(
        cls, train: Part, stop: Part | None, columns: Columns, task: str, seed: int, rounds: int | None = None
    ) -> Trees:
        """Stopped where `stop` no longer gains, if it is given, else after `rounds`."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind: Any = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
        trees = kind(
            categorical_features=[f.kind == CATEGORY and len(f.levels) < MOST_CODES for f in columns.features],
            random_state=seed,
            max_iter=MOST_ROUNDS if stop else rounds or FIXED_ROUNDS,
            early_stopping=stop is not None,
            n_iter_no_change=PATIENCE,
            **SHRINKAGE,
        )
        held = {"X_val": stop.matrix, "y_val": stop.targets, "sample_weight_val": stop.weights} if stop else {}
        return cls(trees.fit(train.matrix, train.targets, sample_weight=train.weights, **held))

    @property
    def rounds(self) -> int:
        """How many trees there are, without those in which stopping waited in vain."""
        found = int(self.estimator.n_iter_)
        return max(found - PATIENCE, 1) if self.estimator.early_stopping and found < MOST_ROUNDS else found

    @property
    def seen(self) -> np.ndarray:
        """See `Member`."""
        return np.asarray(getattr(self.estimator, "classes_", [0]))

    def scores(self, frame: Any, matrix: np.ndarray) -> np.ndarray:
        """See `Member`."""
        if hasattr(self.estimator, "predict_proba"):
            return np.asarray(self.estimator.predict_proba(matrix))
        return np.asarray(self.estimator.predict(matrix))

    def save(self, folder: Path) -> None:
        """See `Member`."""
        folder.mkdir(parents=True, exist_ok=True)
        save_estimator(self.estimator, folder / "estimator.skops")

    @classmethod
    def load(cls, folder: Path, weights: Network) -> Trees:
        """What `save` wrote."""
        return cls(load_estimator(folder / "estimator.skops"))


@dataclass(frozen=True, slots=True)
class Linear:
    """A head on standardised numbers, marks of missing cells and one column per category.

    levels: of each column of the matrix, how many categories have a column of their own; 0 for numbers.
    spread: [columns of the design], by which each is divided. seen: the class numbers of the head's outputs.
    """

    kind: ClassVar[str] = "linear"
    head: Head
    levels: np.ndarray
    spread: np.ndarray
    seen: np.ndarray

    @classmethod
    def fit(cls, train: Part, columns: Columns, labels: Labels, strength: float) -> Linear:
        """Fitted with one strength of `probe.grid_of`."""
        levels = np.array([min(len(f.levels), MOST_INDICATORS) if f.kind == CATEGORY else 0 for f in columns.features])
        plain = design(train.matrix, levels)
        spread = np.where(plain.std(0) > 0, plain.std(0), 1.0).astype(np.float32)
        if labels.task == "regression":
            head = fit_head(plain / spread, train.targets, strength, labels, weights=train.weights)
            return cls(head, levels, spread, np.array([0]))
        seen, targets = np.unique(train.targets, return_inverse=True)
        known = replace(labels, classes=tuple(seen.tolist()))
        return cls(fit_head(plain / spread, targets, strength, known, weights=train.weights), levels, spread, seen)

    def scores(self, frame: Any, matrix: np.ndarray) -> np.ndarray:
        """See `Member`."""
        return as_scores(
            self.head.logits(design(matrix, self.levels) / self.spread), "regression" if len(self.seen) == 1 else ""
        )

    def save(self, folder: Path) -> None:
        """See `Member`."""
        import torch

        folder.mkdir(parents=True, exist_ok=True)
        held = {"weight": self.head.weight, "bias": self.head.bias, "levels": self.levels, "spread": self.spread}
        held["seen"] = self.seen
        save_tensors({name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in held.items()}, folder / TENSORS)

    @classmethod
    def load(cls, folder: Path, weights: Network) -> Linear:
        """What `save` wrote."""
        held = {name: tensor.numpy() for name, tensor in load_tensors(folder / TENSORS).items()}
        return cls(Head(held["weight"], held["bias"]), held["levels"], held["spread"], held["seen"])


TENSORS = "weights.safetensors"
KINDS: dict[str, type[InContext | Trees | Linear]] = {kind.kind: kind for kind in (InContext, Trees, Linear)}


def design(matrix: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """What the linear model sees: float32 [rows, columns], finite. Numbers are cut at REACH, 0 (the median) where
    missing, each with a mark of that; categories are one column each for the most frequent, none for others."""
    parts = []
    for position, count in enumerate(levels):
        values = matrix[:, position]
        if count:
            parts.append(values[:, None] == np.arange(1, count + 1))
        else:
            parts.append(np.clip(np.nan_to_num(values), -REACH, REACH)[:, None])
        parts.append(np.isnan(values)[:, None])
    return np.concatenate(parts, axis=1).astype(np.float32)
