"""Mitigation preview: which decision thresholds would bring the judged gaps within tolerance, and at what cost.

A sweep over the score histograms that travel with the audit. It looks at the same rows that are then reported, so what
it promises is the best case; it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.evidence.thresholds import follows_threshold
from evenhand.auditing.metrics.metric import GroupMetric, share_of
from evenhand.auditing.remedies.randomised import chances
from evenhand.auditing.table.group_names import MISSING
from evenhand.statistics.arrays import Floats, ratio

STEPS = {1: 201, 2: 81, 3: 25}  # windows tried per metric, by how many metrics are judged together


@dataclass(frozen=True)
class Sweep:
    """Counts of every group at every threshold, and what the judged metrics say of them."""

    names: list[str]
    edges: Floats
    counts: Counts  # arrays [threshold, group]
    values: dict[str, Floats]  # metric -> [threshold, group]

    @property
    def correct(self) -> Floats:
        """Weight of right decisions, [threshold, group]."""
        return np.asarray(self.counts.tp + self.counts.tn)

    @property
    def weight(self) -> float:
        """All labelled rows."""
        c = self.counts
        return float((c.tp + c.fp + c.fn + c.tn)[0].sum())


def preview(
    histograms: Mapping[str, Any] | None,
    metrics: Sequence[GroupMetric],
    tolerances: Mapping[str, float],
    threshold: float | None,
    fairlearn: bool = False,
) -> list[dict[str, Any]]:
    """For each attribute: the gaps now, the best single threshold within tolerance, and the best one per group.

    fairlearn: what its ThresholdOptimizer makes of it, too.
    Empty where there are no scores with labels, or no judged metric that a threshold decides.
    """
    judged = [m for m in metrics if m.name in tolerances and follows_threshold(m)][:3]
    if not histograms or not judged or threshold is None:
        return []
    limits = {m.name: tolerances[m.name] for m in judged}
    edges = np.asarray(histograms["edges"], dtype=float)
    found = []
    for attribute, groups in histograms["attributes"].items():
        sweep = _sweep(edges, {name: bins for name, bins in groups.items() if name != MISSING}, judged)
        if len(sweep.names) >= 2:
            by_chance = _by_chance(sweep, judged, limits, threshold) if fairlearn else None
            found.append({**_previewed(attribute, sweep, limits, threshold), "fairlearn": by_chance})
    return found


def _sweep(edges: Floats, groups: Mapping[str, Any], judged: Sequence[GroupMetric]) -> Sweep:
    """Decide at every edge: positive when the score is at least that; the last edge selects nobody."""
    positive = np.array([bins["positive"] for bins in groups.values()], dtype=float).reshape(len(groups), -1).T
    negative = np.array([bins["negative"] for bins in groups.values()], dtype=float).reshape(len(groups), -1).T
    tp, fp = (
        np.concatenate([np.cumsum(a[::-1], axis=0)[::-1], np.zeros((1, len(groups)))]) for a in (positive, negative)
    )
    fn, tn = positive.sum(axis=0) - tp, negative.sum(axis=0) - fp
    none = np.zeros_like(tp)
    counts = Counts(tp, fp, fn, tn, tp + fp, fn + tn, none, none)
    return Sweep(list(groups), edges, counts, {m.name: share_of(counts, m.numerator, m.denominator) for m in judged})


def _previewed(attribute: str, sweep: Sweep, limits: Mapping[str, float], threshold: float) -> dict[str, Any]:
    place = int(np.argmin(np.abs(sweep.edges - threshold)))
    now = np.full(len(sweep.names), place)
    single = _single(sweep, limits)
    several = _per_group(sweep, limits, single)
    return {
        "attribute": attribute,
        "tolerances": dict(limits),
        "now": _described(sweep, now, now, limits),
        "single": None if single is None else _described(sweep, single, now, limits),
        "per_group": None if several is None else _described(sweep, several, now, limits),
    }


def _by_chance(
    sweep: Sweep, judged: Sequence[GroupMetric], limits: Mapping[str, float], threshold: float
) -> dict[str, Any] | None:
    """What holds on average under the thresholds that fairlearn finds, between which chance decides."""
    c = sweep.counts
    positive, negative = (-np.diff(side, axis=0) for side in (c.tp, c.fp))  # [bin, group]
    found = chances(sweep.edges[:-1], positive, negative, {m: limits[m.name] for m in judged})
    if found is None:
        return None
    chance, rules = found
    tp, fp = (chance * positive).sum(axis=0), (chance * negative).sum(axis=0)
    fn, tn, none = positive.sum(axis=0) - tp, negative.sum(axis=0) - fp, np.zeros(len(sweep.names))
    counts = Counts(tp, fp, fn, tn, tp + fp, fn + tn, none, none)
    values = {m.name: share_of(counts, m.numerator, m.denominator) for m in judged}
    gaps = {name: float(_spread(value)) for name, value in values.items()}
    now = (sweep.edges[:-1] >= threshold)[:, None]
    return {
        "rules": dict(zip(sweep.names, rules, strict=True)),
        "gaps": gaps,
        "within": all(gaps[name] <= limit + 1e-9 for name, limit in limits.items()),
        "accuracy": float((tp + tn).sum() / sweep.weight),
        "selection_rate": float((tp + fp).sum() / sweep.weight),
        "changed": float((np.abs(chance - now) * (positive + negative)).sum() / sweep.weight),
        "values": {name: {m: float(value[i]) for m, value in values.items()} for i, name in enumerate(sweep.names)},
    }


def _single(sweep: Sweep, limits: Mapping[str, float]) -> np.ndarray | None:
    """The one threshold with the most right decisions among those that decide something and keep every gap."""
    share = ratio(sweep.counts.selected.sum(axis=1), np.full(len(sweep.edges), sweep.weight))
    allowed = (share > 0) & (share < 1)
    for name, limit in limits.items():
        allowed &= _spread(sweep.values[name]) <= limit + 1e-12
    if not allowed.any():
        return None
    best = int(np.argmax(np.where(allowed, sweep.correct.sum(axis=1), -np.inf)))
    return np.full(len(sweep.names), best)


def _spread(values: Floats) -> Floats:
    """Largest minus smallest over the groups that have a value, [threshold]; 0 where fewer than two have."""
    known = ~np.isnan(values)
    most = np.where(known, values, -np.inf).max(axis=-1)
    least = np.where(known, values, np.inf).min(axis=-1)
    return np.where(known.sum(axis=-1) >= 2, most - least, 0.0)


def _per_group(sweep: Sweep, limits: Mapping[str, float], single: np.ndarray | None) -> np.ndarray | None:
    """One threshold per group: every metric inside a window as wide as its tolerance, with the most right decisions.

    The windows tried lie on a grid, so the one threshold for all may be better than what they find; then it is kept.
    """
    found = _windowed(sweep, limits)
    if found is None or single is None:
        return single if found is None else found
    groups = np.arange(len(sweep.names))
    return max((found, single), key=lambda places: float(sweep.correct[places, groups].sum()))


def _windowed(sweep: Sweep, limits: Mapping[str, float]) -> np.ndarray | None:
    steps = STEPS[len(limits)]
    starts = [np.linspace(0.0, 1.0, steps)] * len(limits)
    best = np.zeros((steps,) * len(limits))
    for group in range(len(sweep.names)):
        best = best + _reachable(sweep, limits, group, starts).max(axis=-1)
    if not np.isfinite(best).any():
        return None
    window = np.unravel_index(int(np.argmax(best)), best.shape)
    chosen = [[grid[i : i + 1]] for grid, i in zip(starts, window, strict=True)]
    return np.array(
        [
            int(np.argmax(_reachable(sweep, limits, group, [c[0] for c in chosen]).reshape(-1)))
            for group in range(len(sweep.names))
        ]
    )


def _reachable(sweep: Sweep, limits: Mapping[str, float], group: int, starts: Sequence[Floats]) -> Floats:
    """Right decisions of a group by window and threshold, [window of each metric …, threshold]; -inf outside a
    window."""
    inside = np.ones((1,) * len(starts) + (len(sweep.edges),), dtype=bool)
    for axis, ((name, limit), grid) in enumerate(zip(limits.items(), starts, strict=True)):
        value = sweep.values[name][:, group]
        # rounding must not shut out a value that lies on the window's end
        fits = np.isnan(value) | ((value >= grid[:, None] - 1e-12) & (value <= grid[:, None] + limit + 1e-12))
        shape = [1] * len(starts) + [len(sweep.edges)]
        shape[axis] = len(grid)
        inside = inside & fits.reshape(shape)
    return np.where(inside, sweep.correct[:, group], -np.inf)


def _described(sweep: Sweep, places: np.ndarray, now: np.ndarray, limits: Mapping[str, float]) -> dict[str, Any]:
    """What holds at these thresholds: gaps, right decisions, and how many decisions change against now."""
    groups = np.arange(len(sweep.names))
    selected, before = sweep.counts.selected[places, groups], sweep.counts.selected[now, groups]
    values = {name: table[places, groups] for name, table in sweep.values.items()}
    gaps = {name: float(_spread(value)) for name, value in values.items()}
    return {
        "thresholds": {name: float(sweep.edges[i]) for name, i in zip(sweep.names, places, strict=True)},
        "gaps": gaps,
        "within": all(gaps[name] <= limit + 1e-9 for name, limit in limits.items()),
        "accuracy": float(sweep.correct[places, groups].sum() / sweep.weight),
        "selection_rate": float(selected.sum() / sweep.weight),
        "changed": float(np.abs(selected - before).sum() / sweep.weight),
        "values": {name: {m: float(value[i]) for m, value in values.items()} for i, name in enumerate(sweep.names)},
    }
