"""One aggregation in the engine that holds the rows; what comes back is a small table of cells.

A cell is (sensitive values × outcome × score level [× cluster]). Attributes, intersections, curves and
resampling are all projections of it. Sums are exact (two integers per sum), so neither the order of the rows
nor the engine changes a digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.classes import plain
from evenhand.auditing.exact_sums import Sums
from evenhand.auditing.logarithm import with_log
from evenhand.auditing.row_values import LOG_CHANCE, chance, no_error, row_values, same
from evenhand.auditing.rows import Rows, Task, collect

Floats = NDArray[Any]  # float64; numpy types the sums of bincount more loosely
Ints = NDArray[np.int64]

CELLS = ("tp", "fp", "fn", "tn", "selected_unlabelled", "rejected_unlabelled", "correct", "wrong", "unlabelled")
OUTCOME = {(1, 1): 0, (0, 1): 1, (1, 0): 2, (0, 0): 3, (-1, 1): 4, (-1, 0): 5}  # (label, decision) -> cell
MISSING = "(missing)"
EXACT_ROWS = 50_000  # up to here every distinct score is its own level
BINS = 4_096  # beyond, scores fall into this many bins of equal width
OF_SCORE = frozenset(("score", "labelled_score", "squared_miss", "surprise"))  # follow from score and label alone
TINY = 2.220446049250313e-16  # probabilities are kept this far from 0 and 1 before taking logarithms


@dataclass(frozen=True, slots=True)
class Table:
    """The cells: one entry per combination that occurs, sorted, so that equal data give equal tables."""

    columns: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]  # group names of each sensitive column, sorted, "(missing)" last
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
    rows: Rows, task: Task, positive: list[Any], decided: list[Any] | None, threshold: float | None, wanted: set[str],
    exact: bool = False, levels: bool = True,
) -> Table:  # fmt: skip
    """Group the rows in their engine and sum.

    wanted: names of the row-level quantities that metrics need. exact: every distinct score is its own level, however
    many rows there are; the table then grows with them. levels: group by score level too.
    """
    exact = exact or rows.count <= EXACT_ROWS
    frame, keys = _with_keys(rows, task, positive, decided, threshold, exact)
    keys = keys if levels else [key for key in keys if key != "level"]
    sums = Sums()
    weighted = rows.roles.weight is not None
    weight = nw.col("weight").cast(nw.Float64) if weighted else None
    heaviest = float(rows.facts.get("weight max", 1.0))
    if weight is not None:
        sums.add("w", weight, heaviest)
        sums.add("w2", weight * weight, heaviest**2)
    local = task == "binary" and exact and levels
    if task == "binary" and not local and "surprise" in wanted:
        frame = with_log(frame, LOG_CHANCE, chance().clip(TINY, 1.0 - TINY))
    for name, (value, bound) in {} if local else row_values(rows, task, wanted).items():
        w = weight if weight is not None else nw.lit(1.0)
        sums.add(f"{name} wv", w * value, heaviest * bound)
        sums.add(f"{name} w2v", w * w * value, heaviest**2 * bound)
        sums.add(f"{name} w2v2", w * w * value * value, heaviest**2 * bound**2)
    frame = frame.with_columns(**sums.columns) if sums.columns else frame
    totals = [nw.col(name).sum() for name in sums.columns]
    found = collect(frame.group_by(keys).agg(nw.len().alias("n"), *totals), rows.where)
    return _table(found, rows, task, sums, exact, wanted & OF_SCORE if local else set())


def _with_keys(
    rows: Rows, task: Task, positive: list[Any], decided: list[Any] | None, threshold: float | None, exact: bool
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


def _table(found: nw.DataFrame[Any], rows: Rows, task: Task, sums: Sums, exact: bool, local: set[str]) -> Table:
    columns = rows.roles.sensitive
    got = {name: found.get_column(name) for name in found.columns}
    size = len(found)
    levels, codes = [], np.zeros((size, len(columns)), dtype=np.int64)
    for i in range(len(columns)):
        names, codes[:, i] = _factorised(got[f"g{i}"].to_list(), rows.order.get(f"g{i}"))
        levels.append(names)
    label = _ints(got["y"]) if "y" in got else np.full(size, -1 if task == "selection" else 0)
    outcome, keep = _outcomes(task, label, _ints(got["d"]))
    scores, level = _score_levels(got, exact, size)
    clusters, cluster = _factorised(got["cluster"].to_list()) if "cluster" in got else ((), None)
    numbers = {c: np.asarray(got[c].to_numpy(), dtype=np.float64) for c in [*sums.columns, "n"]}
    n = numbers["n"]
    w, w2 = (sums.read("w", numbers), sums.read("w2", numbers)) if "w" in sums.shift else (n, n)
    moments = {
        v: (sums.read(f"{v} wv", numbers), sums.read(f"{v} w2v", numbers), sums.read(f"{v} w2v2", numbers))
        for v in _names(sums)
    }
    for name in local:
        value = _local_value(name, scores[level], label)
        moments[name] = (w * value, w2 * value, w2 * value * value)
    keys = [cluster if cluster is not None else level, level, outcome, *codes.T[::-1]]
    order = np.lexsort(keys)
    order = order[keep[order]]
    pick: Callable[[Any], Any] = lambda a: a[order]  # noqa: E731
    return Table(
        columns, tuple(levels), codes[order], outcome[order], label[order], level[order], scores, not exact and "level" in got,
        None if cluster is None else cluster[order], len(clusters), n[order], w[order], w2[order],
        {name: (pick(a), pick(b), pick(c)) for name, (a, b, c) in sorted(moments.items())}, int(n[~keep].sum()),
    )  # fmt: skip


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


def _outcomes(task: Task, label: Ints, decision: Ints) -> tuple[Ints, NDArray[np.bool_]]:
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


def _factorised(values: list[Any], order: tuple[str, ...] | None = None) -> tuple[tuple[str, ...], Ints]:
    """Names and codes of values: in the given order, or numbers in theirs, then text; "(missing)" last."""
    seen: dict[Any, str] = {}
    for value in values:
        if value not in seen:
            seen[value] = group_name(value)
    found = set(seen.values())
    names = [n for n in (*order, MISSING) if n in found] if order is not None else sorted(found, key=_natural)
    place = {name: i for i, name in enumerate(names)}
    lookup = {value: place[name] for value, name in seen.items()}
    return tuple(names), np.array([lookup[v] for v in values], dtype=np.int64)


def group_name(value: Any) -> str:
    """What a sensitive value is called in the report."""
    if (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or type(value).__name__ in ("NAType", "NaTType")
    ):
        return MISSING
    return plain(value) or MISSING


def _natural(name: str) -> tuple[int, float, str]:
    if name == MISSING:
        return 2, 0.0, ""
    try:
        number = float(name)
    except ValueError:
        return 1, 0.0, name
    return (0, number, name) if math.isfinite(number) else (1, 0.0, name)
