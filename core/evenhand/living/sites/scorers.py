"""How good each candidate seems at a place none of whose labels is known: five scores, none of them a proof.

importance  log loss on old rows that nobody was fitted on, weighed as if they were of the place (Sugiyama et al. 2007)
dev         the same with a control variate, so that large weights do not decide (You et al. 2019, ICML)
entropy     how sure it is of the place's rows (Morerio et al. 2018, ICLR)
density     how firmly rows that it says alike stand together, SND (Saito et al. 2021, ICCV)
mixing      whether it says of two rows' mixture what it says of the nearer one, MixVal (Hu et al. 2023, NeurIPS);
            of embeddings alone, since a mixture of two categories is nothing

All are better when larger. The definitions are those of skada, against which they are tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evenhand.adapting import scores
from evenhand.adapting.tables.choosing import losses
from evenhand.living.sites.alignment import told_apart
from evenhand.living.sites.candidates import said_of
from evenhand.living.sites.ground import UNKNOWN, Ground

MOST = 1_500  # rows of each side
TEMPERATURE, MIXTURE = 0.05, 0.55  # of SND and MixVal, as published
NEARLY = 1e-9
Scores = dict[str, dict[str, float]]  # candidate -> scorer -> value


def label_free(ground: Ground, models: Mapping[str, Any]) -> Scores:
    """The scores of fitted candidates (name -> model); no label of the place is read."""
    rng = np.random.default_rng([ground.seed, 13])
    here = np.sort(rng.permutation(len(ground.scores))[:MOST])
    old = _old(ground, rng)
    pairs = rng.permutation(len(here))
    found: Scores = {}
    for name, model in models.items():
        said = said_of(ground, model, here)
        found[name] = {"entropy": -entropy(said), "density": density(said)}
        if old is not None:
            test, targets, weights = old
            lost = losses(np.asarray(scores(model, test, ground.schema), dtype=np.float64), targets, "")
            found[name] |= {"importance": -float(np.average(lost, weights=weights)), "dev": -dev(lost, weights)}
        mixed = ground.views.mixed(model, here, pairs, MIXTURE) if ground.views is not None else None
        if mixed is not None:
            found[name]["mixing"] = mixing(said.argmax(1), mixed.argmax(1), pairs)
    return found


def _old(ground: Ground, rng: np.random.Generator) -> tuple[Any, np.ndarray, np.ndarray] | None:
    """(unseen old rows, their targets, how much more of the place each is than of the old places); None without."""
    home, views = ground.home, ground.views
    if home is None or home.test is None or views is None or not len(views.test):
        return None
    known = np.flatnonzero(home.test_targets != UNKNOWN)
    some = np.sort(rng.permutation(known)[:MOST])
    if len(some) < 20:
        return None
    weights, _ = told_apart(views.linear(views.test[some]), views.linear(views.place))
    return home.test.select(some), home.test_targets[some], weights


def entropy(said: np.ndarray) -> float:
    """Mean over rows and classes of -p log p: skada's mean, the usual entropy divided by the number of classes.

    >>> round(entropy(np.array([[0.5, 0.5]])), 4)
    0.3466
    """
    return float(np.mean(-said * np.log(np.maximum(said, NEARLY))))


def density(said: np.ndarray) -> float:
    """Soft neighbourhood density of probabilities [rows, classes]: higher where classes stand apart, in firm heaps."""
    unit = said / np.maximum(np.linalg.norm(said, axis=1, keepdims=True), NEARLY)
    alike = unit @ unit.T / TEMPERATURE
    np.fill_diagonal(alike, -np.inf)  # a row is no neighbour of itself
    alike = np.exp(alike - alike.max(1, keepdims=True))
    alike /= alike.sum(1, keepdims=True)
    return float(np.mean(-(alike * np.log(np.maximum(alike, 1e-300))).sum(1)))


def dev(lost: np.ndarray, weights: np.ndarray) -> float:
    """The weighed loss [rows], with the weights themselves as control variate.

    >>> dev(np.array([1.0, 1.0, 1.0]), np.array([0.5, 1.0, 3.0]))
    1.0
    """
    weighed = lost * weights
    spread = np.var(weights, ddof=1)
    eta = -np.cov(weighed, weights)[0, 1] / spread if spread > 0 else 0.0
    return float(weighed.mean() + eta * (weights.mean() - 1))


def mixing(own: np.ndarray, mixed: np.ndarray, pairs: np.ndarray) -> float:
    """Share of mixtures that are said as the nearer row is: pairs of one class and of two count half each.

    own: what is said of each row; mixed: of its mixture with the row `pairs`.
    """
    agree, same = own == mixed, own == own[pairs]
    parts = [agree[some].mean() for some in (same, ~same) if some.any()]
    return float(np.mean(parts))


def agreed(found: Scores, source: str, least: int = 3) -> str | None:
    """The candidate that every scorer puts above the source model, where at least so many speak; of several the best
    by mean rank. None where there is none."""
    names = [
        name
        for name, one in found.items()
        if name != source and len(one) >= least and all(one[key] > found[source].get(key, -np.inf) for key in one)
    ]
    return max(names, key=lambda name: (mean_rank(found)[name], name)) if names else None


def mean_rank(found: Scores) -> dict[str, float]:
    """The mean over scorers of each candidate's place, 0 the worst and 1 the best; half a place where two are equal."""
    from scipy.stats import rankdata

    names = list(found)
    keys = [key for key in found[names[0]] if all(key in found[name] for name in names)]
    ranks = [rankdata([found[name][key] for name in names]) - 1 for key in keys]
    mean = np.mean(ranks, axis=0) / max(len(names) - 1, 1)
    return dict(zip(names, mean.tolist(), strict=True))
