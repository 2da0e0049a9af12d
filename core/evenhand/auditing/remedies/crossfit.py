"""Thresholds judged on rows that did not choose them: each fold of the rows by what the other folds chose.

On the rows that chose them gaps are as small as they were sought, and accuracy is as high; rows that come later show
neither (Stone 1974, JRSS B 36). What is told here is of the way in which thresholds are chosen, at four fifths of the
rows, and not of the thresholds that all rows together chose. All folds are pooled: where they err in different
directions the pooled gap is smaller than that of one choice, and its interval does not know by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.metrics.metric import GroupMetric, total
from evenhand.auditing.remedies.sweep import Sweep, spread
from evenhand.statistics.arrays import Floats, ratio
from evenhand.statistics.intervals import critical, difference, share

Judged = Callable[[Sweep], Floats | None]  # the rows that choose -> what they chose; None where nothing serves
Limited = dict[str, float | None]


@dataclass(frozen=True)
class Judge:
    """The rows of one attribute in folds. worth: {group: {metric: rows that a unit of weight is worth}}."""

    judged: tuple[GroupMetric, ...]
    folds: tuple[Sweep, ...]
    worth: Mapping[str, Mapping[str, float]]
    confidence: float

    def held_out(self, choose: Judged) -> dict[str, Any] | None:
        """Gaps, accuracy and who is selected under the thresholds [group] that the other folds chose; None where those
        of a fold chose none."""
        parts = []
        for fold, others in self._folds():
            places = choose(others)
            if places is None:
                return None
            groups, c = np.arange(len(fold.names)), fold.counts
            changed = np.abs(c.selected[places, groups] - c.selected[fold.now, groups]).sum()
            parts.append((c.tp[places, groups], c.fp[places, groups], float(changed)))
        return self._told(parts)

    def by_chance(self, choose: Judged) -> dict[str, Any] | None:
        """The same under chances of being selected [bin, group]."""
        parts = []
        for fold, others in self._folds():
            chance = choose(others)
            if chance is None:
                return None
            positive, negative = fold.binned
            now = (np.arange(len(fold.edges) - 1) >= fold.now)[:, None]
            changed = (np.abs(chance - now) * (positive + negative)).sum()
            parts.append(((chance * positive).sum(axis=0), (chance * negative).sum(axis=0), float(changed)))
        return self._told(parts)

    def _folds(self) -> Iterator[tuple[Sweep, Sweep]]:
        """(a fold, all others)."""
        for fold in self.folds:
            yield fold, self._without(fold)

    def _without(self, left_out: Sweep) -> Sweep:
        counts = _added(fold.counts for fold in self.folds if fold is not left_out)
        values = {m.name: ratio(total(counts, m.numerator), total(counts, m.denominator)) for m in self.judged}
        return Sweep(left_out.names, left_out.edges, counts, values, left_out.now)

    @cached_property
    def _all(self) -> Counts:
        return _added(fold.counts for fold in self.folds)

    def _told(self, parts: list[tuple[Floats, Floats, float]]) -> dict[str, Any]:
        tp, fp = (np.asarray(sum(part[i] for part in parts)) for i in (0, 1))
        changed = sum(part[2] for part in parts)
        fn, tn = (self._all.tp + self._all.fn)[0] - tp, (self._all.fp + self._all.tn)[0] - fp
        none = np.zeros_like(tp)
        counts = Counts(tp, fp, fn, tn, tp + fp, fn + tn, none, none)
        weight = float((tp + fp + fn + tn).sum())
        right = self._pooled(tp + tn, tp + fp + fn + tn)
        return {
            "folds": len(self.folds),
            "gaps": {metric.name: self._gap(metric, counts) for metric in self.judged},
            "accuracy": right,
            "selection_rate": float((tp + fp).sum() / weight),
            "changed": changed / weight,
        }

    def _pooled(self, hits: Floats, among: Floats) -> Limited:
        """The share over all groups."""
        worth = np.array([self.worth[name].get("accuracy", 1.0) for name in self.folds[0].names])
        rows = (among * worth).sum()
        value = hits.sum() / among.sum()
        lower, upper = share(value * rows, rows, critical(self.confidence))
        return {"value": float(value), "lower": float(lower), "upper": float(upper)}

    def _gap(self, metric: GroupMetric, counts: Counts) -> Limited:
        """The largest gap between two groups, with limits that hold for every pair together (Bonferroni)."""
        hits, among = total(counts, metric.numerator), total(counts, metric.denominator)
        known = np.flatnonzero(among > 0)
        pairs = list(combinations(known.tolist(), 2))
        if not pairs:
            return {"value": None, "lower": None, "upper": None}
        worth = np.array([self.worth[name].get(metric.name, 1.0) for name in self.folds[0].names])
        value, rows = ratio(hits, among), among * worth
        limits = share(value * rows, rows, critical(1 - (1 - self.confidence) / len(pairs)))
        one, two = np.array(pairs).T
        lower, upper = difference(
            value[one], (limits[0][one], limits[1][one]), value[two], (limits[0][two], limits[1][two])
        )
        least, most = np.maximum(np.maximum(lower, -upper), 0), np.maximum(np.abs(lower), np.abs(upper))
        return {"value": float(spread(value)), "lower": float(least.max()), "upper": float(min(most.max(), 1.0))}


def _added(parts: Iterable[Counts]) -> Counts:
    each = list(parts)
    tp, fp, fn, tn = (np.asarray(sum(getattr(counts, cell) for counts in each)) for cell in ("tp", "fp", "fn", "tn"))
    return Counts(tp, fp, fn, tn, tp + fp, fn + tn, np.zeros_like(tp), np.zeros_like(tp))
