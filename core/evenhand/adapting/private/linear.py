"""A private linear head on features: scaled by validation rows, trained with noise, taken where those are best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from evenhand.adapting.labels import Labels
from evenhand.adapting.probe import Head, quality
from evenhand.privacy.budget import GAUSSIAN, Spent, budget_of, gaussian_epsilon
from evenhand.privacy.heads import STEPS, gradient_heads, with_constant
from evenhand.privacy.secret import Noise

if TYPE_CHECKING:
    from evenhand.recipe_rules import PrivacyRule

EVERY = 5  # of the heads on the way validation rows judge each so manieth


def private_head(
    train: np.ndarray, held: np.ndarray, labels: Labels, rule: PrivacyRule, noise: Noise | None
) -> tuple[Head, Spent]:
    """(the head on raw features, what it spent). train, held: [rows, width], of training and validation rows.

    Which head on the way is taken costs nothing: all are private, and validation rows, which are not, choose.
    noise None: the same without noise and clipping, hence without privacy.
    """
    budget = budget_of(rule, len(train))
    mu = budget.mu if noise else math.inf
    normal, clip = (noise.normal, rule.clip) if noise else (np.zeros, math.inf)
    centre, length = measured(held)
    rows = with_constant((train - centre) / length)
    found = gradient_heads(rows, labels.train, labels.n_out, mu, clip, normal)
    heads = [unfolded(weight, centre, length) for weight in found[EVERY - 1 :: EVERY]]
    best = max(heads, key=lambda head: quality(head.logits(held), labels)["selection"])
    multiplier = STEPS**0.5 / mu
    spent = gaussian_epsilon(mu, budget.delta) if noise else math.inf
    about = (GAUSSIAN, multiplier, 1.0, STEPS, rule.clip, "noisy gradient descent", budget.rows)
    return best, Spent(spent, budget.delta, *about)


def measured(held: np.ndarray) -> tuple[np.ndarray, float]:
    """(the mean of validation rows, their median distance from it)."""
    centre = held.mean(axis=0, dtype=np.float64)
    return centre, float(np.median(np.sqrt(((held - centre) ** 2).sum(1)))) or 1.0


def unfolded(weight: np.ndarray, centre: np.ndarray, length: float) -> Head:
    """The head on raw features of weights on centred and scaled ones with a constant."""
    slope = weight[:, :-1] / length
    return Head(slope.astype(np.float32), (weight[:, -1] - slope @ centre).astype(np.float32))
