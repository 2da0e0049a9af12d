"""What inputs without labels can do: bring the old rows to the new place's spread, weigh them, or guess its shares."""

from __future__ import annotations

from typing import Any

import numpy as np

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
