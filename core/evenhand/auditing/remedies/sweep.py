"""Every threshold on the score histograms: what each group would get, and what the judged metrics say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.metrics.metric import GroupMetric, share_of
from evenhand.statistics.arrays import Floats

FEWEST = 10  # rows of a group, below which it decides nothing about the others' thresholds
LEAST = 0.1  # of the rows with a label that must get its decision, where as many do now


@dataclass(frozen=True)
class Sweep:
    """Counts of every group at every threshold, and what the judged metrics say of them."""

    names: list[str]
    edges: Floats
    counts: Counts  # arrays [threshold, group]
    values: dict[str, Floats]  # metric -> [threshold, group]
    now: int  # the place of the audit's threshold

    @property
    def rows(self) -> Floats:
        """Labelled rows, [group]."""
        return np.asarray((self.counts.selected + self.counts.rejected)[0])

    @cached_property
    def decides(self) -> NDArray[np.bool_]:
        """[threshold, group] whether a group of some size still has people selected and rejected.

        That is as many as now, or a tenth of those with the label. Groups in which no threshold does that are let be.
        """
        c = self.counts
        sides = ((c.selected, (c.tp + c.fn)[0]), (c.rejected, (c.fp + c.tn)[0]))
        enough = [
            (n >= np.minimum(n[self.now], LEAST * labelled)) & ((n > 0) | (labelled == 0)) for n, labelled in sides
        ]
        both = enough[0] & enough[1]
        return np.asarray(both | (self.rows < FEWEST) | ~both.any(axis=0))

    @property
    def binned(self) -> tuple[Floats, Floats]:
        """Weight of rows with a positive and with a negative label, [bin, group]."""
        return np.asarray(-np.diff(self.counts.tp, axis=0)), np.asarray(-np.diff(self.counts.fp, axis=0))

    @property
    def correct(self) -> Floats:
        """Weight of right decisions, [threshold, group]."""
        return np.asarray(self.counts.tp + self.counts.tn)

    @property
    def weight(self) -> float:
        """All labelled rows."""
        c = self.counts
        return float((c.tp + c.fp + c.fn + c.tn)[0].sum())


def sweep_of(edges: Floats, groups: Mapping[str, Any], judged: Sequence[GroupMetric], threshold: float) -> Sweep:
    """Decide at every edge: positive when the score is at least that; the last edge selects nobody."""
    positive = np.array([bins["positive"] for bins in groups.values()], dtype=float).reshape(len(groups), -1).T
    negative = np.array([bins["negative"] for bins in groups.values()], dtype=float).reshape(len(groups), -1).T
    tp, fp = (
        np.concatenate([np.cumsum(a[::-1], axis=0)[::-1], np.zeros((1, len(groups)))]) for a in (positive, negative)
    )
    fn, tn = positive.sum(axis=0) - tp, negative.sum(axis=0) - fp
    none = np.zeros_like(tp)
    counts = Counts(tp, fp, fn, tn, tp + fp, fn + tn, none, none)
    values = {m.name: share_of(counts, m.numerator, m.denominator) for m in judged}
    return Sweep(list(groups), edges, counts, values, int(np.argmin(np.abs(edges - threshold))))


def alike(sweep: Sweep) -> tuple[float, float]:
    """Right decisions where everyone is selected, and where nobody is."""
    c = sweep.counts
    return float((c.tp + c.fn)[0].sum()), float((c.fp + c.tn)[0].sum())


def spread(values: Floats) -> Floats:
    """Largest minus smallest over the groups that have a value, [threshold]; 0 where fewer than two have."""
    known = ~np.isnan(values)
    most = np.where(known, values, -np.inf).max(axis=-1)
    least = np.where(known, values, np.inf).min(axis=-1)
    return np.where(known.sum(axis=-1) >= 2, most - least, 0.0)
