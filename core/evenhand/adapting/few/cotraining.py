"""Two views of a message teach each other on messages without labels: its meaning, and its very words.

Co-training (Blum & Mitchell 1998, COLT), as self-training of their average: a linear head on the encoder's features and
a linear model of words and pieces of words are fitted on the labelled few; together they label the rest; both are
fitted again on the few and on those of which they were surest; and so on for some rounds. What one view cannot tell
the other often can, which is why they are worth more together than either that listens to itself alone. A last time
both are fitted on all messages with the labels that spread to them over their nearest neighbours (`neighbours`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.baselines import ngrams
from evenhand.adapting.few.neighbours import MOST, spread
from evenhand.adapting.probe import Head, fit_head, softmax

if TYPE_CHECKING:
    from evenhand.adapting.labels import Labels

ROUNDS = 2
KEPT = 0.7  # share of the messages without a label, the surest, that a round learns from
TRUSTED = 5.0  # how much a labelled row counts beside one that was labelled so
WORDS = 0.3  # weight of the words' probabilities beside the meaning's
PULLED = 0.3  # the head's strength on rows labelled so, in multiples of that on the labelled few: they are often wrong


@dataclass(frozen=True, slots=True)
class Views:
    """Labelled rows and messages without labels in both views. Rows of features and of texts are the same ones."""

    features: np.ndarray
    texts: Sequence[str]
    targets: np.ndarray
    unlabelled: np.ndarray
    messages: Sequence[str]


@dataclass(frozen=True, slots=True)
class Pair:
    """What the two views have learnt: a head on features, and an estimator of texts."""

    head: Head
    words: Any

    def chances(self, features: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        """Probabilities [rows, classes] of both together."""
        found = softmax(self.head.logits(features)) + WORDS * self.words.predict_proba(texts)
        return np.asarray(found / (1 + WORDS))


def cotrained(views: Views, labels: Labels, strength: float, seed: int) -> Pair:
    """Both views after ROUNDS rounds and what neighbours say. Every class must be among the targets."""
    from sklearn.pipeline import make_pipeline

    grams = ngrams().fit([*views.texts, *views.messages])
    few, many = grams.transform(views.texts).tocsr(), grams.transform(views.messages).tocsr()
    head = fit_head(views.features, views.targets, strength, labels)
    words = _words(few, views.targets, None, seed)

    def fitted(sure: np.ndarray, said: np.ndarray) -> tuple[Head, Any]:
        """Both views on the few and on messages `sure`, labelled as `said`."""
        targets = np.concatenate([views.targets, said])
        weights = np.concatenate([np.full(len(views.targets), TRUSTED), np.ones(len(sure))])
        seen = np.concatenate([views.features, views.unlabelled[sure]])
        head = fit_head(seen, targets, strength * PULLED, labels, weights=weights)
        return head, _words(_stacked(few, many[sure]), targets, weights, seed)

    for _ in range(ROUNDS):
        chances = softmax(head.logits(views.unlabelled)) + WORDS * words.predict_proba(many)
        sure = surest(chances, KEPT)
        head, words = fitted(sure, chances[sure].argmax(axis=1))
    if len(views.unlabelled) <= MOST:
        chances = spread(views.features, views.targets, views.unlabelled, labels.n_out)
        reached = np.flatnonzero(chances.any(axis=1))
        head, words = fitted(reached, chances[reached].argmax(axis=1))
    return Pair(head, make_pipeline(grams, words))


def surest(chances: np.ndarray, share: float) -> np.ndarray:
    """Row numbers, ascending, of that share of the rows whose highest chance is highest; at least one."""
    count = max(1, round(share * len(chances)))
    return np.sort(np.argsort(-chances.max(axis=1), kind="stable")[:count])


def _words(grams: Any, targets: np.ndarray, weights: np.ndarray | None, seed: int) -> Any:
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=10, tol=None, random_state=seed, n_jobs=-1)
    return model.fit(grams, targets, sample_weight=weights)


def _stacked(first: Any, second: Any) -> Any:
    from scipy.sparse import vstack

    return vstack([first, second]).tocsr()
