"""One aggregation in the engine that holds the rows; what comes back is a small table of cells.

A cell is (sensitive values × outcome × score level [× cluster]). Attributes, intersections, curves and
resampling are all projections of it. Sums are exact (two integers per sum), so neither the order of the rows
nor the engine changes a digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.counting.cells import LARGEST, Cells, combined, merged
from evenhand.auditing.counting.coding import coding_of
from evenhand.auditing.counting.dense import dense
from evenhand.auditing.counting.exact_sums import Sums
from evenhand.auditing.counting.hashed import hashed
from evenhand.auditing.counting.logarithm import with_log
from evenhand.auditing.counting.row_values import LOG_CHANCE, chance, no_error, row_values, same
from evenhand.auditing.table.group_names import cluster_codes
from evenhand.auditing.table.rows import AuditTask, Rows
from evenhand.statistics.arrays import Floats, Ints

OUTCOME = {(1, 1): 0, (0, 1): 1, (1, 0): 2, (0, 0): 3, (-1, 1): 4, (-1, 0): 5}  # (label, decision) -> cell
MOST_OUTCOMES = 9
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
    projected: list[tuple[Ints, Any]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )  # see `project`


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
    if "level" not in keys or not values.summands or rows.roles.cluster is not None:
        weights, values = weights.joined(values), Sums()
    coding = coding_of(rows, task, "y" in keys)
    if coding is None or coding.cells * BINS > LARGEST:
        names, found, means = hashed(frame, rows, keys, (weights, values), AT_ONCE)
    else:
        names = coding.names
        found, means = dense(frame, rows, coding, keys, (weights, values), 0 if exact else BINS, AT_ONCE)
    return _table(
        names,
        found,
        means,
        rows,
        task,
        (weights, values),
        None if exact else BINS,
        wanted & OF_SCORE if local else set(),
    )


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
    names: tuple[tuple[str, ...], ...],
    found: Cells,
    means: Cells | None,
    rows: Rows,
    task: AuditTask,
    sums: tuple[Sums, Sums],
    bins: int | None,
    local: set[str],
) -> Table:
    """The cells in order, each once. bins: how many levels there are, None where every score is its own.

    local: quantities that follow from score and label alone.
    """
    scores, level = _score_levels(found.level, bins, len(found.decision))
    cluster, clusters = cluster_codes(found.cluster) if found.cluster is not None else (None, 0)
    label, outcome, keep = _outcomes(found, task)
    dropped = int(found.numbers["n"][~keep].sum())
    kept: Any = slice(None) if keep.all() else np.flatnonzero(keep)
    sides = [(found.groups[kept], outcome[kept])]
    if means is not None:
        _, of_means, there = _outcomes(means, task)
        sides.append((means.groups[there], of_means[there]))
    cells = _cell_codes(sides, [*(len(n) for n in names), MOST_OUTCOMES])
    beside = [(level, len(scores))] if len(scores) else []
    beside += [(cluster, clusters)] if cluster is not None else []
    code = combined(
        [cells[0], *(c[kept] for c, _ in beside)], [int(cells[0].max(initial=0)) + 1, *(size for _, size in beside)]
    )
    first, numbers = merged(code, {name: values[kept] for name, values in found.numbers.items()})
    entry = first if keep.all() else kept[first]
    n, (weights, values) = numbers["n"], sums
    label, level = label[entry], level[entry]
    w, w2 = (weights.read("w", numbers), weights.read("w2", numbers)) if "w" in weights.shift else (n, n)
    moments = _moments(weights, numbers)
    if means is not None:
        at, totals = merged(cells[1], {name: v[there] for name, v in means.numbers.items() if name != "n"})
        lowest = np.searchsorted(cells[0][first], cells[1][at])  # its sums stand beside the lowest level of a cell
        for name, three in _moments(values, totals).items():
            moments[name] = tuple(_put(len(n), lowest, total) for total in three)  # type: ignore[assignment]
    for name in local:
        value = _local_value(name, scores[level], label)
        moments[name] = (w * value, w2 * value, w2 * value * value)
    return Table(
        columns=rows.roles.sensitive,
        names=names,
        groups=found.groups[entry],
        outcome=outcome[entry],
        label=label,
        level=level,
        scores=scores,
        binned=bins is not None and found.level is not None,
        cluster=None if cluster is None else cluster[entry],
        clusters=clusters,
        n=n,
        w=w,
        w2=w2,
        moments=dict(sorted(moments.items())),
        dropped=dropped,
    )


def _cell_codes(sides: list[tuple[Ints, Ints]], sizes: list[int]) -> list[Ints]:
    """One number per entry of each side for its groups and outcome, comparable between the sides."""
    groups, outcome = (np.concatenate([side[i] for side in sides]) for i in (0, 1))
    ends = np.cumsum([len(side[1]) for side in sides])[:-1]
    return np.split(combined([*groups.T, outcome], sizes), ends)


def _moments(sums: Sums, numbers: Mapping[str, Floats]) -> dict[str, tuple[Floats, Floats, Floats]]:
    """Sums of w·v, w²·v and w²·v² by quantity; without weights the second is the first."""
    found = {}
    for name in _names(sums):
        wv, w2v2 = sums.read(f"{name} wv", numbers), sums.read(f"{name} w2v2", numbers)
        found[name] = (wv, sums.read(f"{name} w2v", numbers) if f"{name} w2v" in sums.shift else wv, w2v2)
    return found | {name: found[twin] for name, twin in sums.same.items()}


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


def _outcomes(found: Cells, task: AuditTask) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    label = found.label
    if label is None:
        label = np.full(len(found.decision), -1 if task == "selection" else 0)
    return label, *outcomes(task, label, found.decision)


def outcomes(task: AuditTask, label: Ints, decision: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """The cell of each entry, and which entries stay (rows without a decision do not)."""
    if task in ("multiclass", "regression"):
        cell = {"multiclass": {1: 6, 0: 7, -1: 8}, "regression": {1: 6, -1: 8}}[task]
        return np.array([cell.get(int(d), 8) for d in decision], dtype=np.int64), decision > -2
    lookup = np.full((3, 2), 8, dtype=np.int64)
    for (y, d), cell_index in OUTCOME.items():
        lookup[y, d] = cell_index
    return lookup[label, np.maximum(decision, 0)], decision >= 0


def _score_levels(level: NDArray[Any] | None, bins: int | None, size: int) -> tuple[Floats, Ints]:
    """(score of each level, the level of each entry)."""
    if level is None:
        return np.array([]), np.zeros(size, dtype=np.int64)
    if bins is not None:
        return (np.arange(bins) + 0.5) / bins, level.astype(np.int64)
    scores, place = np.unique(level.astype(np.float64) + 0.0, return_inverse=True)
    return scores, place.astype(np.int64)
