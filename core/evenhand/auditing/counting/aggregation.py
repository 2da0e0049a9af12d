"""One aggregation in the engine that holds the rows; what comes back is a small table of cells.

A cell is (sensitive values × outcome × score level [× cluster]). Attributes, intersections, curves and
resampling are all projections of it. Sums are exact (two integers per sum), so neither the order of the rows
nor the engine changes a digit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.counting.exact_sums import Sums
from evenhand.auditing.counting.logarithm import with_log
from evenhand.auditing.counting.row_values import LOG_CHANCE, chance, no_error, row_values, same
from evenhand.auditing.table.group_names import cluster_codes, factorised
from evenhand.auditing.table.rows import AuditTask, Rows, collect
from evenhand.statistics.arrays import Floats, Ints

OUTCOME = {(1, 1): 0, (0, 1): 1, (1, 0): 2, (0, 0): 3, (-1, 1): 4, (-1, 0): 5}  # (label, decision) -> cell
EXACT_ROWS = 50_000  # up to here every distinct score is its own level
AT_ONCE = 10_000_000  # rows of a file that are grouped together
BINS = 4_096  # beyond, scores fall into this many bins of equal width
OF_SCORE = frozenset(("score", "labelled_score", "squared_miss", "surprise"))  # follow from score and label alone
TINY = 2.220446049250313e-16  # probabilities are kept this far from 0 and 1 before taking logarithms
TWIN = ("labelled_score", "score")  # the same sums; the first is read from the labelled cells alone


@dataclass(frozen=True, slots=True)
class Table:
    """The cells: one entry per combination that occurs, sorted, so that equal data give equal tables."""

    columns: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]  # group names of each sensitive column, sorted, "(missing)" last
    groups: Ints  # [entry, column] code of the group
    outcome: Ints  # [entry] index into CELLS
    label: Ints  # [entry] 1, 0 or -1 for none
    level: Ints  # [entry] index into scores
    scores: Floats  # score of each level (bins: their middle); empty without scores
    binned: bool
    cluster: Ints | None  # [entry] code of the cluster
    clusters: int
    n: Floats
    w: Floats
    w2: Floats
    moments: Mapping[str, tuple[Floats, Floats, Floats]]  # name -> sums of w·v, w²·v, w²·v² per entry
    dropped: int  # rows without a decision


def count(
    rows: Rows,
    task: AuditTask,
    positive: list[Any],
    decided: list[Any] | None,
    threshold: float | None,
    wanted: set[str],
    exact: bool = False,
    levels: bool = True,
) -> Table:
    """Group the rows in their engine and sum.

    wanted: names of the row-level quantities that metrics need. exact: every distinct score is its own level, however
    many rows there are; the table then grows with them. levels: group by score level too.
    """
    exact = exact or rows.count <= EXACT_ROWS
    frame, keys = with_keys(rows, task, positive, decided, threshold, exact)
    keys = keys if levels else [key for key in keys if key != "level"]
    local = task == "binary" and exact and levels
    if task == "binary" and not local and "surprise" in wanted:
        frame = with_log(frame, LOG_CHANCE, chance().clip(TINY, 1.0 - TINY))
    weights, values = _sums(rows, {} if local else row_values(rows, task, wanted))
    apart = [key for key in keys if key != "level"]
    if len(apart) == len(keys) or not values.columns or rows.roles.cluster is not None:
        weights, values = weights.joined(values), Sums()
    found = _summed(frame, keys, weights, rows)
    means = _summed(frame, apart, values, rows) if values.columns else None
    return _table(found, means, rows, task, weights, values, exact, wanted & OF_SCORE if local else set())


def _sums(rows: Rows, quantities: Mapping[str, tuple[nw.Expr, float]]) -> tuple[Sums, Sums]:
    """What is summed beside the number of rows: weights, and row-level quantities."""
    of_weights, of_values = Sums(), Sums()
    weighted = rows.roles.weight is not None
    w = nw.col("weight").cast(nw.Float64) if weighted else nw.lit(1.0)
    heaviest = float(rows.facts.get("weight max", 1.0))
    if weighted:
        of_weights.add("w", w, heaviest)
        of_weights.add("w2", w * w, heaviest**2)
    for name, (value, bound) in quantities.items():
        if name == TWIN[0] and TWIN[1] in quantities:
            of_values.same[TWIN[0]] = TWIN[1]
            continue
        of_values.add(f"{name} wv", w * value if weighted else value, heaviest * bound)
        if weighted:
            of_values.add(f"{name} w2v", w * w * value, heaviest**2 * bound)
        of_values.add(f"{name} w2v2", w * w * value * value if weighted else value * value, heaviest**2 * bound**2)
    return of_weights, of_values


def _summed(frame: nw.LazyFrame[Any], keys: list[str], sums: Sums, rows: Rows) -> nw.DataFrame[Any]:
    """Rows and sums by keys; of a large file part by part, so that memory does not grow with it."""
    frame = frame.with_columns(**sums.columns) if sums.columns else frame
    totals = [nw.col(name).sum() for name in sums.columns]
    if not rows.seekable or rows.count <= AT_ONCE:
        return collect(frame.group_by(keys).agg(nw.len().alias("n"), *totals), rows.where)
    parts = [nw.from_native(frame.to_native().slice(first, AT_ONCE)) for first in range(0, rows.count, AT_ONCE)]
    counted = [collect(part.group_by(keys).agg(nw.len().alias("n"), *totals), rows.where) for part in parts]
    return collect(nw.concat(counted).lazy().group_by(keys).agg(nw.col("n").sum(), *totals), rows.where)


def with_keys(
    rows: Rows, task: AuditTask, positive: list[Any], decided: list[Any] | None, threshold: float | None, exact: bool
) -> tuple[nw.LazyFrame[Any], list[str]]:
    """The frame with the columns that rows are grouped by: y (label), d (decision), level (score)."""
    new: dict[str, nw.Expr] = {}
    if task == "multiclass":
        new["d"] = same(rows)
    elif task in ("binary", "selection"):
        if rows.roles.label is not None:
            new["y"] = _flag(rows, "label", positive)
        new["d"] = _flag(rows, "prediction", decided) if decided is not None else _above(threshold)
        if rows.roles.score is not None:
            score = nw.col("score").cast(nw.Float64)
            new["level"] = score if exact else (score * BINS).floor().clip(0, BINS - 1).cast(nw.Int64)
    else:
        new["d"] = nw.when(no_error(rows)).then(nw.lit(-1)).otherwise(nw.lit(1))
    keys = [f"g{i}" for i in range(len(rows.roles.sensitive))] + list(new)
    if rows.roles.cluster is not None:
        keys.append("cluster")
    return rows.frame.with_columns(**new), keys


def _flag(rows: Rows, role: str, yes: list[Any]) -> nw.Expr:
    hit = nw.col(role).is_in(yes) if yes else nw.lit(False)
    return nw.when(rows.missing(role)).then(nw.lit(-1)).otherwise(nw.when(hit).then(nw.lit(1)).otherwise(nw.lit(0)))


def _above(threshold: float | None) -> nw.Expr:
    cut = 0.5 if threshold is None else threshold
    return nw.when(nw.col("score").cast(nw.Float64) >= cut).then(nw.lit(1)).otherwise(nw.lit(0))


def _table(
    found: nw.DataFrame[Any],
    means: nw.DataFrame[Any] | None,
    rows: Rows,
    task: AuditTask,
    weights: Sums,
    values: Sums,
    exact: bool,
    local: set[str],
) -> Table:
    got, size = {name: found.get_column(name) for name in found.columns}, len(found)
    levels, codes = _groups_of([found, *([means] if means is not None else [])], rows)
    label = _ints(got["y"]) if "y" in got else np.full(size, -1 if task == "selection" else 0)
    decision = _ints(got["d"])
    outcome, keep = outcomes(task, label, decision)
    scores, level = _score_levels(got, exact, size)
    cluster, clusters = cluster_codes(got["cluster"]) if "cluster" in got else (None, 0)
    numbers = _numbers(found)
    n = numbers["n"]
    w, w2 = (weights.read("w", numbers), weights.read("w2", numbers)) if "w" in weights.shift else (n, n)
    moments = _moments(weights, numbers)
    if means is not None:
        where = _first_of_each(
            np.column_stack([codes[0], label, decision]),
            np.column_stack([codes[1], *_label_and_decision(means, label)]),
            level,
        )
        for name, sums in _moments(values, _numbers(means)).items():
            moments[name] = tuple(_put(size, where, total) for total in sums)  # type: ignore[assignment]
    for name in local:
        value = _local_value(name, scores[level], label)
        moments[name] = (w * value, w2 * value, w2 * value * value)
    order = np.lexsort([cluster if cluster is not None else level, level, outcome, *codes[0].T[::-1]])
    order = order[keep[order]]
    pick: Callable[[Any], Any] = lambda a: a[order]  # noqa: E731
    return Table(
        rows.roles.sensitive,
        levels,
        codes[0][order],
        outcome[order],
        label[order],
        level[order],
        scores,
        not exact and "level" in got,
        None if cluster is None else cluster[order],
        clusters,
        n[order],
        w[order],
        w2[order],
        {name: (pick(a), pick(b), pick(c)) for name, (a, b, c) in sorted(moments.items())},
        int(n[~keep].sum()),
    )


def _groups_of(frames: list[nw.DataFrame[Any]], rows: Rows) -> tuple[tuple[tuple[str, ...], ...], list[Ints]]:
    """(group names of each sensitive column, for each frame [entry, column] their codes)."""
    names, codes = [], []
    ends = np.cumsum([len(frame) for frame in frames])[:-1]
    for i in range(len(rows.roles.sensitive)):
        together = [value for frame in frames for value in frame.get_column(f"g{i}").to_list()]
        found, code = factorised(together, rows.order.get(f"g{i}"))
        names.append(found)
        codes.append(code)
    return tuple(names), np.split(np.column_stack(codes), ends)


def _numbers(found: nw.DataFrame[Any]) -> dict[str, Floats]:
    numeric = [c for c in found.columns if c == "n" or c.endswith((" high", " low"))]
    return {c: np.asarray(found.get_column(c).to_numpy(), dtype=np.float64) for c in numeric}


def _moments(sums: Sums, numbers: Mapping[str, Floats]) -> dict[str, tuple[Floats, Floats, Floats]]:
    """Sums of w·v, w²·v and w²·v² by quantity; without weights the second is the first."""
    found = {}
    for name in _names(sums):
        wv, w2v2 = sums.read(f"{name} wv", numbers), sums.read(f"{name} w2v2", numbers)
        found[name] = (wv, sums.read(f"{name} w2v", numbers) if f"{name} w2v" in sums.shift else wv, w2v2)
    return found | {name: found[twin] for name, twin in sums.same.items()}


def _label_and_decision(found: nw.DataFrame[Any], label: Ints) -> tuple[Ints, Ints]:
    decision = _ints(found.get_column("d"))
    return (_ints(found.get_column("y")) if "y" in found.columns else np.full(len(decision), label[0])), decision


def _first_of_each(entries: Ints, wanted: Ints, level: Ints) -> Ints:
    """The entry of the lowest score level for each wanted row of keys."""
    order = np.lexsort([level, *entries.T])
    sides = np.concatenate([entries[order], wanted])
    _, code = np.unique(sides, axis=0, return_inverse=True)
    code = np.asarray(code).reshape(-1)
    present, first = np.unique(code[: len(entries)], return_index=True)
    return np.asarray(order[first[np.searchsorted(present, code[len(entries) :])]])


def _put(size: int, where: Ints, values: Floats) -> Floats:
    out = np.zeros(size)
    out[where] = values
    return out


def _names(sums: Sums) -> list[str]:
    return [name.removesuffix(" wv") for name in sums.shift if name.endswith(" wv")]


def _local_value(name: str, score: Floats, label: Ints) -> Floats:
    if name in ("score", "labelled_score"):
        return score
    if name == "squared_miss":
        return np.asarray((score - label) ** 2)
    chance = np.where(label == 1, score, 1.0 - score)
    return np.asarray(-np.log(np.clip(chance, TINY, 1.0 - TINY)))


def _ints(series: nw.Series[Any]) -> Ints:
    return np.asarray(series.to_numpy(), dtype=np.int64)


def outcomes(task: AuditTask, label: Ints, decision: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """The cell of each entry, and which entries stay (rows without a decision do not)."""
    if task in ("multiclass", "regression"):
        cell = {"multiclass": {1: 6, 0: 7, -1: 8}, "regression": {1: 6, -1: 8}}[task]
        return np.array([cell.get(int(d), 8) for d in decision], dtype=np.int64), decision > -2
    lookup = np.full((3, 2), 8, dtype=np.int64)
    for (y, d), cell_index in OUTCOME.items():
        lookup[y, d] = cell_index
    return lookup[label, np.maximum(decision, 0)], decision >= 0


def _score_levels(got: Mapping[str, nw.Series[Any]], exact: bool, size: int) -> tuple[Floats, Ints]:
    if "level" not in got:
        return np.array([]), np.zeros(size, dtype=np.int64)
    if not exact:
        return (np.arange(BINS) + 0.5) / BINS, _ints(got["level"])
    scores, level = np.unique(np.asarray(got["level"].to_numpy(), dtype=np.float64) + 0.0, return_inverse=True)
    return scores, level.astype(np.int64)
