"""How metrics move along a continuous attribute: a smooth curve with bands, from counts in up to 64 fine bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np

from evenhand.auditing.counting.aggregation import Table, count
from evenhand.auditing.counting.groups import CELL, COVERED, PARTS
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.question.plan import Plan
from evenhand.auditing.table.binning import Binning, placed
from evenhand.auditing.table.group_names import MISSING
from evenhand.auditing.table.rows import Rows
from evenhand.statistics.arrays import Floats, Ints
from evenhand.statistics.intervals import critical, student
from evenhand.statistics.multiplicity import holm
from evenhand.statistics.smoothing import BinSums, fit, flat_p_value, positions

FEWEST_BINS = 4
FEWEST_EVENTS = 5.0  # effective rows on either side of a share
FEWEST_ROWS = 20.0  # effective rows of a mean
AT_ONCE = 10_000  # clusters


def trends_of(
    rows: Rows, plan: Plan, binnings: Mapping[str, Binning], metrics: Sequence[GroupMetric]
) -> dict[str, dict[str, Any]]:
    """Column -> {column, points, metrics: {name: {value, lower, upper, lower_simultaneous, upper_simultaneous, p_value,
    p_adjusted, says}},
    undrawn: {name: why}}.

    points: the mean value of the rows of each fine bin; the lists of a metric go with them. Of metrics that are shares
    or means of rows, as far as enough rows tell them. Bands hold at one point, and along the whole curve of one metric.
    """
    drawn = [m for m in metrics if _smooth(m)]
    found = {}
    for number, (column, binning) in enumerate(binnings.items()):
        if len(binning.centres) >= FEWEST_BINS and drawn:
            found[column] = _trend(rows, plan, binning, drawn, number)
    told = [(column, name) for column, trend in found.items() for name in trend["metrics"]]
    values = np.array([found[column]["metrics"][name]["p_value"] for column, name in told], dtype=float)
    for (column, name), p in zip(told, holm(values) if told else (), strict=True):
        curve = found[column]["metrics"][name]
        curve["p_adjusted"] = p
        title = next(m.title for m in drawn if m.name == name)
        curve["says"] = _sentence(title, found[column], curve, 1 - plan.confidence)
    return found


def _smooth(metric: GroupMetric) -> bool:
    """Shares and means of rows; not what is made of several of them, nor of whole curves."""
    rows = bool(metric.numerator or metric.mean_of)
    return rows and not metric.terms and not metric.root and metric.curve is None


def _trend(rows: Rows, plan: Plan, binning: Binning, metrics: Sequence[GroupMetric], number: int) -> dict[str, Any]:
    table = _fine_table(rows, plan, binning, {m.mean_of for m in metrics if m.mean_of})
    bins = np.array([-1 if name == MISSING else int(name) for name in table.names[0]])[table.groups[:, 0]]
    centres = np.array(binning.centres)
    curves, undrawn = {}, {}
    for i, metric in enumerate(metrics):
        sums = _sums(metric, table, bins, len(centres))
        if why := _too_few(metric, sums):
            undrawn[metric.name] = why
        else:
            curves[metric.name] = _curve(metric, positions(centres), sums, plan, table.clusters, (plan.seed, number, i))
    return {"column": binning.column, "points": centres.tolist(), "metrics": curves, "undrawn": undrawn}


def _fine_table(rows: Rows, plan: Plan, binning: Binning, wanted: set[str]) -> Table:
    """The cells of each fine bin, without scores."""
    number = f"x{rows.roles.sensitive.index(binning.column)}"
    place = placed(nw.col(number), binning.fine, range(len(binning.fine) + 1))
    fine = nw.when(~nw.col(number).is_null()).then(place)
    alone = replace(
        rows,
        frame=rows.frame.with_columns(g0=fine),
        roles=replace(rows.roles, sensitive=(binning.column,)),
        order={},
        called={},
        known={},
    )
    return count(alone, plan.task, plan.positive, plan.decided, plan.threshold, wanted, levels=False)


def _sums(metric: GroupMetric, table: Table, bins: Ints, size: int) -> BinSums:
    """Hits and rows of the metric by bin, over rows or over clusters."""
    if metric.mean_of is not None:
        inside = np.isin(table.outcome, COVERED.get(metric.mean_of, (6,)))
        hits, hits_among, hits_hits = table.moments[metric.mean_of]
    else:
        inside = np.isin(table.outcome, _cells(metric.denominator))
        hit = np.isin(table.outcome, _cells(metric.numerator))
        hits, hits_among, hits_hits = table.w * hit, table.w2 * hit, table.w2 * hit
    kept = inside & (bins >= 0)
    place = bins[kept]

    def by_bin(values: Floats) -> Floats:
        return np.bincount(place, values[kept], size)

    if table.cluster is None:
        products = [np.diag(by_bin(v)) for v in (hits_hits, hits_among, table.w2)]
    else:
        products = _of_clusters(table.cluster[kept], table.clusters, place, hits[kept], table.w[kept], size)
    return BinSums(by_bin(hits), by_bin(table.w), *products)


def _cells(names: Sequence[str]) -> list[int]:
    return sorted({CELL[part] for name in names for part in PARTS.get(name, (name,))})


def _of_clusters(cluster: Ints, clusters: int, place: Ints, hits: Floats, among: Floats, size: int) -> list[Floats]:
    """Sums over clusters of the products of their bins; a cluster may have rows in several."""
    products = [np.zeros((size, size)) for _ in range(3)]
    order = np.argsort(cluster, kind="stable")
    cluster, place, hits, among = cluster[order], place[order], hits[order], among[order]
    for first in range(0, clusters, AT_ONCE):
        mine = slice(*np.searchsorted(cluster, [first, first + AT_ONCE]))
        cell, many = (cluster[mine] - first) * size + place[mine], min(AT_ONCE, clusters - first)
        one, other = (np.bincount(cell, v[mine], many * size).reshape(many, size) for v in (hits, among))
        for total, (a, b) in zip(products, ((one, one), (one, other), (other, other)), strict=True):
            total += a.T @ b
    used = len(np.unique(cluster))
    return [total * used / max(used - 1, 1) for total in products]


def _too_few(metric: GroupMetric, sums: BinSums) -> str:
    """Why no curve can be drawn, or ""."""
    if (sums.among > 0).sum() < FEWEST_BINS:
        return f"it is known at fewer than {FEWEST_BINS} values"
    unit = np.trace(sums.among_among) / sums.among.sum()
    hits, rows = sums.hits.sum() / unit, sums.among.sum() / unit
    if metric.mean_of is not None:
        moved = np.trace(sums.moment(np.full(len(sums.among), sums.level)))
        if moved <= 1e-12 * max(np.trace(sums.hits_hits), 1e-300):
            return "it is the same in every row"
        return "" if rows >= FEWEST_ROWS else f"fewer than {FEWEST_ROWS:g} rows have it"
    return (
        "" if min(hits, rows - hits) >= FEWEST_EVENTS else f"fewer than {FEWEST_EVENTS:g} rows differ from all others"
    )


def _curve(
    metric: GroupMetric, at: Floats, sums: BinSums, plan: Plan, clusters: int, seed: tuple[int, ...]
) -> dict[str, Any]:
    share = metric.mean_of is None
    curve = fit(at, sums, share)
    error = np.sqrt(np.maximum(np.diag(curve.covariance), 0))
    one, all_along = critical(plan.confidence), _joint(curve.covariance, plan, seed)
    if clusters:
        one, all_along = (float(student(c, np.array(clusters - 1.0))) for c in (one, all_along))
    ends = (0.0, 1.0) if metric.bounded else (-np.inf, np.inf)

    def shown(height: Floats) -> list[float]:
        values = 0.5 * (1 + np.tanh(height / 2)) if share else np.clip(height, *ends)
        return [float(value) for value in values]

    return {
        "value": shown(curve.height),
        "lower": shown(curve.height - one * error),
        "upper": shown(curve.height + one * error),
        "lower_simultaneous": shown(curve.height - all_along * error),
        "upper_simultaneous": shown(curve.height + all_along * error),
        "p_value": flat_p_value(at, sums),
    }


def _joint(covariance: Floats, plan: Plan, seed: tuple[int, ...]) -> float:
    """The critical value that holds at every point together: a quantile of the largest |t| along simulated curves."""
    error = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    together = covariance / np.outer(error, error)
    root = np.linalg.cholesky(together + 1e-6 * np.eye(len(error)))  # neighbouring points are all but one
    draws = np.random.default_rng(seed).standard_normal((plan.replicates, len(error)))
    largest = np.abs(draws @ root.T).max(axis=1)
    return max(float(np.quantile(largest, plan.confidence)), critical(plan.confidence))


def _sentence(title: str, trend: Mapping[str, Any], curve: Mapping[str, Any], level: float) -> str:
    values, points = curve["value"], trend["points"]
    low, high = int(np.argmin(values)), int(np.argmax(values))
    p = "< 0.001" if curve["p_adjusted"] < 0.001 else f"= {curve['p_adjusted']:.3f}"
    if curve["p_adjusted"] >= level:
        return f"No trend of the {title} along {trend['column']} can be told from chance (p {p}, adjusted)."
    return (
        f"The {title} moves along {trend['column']}: lowest, {values[low]:.3g}, near {points[low]:.4g} and highest, "
        f"{values[high]:.3g}, near {points[high]:.4g} (p {p}, adjusted)."
    )
