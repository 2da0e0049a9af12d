"""What a window's performance may be without a label of it: from confidence, and from the reference weighed anew.

By confidence: how often decisions of such a score were right among the reference's labelled rows (Platt 1999), averaged
over the window (Guillory et al. 2021, ICCV, and others). By weights: the reference's rows, weighed by how much more the
window's rows look like them (Shimodaira 2000, J. Stat. Plan. Inference 90(2)). Both hold where inputs moved and what
follows from them did not; if the meaning of the inputs changes, neither can see it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from evenhand.living.monitoring.drift import LEVELS, MISSING, is_number, numbers

LEAST = 50  # labelled rows of the reference, right and wrong ones among them, from which anything is estimated
HEAVIEST = 20.0  # times the mean weight
STEPS, RIDGE = 50, 1e-2
EDGE = 1e-6
Z = 1.959964


@dataclass(frozen=True, slots=True)
class Calibrated:
    """How likely a decision is right, given its confidence's logit: a logistic line with its covariance."""

    line: np.ndarray
    covariance: np.ndarray

    @classmethod
    def fit(cls, confidence: np.ndarray, right: np.ndarray) -> Calibrated | None:
        """Newton's method; None where the labels are too few, or all decisions were alike."""
        if len(right) < LEAST or not 0 < right.sum() < len(right):
            return None
        x = _design(confidence)
        line, pull = np.zeros(2), RIDGE * np.eye(2)
        for _ in range(STEPS):
            p = _expit(x @ line)
            curved = x.T @ (x * (p * (1 - p))[:, None]) + pull
            step = np.linalg.solve(curved, x.T @ (right - p) - pull @ line)
            line = line + np.clip(step, -2, 2)
            if np.abs(step).max() < 1e-10:
                break
        p = _expit(x @ line)
        return cls(line, np.linalg.inv(x.T @ (x * (p * (1 - p))[:, None]) + pull))

    def right(self, confidence: np.ndarray) -> np.ndarray:
        """The probability that each decision is right [rows]."""
        return _expit(_design(confidence) @ self.line)

    def mean(self, confidence: np.ndarray) -> tuple[float, float]:
        """(mean over rows, its standard error: of the line, and of what happens to be true of so many rows)."""
        x, p = _design(confidence), self.right(confidence)
        slope = (x * (p * (1 - p))[:, None]).mean(0)
        variance = float(slope @ self.covariance @ slope) + float((p * (1 - p)).sum()) / len(p) ** 2
        return float(p.mean()), math.sqrt(variance)


@dataclass(frozen=True, slots=True)
class Estimated:
    """An accuracy guessed without labels, with limits at 95%. how: confidence or weights; effective: rows of the
    reference that the weights leave."""

    how: str
    value: float
    lower: float
    upper: float
    effective: float | None = None


def by_confidence(calibrated: Calibrated | None, confidence: np.ndarray) -> Estimated | None:
    """The mean probability to be right."""
    if calibrated is None or not len(confidence):
        return None
    value, error = calibrated.mean(confidence)
    return Estimated("confidence", value, max(0.0, value - Z * error), min(1.0, value + Z * error))


def by_weights(reference: pl.DataFrame, right: np.ndarray, window: pl.DataFrame, seed: int) -> Estimated | None:
    """The reference's accuracy, its rows weighed to look like the window's; None where labels or columns are too few.

    right: of each row of the reference 1 or 0, NaN without a label.
    """
    shared = [name for name in reference.columns if name in window.columns]
    known = np.isfinite(right)
    if known.sum() < LEAST or not shared:
        return None
    weights = told_apart(reference.select(shared), window.select(shared), seed)[known]
    weights = np.minimum(weights, HEAVIEST * weights.mean())
    whole, hits = weights.sum(), right[known]
    value = float((weights * hits).sum() / whole)
    error = math.sqrt(float((weights**2 * (hits - value) ** 2).sum())) / whole
    error = math.hypot(error, math.sqrt(max(value * (1 - value), 0.0) / window.height))
    effective = float(whole**2 / (weights**2).sum())
    return Estimated("weights", value, max(0.0, value - Z * error), min(1.0, value + Z * error), effective)


def told_apart(reference: pl.DataFrame, window: pl.DataFrame, seed: int) -> np.ndarray:
    """Odds that a row of the reference is one of the window [reference rows], by a logistic regression."""
    from sklearn.linear_model import LogisticRegression

    both = np.concatenate([matrix(reference, reference), matrix(reference, window)])
    from_window = np.repeat([0, 1], [reference.height, window.height])
    model = LogisticRegression(C=0.1, max_iter=300, class_weight="balanced", random_state=seed)
    odds = model.fit(both, from_window).decision_function(both[: reference.height])
    return np.asarray(np.exp(np.clip(odds, -20, 20)))


def matrix(reference: pl.DataFrame, rows: pl.DataFrame) -> np.ndarray:
    """Numbers by the reference's spread with their squares and gaps, categories as indicators [rows, width]."""
    parts = []
    for name in reference.columns:
        if is_number(reference[name].dtype):
            known, values = numbers(reference[name]), numbers(rows[name])
            finite = known[np.isfinite(known)]
            centre, spread = (float(finite.mean()), float(finite.std())) if len(finite) else (0.0, 1.0)
            there = np.isfinite(values)
            scaled = np.clip(np.where(there, (values - centre) / (spread or 1.0), 0.0), -4, 4)
            parts += [scaled, scaled**2, ~there]
            continue
        old, new = (side[name].cast(pl.String).fill_null(MISSING) for side in (reference, rows))
        common = old.value_counts().sort(["count", name], descending=[True, False])[name].to_list()[:LEVELS]
        parts += [(new == level).to_numpy() for level in common]
    return np.column_stack(parts).astype(np.float64)


def _design(confidence: np.ndarray) -> np.ndarray:
    p = np.clip(confidence, EDGE, 1 - EDGE)
    return np.column_stack([np.ones(len(p)), np.log(p / (1 - p))])


def _expit(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))
