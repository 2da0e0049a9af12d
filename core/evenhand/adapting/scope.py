"""None of these: a score that says a row belongs to no class of training, and the threshold from which it is left open.

Several scores are tried by holding whole classes out: a head is fitted on the rows of three quarters of the classes,
and the score is best that orders held-out validation rows of those before all rows of the others (the mean AUC of
DRAWS draws). So what is measured is how rows of a class that nobody taught look, which is what a new one looks like.
The threshold leaves a stated share of the validation rows, whose classes are known, to be decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.features import FeatureCache
from evenhand.adapting.labels import Labels, read_labels
from evenhand.adapting.probe import fit_head, softmax
from evenhand.adapting.probing import cache_of
from evenhand.errors import BadInput
from evenhand.statistics import concordance

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.pretrained import Encoder
    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.schema import Schema
    from evenhand.values import Adapted, Backbone, Splits

KINDS = ("probability", "entropy", "distance", "probability+distance")
DRAWS = 5
HELD_OUT = 0.25  # share of the classes
STRENGTH = 0.1  # of the head with which scores are tried
LEAST_CLASSES = 4


@dataclass(frozen=True, slots=True)
class Scope:
    """How rows of no known class are told. Higher scores are less like any; above `threshold` a row is left open.

    centres: float32 [classes, width], the mean direction of each class in the frozen encoder's features.
    kept: the share of validation rows that the threshold decides; rows: how many they were; aucs: score -> its mean AUC
    with whole classes held out.
    """

    kind: str
    threshold: float
    kept: float
    rows: int
    aucs: Mapping[str, float]
    centres: np.ndarray
    encoder: Encoder
    cache: FeatureCache

    def scores(self, rows: Dataset, schema: Schema, probabilities: np.ndarray) -> np.ndarray:
        """The score of each row, [rows]: from what the model says of it, and its features where the kind needs them."""
        if "distance" in self.kind:
            features = self.cache.features(self.encoder, rows, schema, "distances to the classes")
            return strangeness(self.kind, probabilities, features, self.centres)
        return strangeness(self.kind, probabilities, self.centres[:0], self.centres)

    def facts(self) -> dict[str, Any]:
        """The same as JSON, but for the centres."""
        return {
            "kind": self.kind,
            "threshold": self.threshold,
            "kept": self.kept,
            "rows": self.rows,
            "aucs": dict(self.aucs),
            "encoder": self.encoder.identity,
        }


def strangeness(kind: str, probabilities: np.ndarray, features: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """How little rows look like any class, [rows], at least 0: by one of KINDS.

    probability: 1 - the highest; entropy: as a share of the largest possible; distance: 1 - the cosine to the nearest
    class; probability+distance: their sum.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if kind == "entropy":
        return np.asarray(-(p * np.log(np.clip(p, 1e-30, 1))).sum(axis=1) / np.log(p.shape[1]))
    found = np.zeros(len(p))
    if "probability" in kind:
        found = found + 1 - p.max(axis=1)
    if "distance" in kind:
        found = found + 1 - (unit(features.astype(np.float64)) @ centres.T.astype(np.float64)).max(axis=1)
    return np.asarray(np.clip(found, 0, None))


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors with length 1; one of length 0 stays."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))


def centres_of(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The mean direction of each class that is there, in the order of their numbers: float32 [classes, width]."""
    means = np.stack([features[targets == one].mean(axis=0) for one in np.unique(targets)])
    return unit(means).astype(np.float32)


def with_scope(recipe: Recipe, splits: Splits, adapted: Adapted, backbone: Backbone | None, run: Run) -> Adapted:
    """The adapted model with what tells rows of no class, where the recipe's table [abstain] asks for it."""
    from dataclasses import replace

    from evenhand.adapting import scores
    from evenhand.pretrained import load_encoder

    rule = recipe.abstain
    if rule.keep is None:
        return adapted
    if recipe.task != "multiclass" or backbone is None or recipe.modality == "table":
        raise BadInput(
            "abstain.keep leaves rows open that belong to none of several classes, for texts and images with a"
            f" backbone; recipe '{recipe.full_name}' is a {recipe.task} task about {recipe.modality}: leave it out"
        )
    labels = read_labels(recipe, splits)
    encoder = load_encoder(backbone, recipe)
    cache = cache_of(run)
    validation = splits.validation.select(labels.validation_rows)
    features = [cache.features(encoder, part, splits.schema) for part in (splits.train, validation)]
    aucs = tried(features[0], features[1], labels, recipe.seed)
    kind = max(aucs, key=lambda name: aucs[name]) if rule.by == "auto" and aucs else _default(rule.by)
    told = adapted.validation_scores
    known = scores(adapted.model, splits.validation, splits.schema) if told is None else told
    inside = strangeness(kind, known[labels.validation_rows], features[1], centres_of(features[0], labels.train))
    if not len(inside):
        raise BadInput("abstain.keep is reached on validation rows, and there are none; give a larger split.validation")
    threshold = float(np.quantile(inside, rule.keep, method="higher"))
    both = np.concatenate([labels.train, labels.validation])
    centres = centres_of(np.concatenate(features), both)
    kept = float((inside <= threshold).mean())
    alone = FeatureCache(run.cache, run.progress)  # under torchrun one process predicts: nobody to wait for
    scope = Scope(kind, threshold, kept, len(inside), aucs, centres, encoder, alone)
    return replace(adapted, scope=scope, notes=(*adapted.notes, _told(scope)))


def tried(train: np.ndarray, validation: np.ndarray, labels: Labels, seed: int) -> dict[str, float]:
    """Score -> its mean AUC over draws of held-out classes; empty where there are too few classes or rows for it."""
    if labels.n_out < LEAST_CLASSES:
        return {}
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for draw in range(DRAWS):
        rng = np.random.default_rng([seed, 19, draw])
        out = rng.choice(labels.n_out, max(1, round(HELD_OUT * labels.n_out)), replace=False)
        fitted, asked = ~np.isin(labels.train, out), ~np.isin(labels.validation, out)
        known, targets = np.unique(labels.train[fitted], return_inverse=True)
        inner = Labels(labels.task, tuple(known.tolist()), targets, targets[:0], targets[:0])
        head = fit_head(train[fitted], targets, STRENGTH, inner)
        features = np.concatenate([validation, train[~fitted]])
        strange = np.concatenate([~asked, np.ones((~fitted).sum(), dtype=bool)])
        chances, centres = softmax(head.logits(features)), centres_of(train[fitted], targets)
        for kind in KINDS:
            score = strangeness(kind, chances, features, centres)
            found[kind].append(concordance.auc(strange, score).value)
    means = {kind: float(np.mean(values)) for kind, values in found.items()}
    return means if all(np.isfinite(value) for value in means.values()) else {}


def _default(asked: str) -> str:
    """The score that was asked for; the simplest where nothing could be tried."""
    return "probability" if asked == "auto" else asked


def _told(scope: Scope) -> str:
    each = ", ".join(f"{name} {value:.3f}" for name, value in scope.aucs.items())
    measured = f" (AUC with whole classes held out, mean of {DRAWS} draws: {each})" if each else ""
    return (
        f"a row is left open where its {scope.kind} says none of these, above {scope.threshold:.4g}{measured}; that"
        f" decides {scope.kept:.1%} of the {scope.rows:,} validation rows"
    )
