"""What could be done at a new place, from the cheapest to the most: each is fitted from the ground, then judged alike.

nothing       the source model as it is
recalibrate   its probabilities moved as far as the labels prove; `platt`: moved and sharpened
label-shift   its probabilities moved to the shares that expectation-maximisation guesses (MLLS); no labels needed
confusion     its probabilities moved to the shares that its errors on old rows imply (BBSE); no labels needed
reweight      fitted anew to old rows drawn as if they came from the place; no labels needed
align         fitted anew to old rows brought to the place's means and covariances (CORAL); no labels needed
transport     fitted anew to old rows moved onto the place's by optimal transport; no labels needed; needs skada
subspace      fitted anew in the place's subspace, to which that of old rows is aligned; no labels needed; needs skada
statistics    a trained network's batch statistics taken from the place's rows; no labels needed
centre        fitted anew to old embeddings moved to the place's mean; no labels needed; not of tables
probe         a linear model of the inputs on top of the source model
finetune      fitted anew to the place's labelled rows alone
pool          fitted anew to old and new rows together
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from evenhand.adapting import scores
from evenhand.adapting.corrected import Corrected, Correction, cautious, logs_of, moved, platt
from evenhand.data.reading import to_rows
from evenhand.living.sites.alignment import (
    MOST,
    coral,
    shares_by_em,
    shares_by_errors,
    subspace,
    told_apart,
    transported,
)
from evenhand.living.sites.ground import UNKNOWN, Ground
from evenhand.living.sites.normalising import LEAST, has_statistics, normalised
from evenhand.living.sites.views import EmbeddedViews, Projection

NEEDED = 2.8  # standard errors that a move must be proven by: what the largest of eight candidates takes, and a margin
Fit = Callable[[Ground, np.ndarray], Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing to do. fit: (ground, positions of the labelled rows to use) -> a model.

    labels: whether it is fitted from the place's labels. home: whether it needs the old rows. inputs: whether it reads
    the inputs themselves. embedded: whether it is about embeddings alone. library: what must be installed for it.
    """

    name: str
    says: str
    fit: Fit
    labels: bool = True
    home: bool = False
    inputs: bool = False
    embedded: bool = False
    library: str | None = None


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


def _confusion(ground: Ground, rows: np.ndarray) -> Any:
    home = ground.home
    assert home is not None
    assert home.test is not None
    known = np.flatnonzero(home.test_targets != UNKNOWN)
    some = np.sort(np.random.default_rng(ground.seed).permutation(known)[:MOST])
    said = np.asarray(scores(ground.adapted.model, home.test.select(some), ground.schema), dtype=np.float64)
    before = np.bincount(home.test_targets[some], minlength=ground.outputs) / len(some)
    before = np.maximum(before, 1e-6)
    shares = np.maximum(shares_by_errors(said, home.test_targets[some], ground.scores, before), 1e-6)
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


def _transport(ground: Ground, rows: np.ndarray) -> Any:
    old, new, targets = _matched(ground)
    views = ground.views
    assert views is not None
    return views.fitted(transported(old, new), targets)


def _subspace(ground: Ground, rows: np.ndarray) -> Any:
    old, new, targets = _matched(ground)
    views = ground.views
    assert views is not None
    seen, centre, components = subspace(old, new)
    return views.fitted(seen, targets, Projection(centre, components))


def _matched(ground: Ground) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(old rows, the place's rows, targets of the old ones), at most MOST of each, as linear models see them."""
    views, home = ground.views, ground.home
    assert views is not None
    assert home is not None
    rng = np.random.default_rng(ground.seed)
    old, new = (np.sort(rng.permutation(len(part))[:MOST]) for part in (views.home, views.place))
    return views.linear(views.home[old]), views.linear(views.place[new]), home.targets[old]


def _statistics(ground: Ground, rows: np.ndarray) -> Any:
    return normalised(ground.adapted.model, to_rows(ground.frame))


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
        "confusion",
        "probabilities moved to the shares that its errors on old rows imply",
        _confusion,
        labels=False,
        home=True,
    ),
    Candidate(
        "transport",
        "old rows moved onto the place's by optimal transport",
        _transport,
        labels=False,
        home=True,
        inputs=True,
        library="skada",
    ),
    Candidate(
        "subspace",
        "fitted in the place's subspace, to which that of old rows is aligned",
        _subspace,
        labels=False,
        home=True,
        inputs=True,
        library="skada",
    ),
    Candidate("statistics", "a network's batch statistics taken from the place", _statistics, labels=False),
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
    return [candidate for candidate in CANDIDATES if _allowed(candidate, ground)]


def _allowed(candidate: Candidate, ground: Ground) -> bool:
    home, views = ground.home, ground.views
    if candidate.name == "statistics":
        return len(ground.frame) >= LEAST and has_statistics(ground.adapted.model)
    if candidate.name == "confusion" and (home is None or not (home.test_targets != UNKNOWN).any()):
        return False
    return (
        (home is not None or not candidate.home)
        and (views is not None or not candidate.inputs)
        and (isinstance(views, EmbeddedViews) or not candidate.embedded)
        and (len(ground.labelled) > 0 or not candidate.labels)
        and (candidate.library is None or find_spec(candidate.library) is not None)
    )


def said_of(ground: Ground, model: Any, rows: np.ndarray) -> np.ndarray:
    """A fitted candidate's probabilities of the place's rows [rows, classes]; the source model is not asked again."""
    if isinstance(model, Corrected):
        inputs = None
        if model.columns is not None:
            assert ground.views is not None
            inputs = ground.views.linear(ground.views.place[rows])
        return model.correction.apply(logs_of(ground.scores[rows]), inputs)
    if model is ground.adapted.model:
        return np.asarray(ground.scores[rows])
    found = ground.views.said(model, ground.frame, rows) if ground.views is not None else None
    if found is not None:
        return found
    return np.asarray(scores(model, to_rows(ground.frame[rows]), ground.schema), dtype=np.float64)


def learnable(ground: Ground, rows: np.ndarray) -> bool:
    """Whether a fit on these rows has two classes to tell apart."""
    known = ground.targets[rows]
    return len(np.unique(known[known != UNKNOWN])) > 1
