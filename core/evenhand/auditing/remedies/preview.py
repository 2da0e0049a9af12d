"""Mitigation preview: which decision thresholds would bring the judged gaps within tolerance, and at what cost.

A sweep over the score histograms that travel with the audit; it changes nothing. Thresholds are found on all rows,
where what they do is the best case; so it is also told on rows that did not choose them, with intervals. Treating
everyone alike by selecting nobody is no remedy: in every group thresholds must go on deciding, and what is no better
than one decision for all is not recommended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.evidence.histograms import Folds
from evenhand.auditing.evidence.thresholds import follows_threshold
from evenhand.auditing.metrics.metric import GroupMetric, share_of
from evenhand.auditing.remedies.crossfit import Judge, Judged
from evenhand.auditing.remedies.randomised import chances
from evenhand.auditing.remedies.sweep import Sweep, alike, spread, sweep_of
from evenhand.auditing.table.group_names import MISSING
from evenhand.statistics.arrays import Floats, ratio

STEPS = {1: 201, 2: 81, 3: 25}  # windows tried per metric, by how many metrics are judged together
BEYOND = 1.96  # standard errors by which thresholds must be better than one decision for all


def preview(
    histograms: Mapping[str, Any] | None,
    metrics: Sequence[GroupMetric],
    tolerances: Mapping[str, float],
    threshold: float | None,
    fairlearn: bool = False,
    folds: Folds | None = None,
    confidence: float = 0.95,
) -> list[dict[str, Any]]:
    """For each attribute: the gaps now, the best single threshold within tolerance, and the best one per group.

    fairlearn: what its ThresholdOptimizer makes of it, too. folds: the rows in parts, in which thresholds are judged
    that the other parts chose; None: they are not judged.
    Empty where there are no scores with labels, or no judged metric that a threshold decides.
    """
    judged = judged_of(metrics, tolerances)
    if not histograms or not judged or threshold is None:
        return []
    limits = {m.name: tolerances[m.name] for m in judged}
    edges = np.asarray(histograms["edges"], dtype=float)
    found = []
    for attribute, groups in histograms["attributes"].items():
        known = [name for name in groups if name != MISSING]
        if len(known) >= 2:
            judge = None
            if folds is not None:
                parts = [sweep_of(edges, _of(part[attribute], known), judged, threshold) for part in folds.attributes]
                judge = Judge(tuple(judged), tuple(parts), folds.worth[attribute], confidence)
            sweep = sweep_of(edges, _of(groups, known), judged, threshold)
            by_chance = _by_chance(sweep, judged, limits, threshold, judge) if fairlearn else None
            found.append({**_previewed(attribute, sweep, limits, judge), "fairlearn": by_chance})
    return found


def judged_of(metrics: Sequence[GroupMetric], tolerances: Mapping[str, float]) -> list[GroupMetric]:
    """The metrics whose gaps other thresholds would change: three at most, which a search can hold at once."""
    return [m for m in metrics if m.name in tolerances and follows_threshold(m)][:3]


def _of(groups: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: groups[name] for name in names}


def _previewed(attribute: str, sweep: Sweep, limits: Mapping[str, float], judge: Judge | None) -> dict[str, Any]:
    now = np.full(len(sweep.names), sweep.now)
    single = _single(sweep, limits)
    several = _per_group(sweep, limits, single)

    def judged(choose: Judged) -> dict[str, Any] | None:
        return None if judge is None else judge.held_out(choose)

    ways: dict[str, tuple[Floats | None, Judged]] = {
        "now": (now, lambda _: now),
        "single": (single, lambda others: _single(others, limits)),
        "per_group": (several, lambda others: _per_group(others, limits, _single(others, limits))),
    }
    described = {
        name: None if places is None else {**_described(sweep, places, now, limits), "held_out": judged(choose)}
        for name, (places, choose) in ways.items()
    }
    return {
        "attribute": attribute,
        "tolerances": dict(limits),
        "alike": max(alike(sweep)) / sweep.weight,
        **described,
    }


def _by_chance(
    sweep: Sweep,
    judged: Sequence[GroupMetric],
    limits: Mapping[str, float],
    threshold: float,
    judge: Judge | None,
) -> dict[str, Any] | None:
    """What holds on average under the thresholds that fairlearn finds, between which chance decides."""
    gaps = {m: limits[m.name] for m in judged}

    def found_on(others: Sweep) -> tuple[Floats, list[str]] | None:
        return chances(others.edges[:-1], *others.binned, gaps)

    found = found_on(sweep)
    if found is None:
        return None
    chance, rules = found
    positive, negative = sweep.binned
    tp, fp = (chance * positive).sum(axis=0), (chance * negative).sum(axis=0)
    fn, tn, none = positive.sum(axis=0) - tp, negative.sum(axis=0) - fp, np.zeros(len(sweep.names))
    counts = Counts(tp, fp, fn, tn, tp + fp, fn + tn, none, none)
    values = {m.name: share_of(counts, m.numerator, m.denominator) for m in judged}
    now = (sweep.edges[:-1] >= threshold)[:, None]
    return {
        "rules": dict(zip(sweep.names, rules, strict=True)),
        **_outcome(sweep, values, limits, (tp, fp)),
        "changed": float((np.abs(chance - now) * (positive + negative)).sum() / sweep.weight),
        "held_out": None if judge is None else judge.by_chance(lambda others: (found_on(others) or (None,))[0]),
    }


def _better_than_alike(sweep: Sweep, tp: Floats, fp: Floats) -> bool:
    """Whether decisions other than one for all are right more often than wrong, beyond chance (a sign test)."""
    positive, negative = alike(sweep)
    right, wrong = (tp.sum(), fp.sum()) if negative >= positive else (negative - fp.sum(), positive - tp.sum())
    return bool(right - wrong > BEYOND * np.sqrt(right + wrong))


def _outcome(
    sweep: Sweep, values: Mapping[str, Floats], limits: Mapping[str, float], selected: tuple[Floats, Floats]
) -> dict[str, Any]:
    """Gaps, right decisions and who is selected, given each group's (true, false) positives."""
    tp, fp = selected
    gaps = {name: float(spread(value)) for name, value in values.items()}
    useful = _better_than_alike(sweep, tp, fp)
    right = tp.sum() + alike(sweep)[1] - fp.sum()
    return {
        "gaps": gaps,
        "within": all(gaps[name] <= limit + 1e-9 for name, limit in limits.items()),
        "useful": useful,
        "accuracy": float(right / sweep.weight),
        "selection_rate": float((tp + fp).sum() / sweep.weight),
        "selected": {name: float(n) for name, n in zip(sweep.names, tp + fp, strict=True)},
        "values": {name: {m: float(value[i]) for m, value in values.items()} for i, name in enumerate(sweep.names)},
    }


def _single(sweep: Sweep, limits: Mapping[str, float]) -> np.ndarray | None:
    """The one threshold with the most right decisions among those that decide in every group and keep every gap."""
    share = ratio(sweep.counts.selected.sum(axis=1), np.full(len(sweep.edges), sweep.weight))
    allowed = (share > 0) & (share < 1) & sweep.decides.all(axis=1)
    for name, limit in limits.items():
        allowed &= spread(sweep.values[name]) <= limit + 1e-12
    if not allowed.any():
        return None
    best = int(np.argmax(np.where(allowed, sweep.correct.sum(axis=1), -np.inf)))
    return np.full(len(sweep.names), best)


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
    inside = sweep.decides[:, group].reshape((1,) * len(starts) + (len(sweep.edges),))
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
    c = sweep.counts
    values = {name: table[places, groups] for name, table in sweep.values.items()}
    return {
        "thresholds": {name: float(sweep.edges[i]) for name, i in zip(sweep.names, places, strict=True)},
        **_outcome(sweep, values, limits, (c.tp[places, groups], c.fp[places, groups])),
        "changed": float(np.abs(c.selected[places, groups] - c.selected[now, groups]).sum() / sweep.weight),
    }
