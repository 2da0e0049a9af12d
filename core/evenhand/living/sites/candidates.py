"""What could be done at a new place, from the cheapest to the most: each is fitted from the ground, then judged alike.

nothing       the source model as it is
recalibrate   its probabilities moved as far as the labels prove; `platt`: moved and sharpened
label-shift   its probabilities moved to the shares that expectation-maximisation guesses; no labels needed
reweight      fitted anew to old rows drawn as if they came from the place; no labels needed
align         fitted anew to old rows brought to the place's means and covariances (CORAL); no labels needed
centre        fitted anew to old embeddings moved to the place's mean; no labels needed; not of tables
probe         a linear model of the inputs on top of the source model
finetune      fitted anew to the place's labelled rows alone
pool          fitted anew to old and new rows together
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.adapting.corrected import Corrected, Correction, cautious, logs_of, moved, platt
from evenhand.living.sites.alignment import coral, shares_by_em, told_apart
from evenhand.living.sites.ground import UNKNOWN, Ground
from evenhand.living.sites.views import EmbeddedViews

NEEDED = 2.8  # standard errors that a move must be proven by: what the largest of eight candidates takes, and a margin
Fit = Callable[[Ground, np.ndarray], Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing to do. fit: (ground, positions of the labelled rows to use) -> a model.

    labels: whether it is fitted from the place's labels. home: whether it needs the old rows. inputs: whether it reads
    the inputs themselves. embedded: whether it is about embeddings alone.
    """

    name: str
    says: str
    fit: Fit
    labels: bool = True
    home: bool = False
    inputs: bool = False
    embedded: bool = False


def nothing(ground: Ground, rows: np.ndarray) -> Any:
    """The source model itself."""
    return ground.adapted.model


def _recalibrate(ground: Ground, rows: np.ndarray) -> Any:
    clusters = np.unique(ground.clusters[rows], return_inverse=True)[1]
    return Corrected(
        ground.adapted.model, cautious(ground.logs[rows], ground.targets[rows], clusters, NEEDED), ground.schema
    )


def _recalibrate_whole(ground: Ground, rows: np.ndarray) -> Any:
    return Corrected(ground.adapted.model, moved(ground.logs[rows], ground.targets[rows]), ground.schema)


def _platt(ground: Ground, rows: np.ndarray) -> Any:
    return Corrected(ground.adapted.model, platt(ground.logs[rows], ground.targets[rows]), ground.schema)


def _label_shift(ground: Ground, rows: np.ndarray) -> Any:
    assert ground.home is not None
    before = np.bincount(ground.home.targets, minlength=ground.outputs) / len(ground.home.targets)
    before = np.maximum(before, 1e-6)
    shares = np.maximum(shares_by_em(ground.scores, before), 1e-6)
    return Corrected(ground.adapted.model, Correction(np.log(shares / before)), ground.schema)


def _reweight(ground: Ground, rows: np.ndarray) -> Any:
    assert ground.views is not None
    home, views = ground.home_part, ground.views
    weights, _ = told_apart(views.linear(views.home), views.linear(views.place))
    drawn = np.random.default_rng(ground.seed).choice(len(home), len(home), p=weights / weights.sum())
    return views.refit(home.rows(np.sort(drawn)))


def _align(ground: Ground, rows: np.ndarray) -> Any:
    views, home = ground.views, ground.home
    assert views is not None
    assert home is not None
    return views.fitted(coral(views.linear(views.home), views.linear(views.place)), home.targets)


def _centre(ground: Ground, rows: np.ndarray) -> Any:
    views, home = ground.views, ground.home
    assert views is not None
    assert home is not None
    old, new = views.linear(views.home), views.linear(views.place)
    return views.fitted(old - old.mean(0) + new.mean(0), home.targets)


def _probe(ground: Ground, rows: np.ndarray) -> Any:
    assert ground.views is not None
    return ground.views.on_top(ground.adapted.model, ground.scores[rows], ground.targets[rows], rows)


def _finetune(ground: Ground, rows: np.ndarray) -> Any:
    assert ground.views is not None
    return ground.views.refit(ground.place_part(rows))


def _pool(ground: Ground, rows: np.ndarray) -> Any:
    assert ground.views is not None
    return ground.views.refit(ground.home_part.joined(ground.place_part(rows)))


NOTHING = Candidate("nothing", "the source model as it is", nothing, labels=False)
CANDIDATES = (
    Candidate("recalibrate", "probabilities moved, as far as the labels prove", _recalibrate),
    Candidate("recalibrate-whole", "probabilities moved to the labels' shares", _recalibrate_whole),
    Candidate("platt", "probabilities moved and sharpened", _platt),
    Candidate(
        "label-shift", "probabilities moved to shares guessed without labels", _label_shift, labels=False, home=True
    ),
    Candidate("reweight", "old rows drawn as if from the place", _reweight, labels=False, home=True, inputs=True),
    Candidate(
        "align", "old rows brought to the place's means and covariances", _align, labels=False, home=True, inputs=True
    ),
    Candidate(
        "centre",
        "old embeddings moved to the place's mean",
        _centre,
        labels=False,
        home=True,
        inputs=True,
        embedded=True,
    ),
    Candidate("probe", "a linear model of the inputs on top of the source model", _probe, inputs=True),
    Candidate("finetune", "fitted anew to the place's labelled rows alone", _finetune, inputs=True),
    Candidate("pool", "fitted anew to old and new rows together", _pool, home=True, inputs=True),
)


def possible(ground: Ground) -> list[Candidate]:
    """The candidates that this ground allows, beside doing nothing."""
    home, views = ground.home is not None, ground.views
    found = [c for c in CANDIDATES if (home or not c.home) and (views is not None or not c.inputs)]
    if not isinstance(views, EmbeddedViews):
        found = [c for c in found if not c.embedded]
    return found if len(ground.labelled) else [c for c in found if not c.labels]


def said_of(ground: Ground, model: Any, rows: np.ndarray) -> np.ndarray:
    """A fitted candidate's probabilities of the place's rows [rows, classes]; the source model is not asked again."""
    if isinstance(model, Corrected):
        inputs = None
        if model.columns is not None:
            assert ground.views is not None
            inputs = ground.views.linear(ground.views.place[rows])
        return model.correction.apply(logs_of(ground.scores[rows]), inputs)
    found = ground.views.said(model, ground.frame, rows) if ground.views is not None else None
    return np.asarray(ground.scores[rows]) if found is None else found


def learnable(ground: Ground, rows: np.ndarray) -> bool:
    """Whether a fit on these rows has two classes to tell apart."""
    known = ground.targets[rows]
    return len(np.unique(known[known != UNKNOWN])) > 1
