"""Linear heads on fixed features, updated: by new rows, with old ones beside, or pulled back to what they were.

The pull is a convex problem: the mean log loss of the rows plus strength / 2 · Σ importance · (θ − θ₀)². With every
importance 1 it is L2-SP (Li et al. 2018, ICML); with Fisher's information of the old rows, EWC (Kirkpatrick et al.
2017, PNAS 114(13)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.models import ProbeModel
from evenhand.adapting.probe import Head, fit_head, softmax
from evenhand.adapting.tables.members import Linear, design
from evenhand.adapting.tables.model import TableModel, inputs_of
from evenhand.living.sites.views import labels_of
from evenhand.pretrained.tabular.columns import as_frame

if TYPE_CHECKING:
    from datasets import Dataset

USUAL = 1.0  # the strength of a head whose own is not recorded
PULLS = (0.001, 0.01, 0.1, 1.0)  # strengths that validation rows choose among
TOLERANCE, STEPS = 1e-9, 500


@dataclass(frozen=True, slots=True)
class Headed:
    """A model that is a linear head on features that stay as they are: a probe, or the linear model of a table."""

    model: Any

    @property
    def head(self) -> Head:
        """The head as it is."""
        found: Head = self.model.head if isinstance(self.model, ProbeModel) else self.model.members[0].head
        return found

    def features(self, rows: Dataset) -> np.ndarray:
        """What the head reads of the rows, float32 [rows, width]."""
        model = self.model
        if isinstance(model, ProbeModel):
            return model.cache.features(model.encoder, rows, model.schema, "features")
        member = model.members[0]
        matrix = model.columns.matrix(as_frame(inputs_of(rows, model.schema)))
        return np.asarray(design(matrix, member.levels) / member.spread, dtype=np.float32)

    def with_head(self, head: Head) -> Any:
        """The same model with another head."""
        if isinstance(self.model, ProbeModel):
            return replace(self.model, head=head)
        return replace(self.model, members=(replace(self.model.members[0], head=head),))


def headed(model: Any, classes: int) -> Headed | None:
    """The model as a head on features; None where it is none, or one that has not seen every class."""
    if isinstance(model, ProbeModel):
        return Headed(model)
    alone = isinstance(model, TableModel) and len(model.members) == 1 and isinstance(model.members[0], Linear)
    return Headed(model) if alone and len(model.members[0].seen) == classes else None


def refitted(head: Head, features: np.ndarray, targets: np.ndarray) -> Head:
    """The head fitted to these rows from where it stands, at its own strength; targets: class numbers, [rows].

    A class without a row keeps the weights that it had.
    """
    seen, numbers = np.unique(targets, return_inverse=True)
    part = Head(head.weight[seen], head.bias[seen], head.strength)
    strength = head.strength or USUAL
    found = fit_head(features, numbers, strength, labels_of(seen.tolist(), numbers), start=part)
    weight, bias = head.weight.copy(), head.bias.copy()
    weight[seen], bias[seen] = found.weight, found.bias
    return Head(weight, bias, strength)


def pulled(head: Head, features: np.ndarray, targets: np.ndarray, strength: float, importance: np.ndarray) -> Head:
    """The head that fits the rows and stays near what it was; importance: of every weight and bias, see `flat`.

    The pull is on the scale of features of unit spread, so that `strength` means the same for every encoder.
    """
    from scipy.optimize import minimize

    centre, spread = _scale(features)
    scaled, start = (features - centre) / spread, flat(head, centre, spread)
    classes, rows = len(head.bias), len(targets)
    truth = np.eye(classes)[targets]

    def cost(at: np.ndarray) -> tuple[float, np.ndarray]:
        weight, bias = at[classes:].reshape(classes, -1), at[:classes]
        said = softmax(scaled @ weight.T + bias)
        off, away = (said - truth) / rows, at - start
        loss = -float(np.log(np.clip((said * truth).sum(1), 1e-300, 1)).mean())
        loss += strength / 2 * float(importance @ away**2)
        slope = np.concatenate([off.sum(0), (off.T @ scaled).ravel()])
        return loss, slope + strength * importance * away

    options = {"maxiter": STEPS, "ftol": TOLERANCE}
    found = np.asarray(minimize(cost, start, jac=True, method="L-BFGS-B", options=options).x)
    weight = found[classes:].reshape(classes, -1) / spread
    bias = found[:classes] - weight @ centre
    return Head(weight.astype(np.float32), bias.astype(np.float32), head.strength)


def flat(head: Head, centre: np.ndarray, spread: float) -> np.ndarray:
    """Biases and weights on scaled features, in a row: [classes + classes · width]."""
    weight = head.weight.astype(np.float64)
    return np.concatenate([head.bias + weight @ centre, (weight * spread).ravel()])


def evenly(head: Head) -> np.ndarray:
    """The importance of L2-SP: every weight and bias alike."""
    return np.ones(head.bias.size + head.weight.size)


def fisher(head: Head, old: np.ndarray, features: np.ndarray) -> np.ndarray:
    """The importance of EWC: the diagonal of Fisher's information on the features of `old` rows, with a mean of 1.

    features: the rows that will be fitted, whose scale is used. The expectation is over the model's own classes.
    """
    centre, spread = _scale(features)
    scaled = (old - centre) / spread
    said = softmax(head.logits(old))
    spread_of = said * (1 - said)  # the variance of each class's gradient
    found = np.concatenate([spread_of.mean(0), (spread_of.T @ scaled**2 / len(old)).ravel()])
    return np.asarray(found / max(float(found.mean()), 1e-12))


def _scale(features: np.ndarray) -> tuple[np.ndarray, float]:
    centre = features.mean(axis=0).astype(np.float64)
    return centre, float(np.sqrt(np.mean((features - centre) ** 2))) or 1.0
