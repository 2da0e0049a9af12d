"""What inputs without labels can do: bring the old rows to the new place's spread, weigh them, or guess its shares."""

from __future__ import annotations

from typing import Any

import numpy as np

MOST = 2_000  # rows of each side that are matched one by one
RIDGE = 1.0  # added to each variance: columns that hardly vary are left as they are (Sun et al. 2016, section 3)
HEAVIEST = 10.0  # times the mean weight, beyond which a row would speak for too many
STEPS, STILL = 1000, 1e-8


def coral(source: np.ndarray, target: np.ndarray, ridge: float = RIDGE) -> np.ndarray:
    """The source's rows [rows, width] with the target's means and covariances.

    Source: Sun, Feng & Saenko 2016, Return of Frustratingly Easy Domain Adaptation, AAAI 30. Equal distributions are
    left as they are.
    """
    whiten = _power(source, -0.5, ridge)
    colour = _power(target, 0.5, ridge)
    return np.asarray((source - source.mean(0)) @ whiten @ colour + target.mean(0))


def _power(rows: np.ndarray, power: float, ridge: float) -> np.ndarray:
    """The covariance of the rows, with `ridge` on its diagonal, to a power."""
    values, vectors = np.linalg.eigh(
        np.cov(rows, rowvar=False, bias=True).reshape(rows.shape[1], -1) + ridge * np.eye(rows.shape[1])
    )
    return np.asarray((vectors * np.maximum(values, 1e-12) ** power) @ vectors.T)


def transported(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The source's rows moved onto the target's with the least effort, by skada.

    Source: Courty, Flamary, Tuia & Rakotomamonjy 2017, Optimal Transport for Domain Adaptation, IEEE TPAMI 39(9).
    """
    from skada import OTMappingAdapter

    both, side = _sides(source, target)
    moved = OTMappingAdapter(norm="max", max_iter=1_000_000).fit_transform(both, sample_domain=side)
    return np.asarray(moved)[: len(source)]


def subspace(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(the source's rows in the target's subspace, the target's centre [width] and components [width, components]).

    The subspace holds nine tenths of the target's variance. Source: Fernando, Habrard, Sebban & Tuytelaars 2013,
    Unsupervised Visual Domain Adaptation Using Subspace Alignment, ICCV; by skada.
    """
    from skada import SubspaceAlignmentAdapter

    both, side = _sides(source, target)
    values = np.linalg.eigvalsh(np.cov(target, rowvar=False).reshape(target.shape[1], -1))[::-1]
    most = min(len(source), len(target), target.shape[1])
    count = min(int(np.searchsorted(np.cumsum(values), 0.9 * values.sum())) + 1, most)
    fitted = SubspaceAlignmentAdapter(n_components=count, random_state=0)
    seen = np.asarray(fitted.fit_transform(both, sample_domain=side))[: len(source)]
    return seen, fitted.pca_target_.mean_, fitted.pca_target_.components_.T


def _sides(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as skada wants them: one array, and a positive number for each row of the source, a negative for others."""
    both = np.concatenate([source, target]).astype(np.float64)
    return both, np.repeat([1, -2], [len(source), len(target)])


def told_apart(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """(a weight for each source row, how well the two are told apart: the AUC of a cross-validated linear model).

    The weights are the ratio of the densities as that model sees it (Bickel, Brückner & Scheffer 2009, JMLR 10), of
    mean 1 and at most HEAVIEST.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict

    both = np.concatenate([source, target])
    here = np.repeat([0, 1], [len(source), len(target)])
    model: Any = LogisticRegression(C=0.1, max_iter=300, class_weight="balanced")
    said = cross_val_predict(model, both, here, cv=5, method="predict_proba")[:, 1]
    odds = said[: len(source)] / np.maximum(1 - said[: len(source)], 1e-6)
    weights = np.minimum(odds / odds.mean(), HEAVIEST)
    return weights / weights.mean(), float(roc_auc_score(here, said))


def shares_by_em(probabilities: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The classes' shares among unlabelled rows, if only shares changed since training, where they were `before`.

    Source: Saerens, Latinne & Decaestecker 2002, Neural Computation 14(1).
    """
    shares = before.copy()
    for _ in range(STEPS):
        weighed = probabilities * (shares / before)
        after = (weighed / weighed.sum(1, keepdims=True)).mean(0)
        if np.abs(after - shares).max() < STILL:
            break
        shares = after
    return np.asarray(shares)


def shares_by_errors(said: np.ndarray, targets: np.ndarray, place: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The classes' shares at a place, from how a model confuses them on unseen old rows and what it says there.

    said: [old rows, classes]; place: [rows, classes]; before: the shares that old rows stand for. Confusion is of
    probabilities, and the step away from `before` is shrunk by how badly the matrix is conditioned.
    Source: Lipton, Wang & Smola 2018, Detecting and Correcting for Label Shift with Black Box Predictors, ICML (BBSE);
    shrunk as in Azizzadenesheli et al. 2019, ICLR (RLLS).
    """
    classes = said.shape[1]
    joint = np.zeros((classes, classes))  # [said, true]
    np.add.at(joint.T, targets, said / len(said))
    apart = place.mean(0) - joint.sum(1)
    ridge = 1 / np.sqrt(len(said)) * np.eye(classes) * joint.max()
    step = np.linalg.solve(joint.T @ joint + ridge.T @ ridge, joint.T @ apart)
    shares = np.maximum(before * (1 + step), 0.0)
    return np.asarray(shares / shares.sum()) if shares.sum() > 0 else before
