"""Critical values under which every change, or every change of a gap, holds at once: max-T with the correlations seen.

Metrics of the same rows move together, and so do columns and their intersections; drawing the largest studentised
change with these correlations (Hothorn, Bretz & Westfall 2008, Biometrical Journal 50) costs less than to take each for
a stranger. What the limits are wider than the influences say, where few rows differ, joins in as noise of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.auditing.evidence.bands import MOST_PAIRED
from evenhand.comparing.both_sides import BothSides
from evenhand.statistics.arrays import Floats, Ints
from evenhand.statistics.intervals import critical

REPLICATES = 2000
MOST_COLUMNS = 1200  # changes that are drawn together; beyond, in parts that are taken for independent, which is wider
TIE = 1e-6  # no two changes are quite the same, so that their correlations can be factored


@dataclass(frozen=True)
class Criticals:
    """pointwise: of one change. overall: of all changes over all rows, groups: of groups, gaps: of gaps between groups.

    These are three questions (is the model better, for whom, and is it fairer), each with limits that hold together.
    largest: of the changes of gaps of each BothSides.
    """

    pointwise: float
    overall: float
    groups: float
    gaps: float
    largest: tuple[float, ...]


def criticals(families: Sequence[BothSides], confidence: float) -> Criticals:
    """The critical values of everything that is compared. families: every metric of every attribute."""
    c = critical(confidence)
    overall, groups, gaps = (np.zeros(REPLICATES) for _ in range(3))
    largest = []
    for number, part in enumerate(_parts(families)):
        for levels, (drawn, scale, kept) in zip(part, _draws(part, c, number), strict=True):
            family = overall if levels.attribute is None else groups
            np.maximum(family, np.abs(drawn).max(axis=1, initial=0), out=family)
            pairs = _pairs(drawn * scale) if levels.attribute is not None and len(kept) > 1 else np.zeros(REPLICATES)
            np.maximum(gaps, pairs, out=gaps)
            largest.append(max(c, float(np.quantile(pairs, confidence))))
    of_all, of_groups, of_gaps = (max(c, float(np.quantile(found, confidence))) for found in (overall, groups, gaps))
    return Criticals(c, of_all, of_groups, of_gaps, tuple(largest))


def _parts(families: Sequence[BothSides]) -> Iterator[list[BothSides]]:
    part: list[BothSides] = []
    for levels in families:
        if part and sum(len(other.names) for other in part) + len(levels.names) > MOST_COLUMNS:
            yield part
            part = []
        part.append(levels)
    if part:
        yield part


def _draws(part: Sequence[BothSides], c: float, number: int) -> Iterator[tuple[Floats, Floats, Ints]]:
    """For each BothSides: studentised errors [replicate, change], the standard error of each, and the groups they are
    of."""
    errors = [levels.error(c) for levels in part]
    kept = [np.flatnonzero(np.isfinite(error) & (error > 0)) for error in errors]
    scale = np.concatenate([error[places] for error, places in zip(errors, kept, strict=True)])
    covariance = _covariance(part, kept)
    total = np.sqrt(np.maximum(scale**2, np.diag(covariance)))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = covariance / np.outer(total, total) * (1 - TIE)
    np.fill_diagonal(correlation, 1.0)
    normals = np.random.default_rng((0, number)).standard_normal((REPLICATES, len(total)))
    drawn = normals @ np.linalg.cholesky(correlation).T if len(total) else normals
    first = 0
    for places in kept:
        inside = slice(first, first + len(places))
        yield drawn[:, inside], total[inside], places
        first = inside.stop


def _covariance(part: Sequence[BothSides], kept: Sequence[Ints]) -> Floats:
    """Of the changes, from the influences where they are known; 0 where not, so that the noise fills it."""
    size = sum(map(len, kept))
    moved = [levels.moved() for levels in part]
    buckets = next(([len(one) for one in pair] for pair in moved if pair is not None), None)
    if buckets is None:
        return np.zeros((size, size))
    found = np.zeros((size, size))
    for side in (0, 1):
        columns = [
            np.zeros((buckets[side], len(places))) if pair is None else pair[side][:, places]
            for pair, places in zip(moved, kept, strict=True)
        ]
        whole = np.concatenate(columns, axis=1)
        found += whole.T @ whole
    return found


def _pairs(errors: Floats) -> Floats:
    """The largest studentised difference of two columns in each replicate."""
    size = errors.shape[1]
    if size > MOST_PAIRED:  # the studentised range of independent groups stands in: never narrower (Hayter 1984)
        normals = np.random.default_rng(size).standard_normal(errors.shape)
        return np.asarray((normals.max(axis=1) - normals.min(axis=1)) / np.sqrt(2))
    covariance = np.cov(errors, rowvar=False)
    variance, largest = np.diag(covariance), np.zeros(len(errors))
    for i in range(size - 1):
        spread = np.sqrt(np.maximum(variance[i] + variance[i + 1 :] - 2 * covariance[i, i + 1 :], 1e-300))
        np.maximum(largest, (np.abs(errors[:, i, None] - errors[:, i + 1 :]) / spread).max(axis=1), out=largest)
    return largest
