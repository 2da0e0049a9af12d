"""Counts of every slice: one aggregation in the engine to distinct cells, then sums of cells for each set of
columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.counting.aggregation import outcomes, with_keys
from evenhand.auditing.counting.counts import CELLS
from evenhand.auditing.counting.exact_sums import Sums
from evenhand.auditing.counting.hashed import summed
from evenhand.auditing.counting.row_values import row_values
from evenhand.auditing.question.plan import Plan
from evenhand.auditing.slices.columns import SliceColumn
from evenhand.auditing.table.group_names import cluster_codes
from evenhand.auditing.table.rows import Rows
from evenhand.statistics.arrays import Floats, Ints

Bytes = NDArray[np.uint8]
AT_ONCE = 2_000_000  # rows of a file that are grouped together
CHUNK = 65_536  # cells that are summed at a time, so that what is read 575 times stays in the processor's cache
LARGEST_KEY = 2**62
VALUE = "abs_error"  # the row-level quantity of a regression


@dataclass(frozen=True, slots=True)
class SliceMetric:
    """What slices are searched for: the mean of a quantity, or the share of the cells `of` among `among`."""

    name: str
    direction: str  # "higher" or "lower": which way a slice is worse
    words: str  # as in "35 % are misclassified"
    of: tuple[str, ...]
    among: tuple[str, ...]
    mean: bool = False


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over the rows of slices, arrays [slice]: rows, w, w², w·v, w²·v and w²·v², with v the event or quantity."""

    n: Floats
    w: Floats
    w2: Floats
    wv: Floats
    w2v: Floats
    w2v2: Floats

    def __sub__(self, other: Moments) -> Moments:
        """The rows that are in these slices and not in those, which are parts of them."""
        return Moments(*(np.maximum(a - b, 0) for a, b in zip(self.all(), other.all(), strict=True)))

    def all(self) -> tuple[Floats, ...]:
        return self.n, self.w, self.w2, self.wv, self.w2v, self.w2v2

    def __getitem__(self, at: Floats | Ints | int) -> Moments:
        return Moments(*(values[at] for values in self.all()))

    @staticmethod
    def joined(parts: Sequence[Moments]) -> Moments:
        return Moments(*(np.concatenate(same) for same in zip(*(p.all() for p in parts), strict=True)))


@dataclass(frozen=True, slots=True)
class Cells:
    """Distinct combinations of levels and outcome (and cluster) with their sums, in an order that no engine decides."""

    columns: tuple[SliceColumn, ...]
    codes: tuple[Bytes, ...]  # per column [cell]: the level
    outcome: Ints  # [cell] index into CELLS
    n: Floats
    w: Floats
    w2: Floats
    value: tuple[Floats, Floats, Floats] | None  # sums of w·v, w²·v, w²·v² of a regression's errors
    cluster: Ints | None
    clusters: int

    def moments(self, metric: SliceMetric, at: Ints | slice = slice(None)) -> tuple[Floats, ...]:
        """Per cell the sums that make Moments; 0 for cells that are no part of the metric."""
        outcome = self.outcome[at]
        inside, hit = (np.isin(np.arange(len(CELLS)), _places(names))[outcome] for names in (metric.among, metric.of))
        n, w, w2 = (values[at] * inside for values in (self.n, self.w, self.w2))
        if self.value is not None:
            return n, w, w2, *(values[at] * inside for values in self.value)
        return n, w, w2, w * hit, w2 * hit, w2 * hit


def _places(names: Sequence[str]) -> list[int]:
    return [CELLS.index(name) for name in names]


def count_cells(rows: Rows, plan: Plan, columns: Sequence[SliceColumn]) -> Cells:
    """Group the rows in their engine by all levels, packed into as few integers as hold them, and by outcome."""
    regression = plan.task == "regression"
    bare = replace(rows, roles=replace(rows.roles, sensitive=(), score=rows.roles.score if regression else None))
    frame, keys = with_keys(bare, plan.task, plan.positive, plan.decided, plan.threshold, True)
    packs = _packs([len(c.values) for c in columns])
    packed = {f"pack{j}": _packed([columns[i] for i in pack]) for j, pack in enumerate(packs)}
    sums = Sums()
    _add_sums(sums, bare, plan)
    found = summed(frame.with_columns(**packed), [*packed, *keys], sums, bare, AT_ONCE)
    got = {name: np.asarray(found.get_column(name).to_numpy()) for name in found.columns if name != "cluster"}
    cluster = cluster_codes(found.get_column("cluster"))[0] if "cluster" in keys else None
    size = len(found)
    label = got["y"].astype(np.int64) if "y" in got else np.full(size, -1 if plan.task == "selection" else 0)
    outcome, keep = outcomes(plan.task, label, got["d"].astype(np.int64))
    order = np.lexsort([outcome, *(got[name] for name in packed), *([] if cluster is None else [cluster])])
    order = order[keep[order]]
    numbers = {name: got[name][order].astype(np.float64) for name in [*sums.columns, "n"]}
    n = numbers["n"]
    w, w2 = (sums.read("w", numbers), sums.read("w2", numbers)) if "w" in sums.shift else (n, n)
    value = tuple(sums.read(part, numbers) for part in ("wv", "w2v", "w2v2")) if regression else None
    codes = _unpacked([got[name][order] for name in packed], packs, columns)
    return Cells(
        tuple(columns),
        codes,
        outcome[order],
        n,
        w,
        w2,
        value,  # type: ignore[arg-type]
        None if cluster is None else cluster[order],
        0 if cluster is None else int(cluster.max(initial=-1)) + 1,
    )


def _add_sums(sums: Sums, rows: Rows, plan: Plan) -> None:
    """The exact sums that weights and errors need."""
    weighted, heaviest = rows.roles.weight is not None, float(rows.facts.get("weight max", 1.0))
    w = nw.col("weight").cast(nw.Float64) if weighted else nw.lit(1.0)
    if weighted:
        sums.add("w", w, heaviest)
        sums.add("w2", w * w, heaviest**2)
    if plan.task == "regression":
        value, bound = row_values(rows, plan.task, {VALUE})[VALUE]
        sums.add("wv", w * value, heaviest * bound)
        sums.add("w2v", w * w * value, heaviest**2 * bound)
        sums.add("w2v2", w * w * value * value, heaviest**2 * bound**2)


def _packs(sizes: Sequence[int]) -> list[list[int]]:
    """Columns dealt into groups whose levels one integer of 64 bits tells apart."""
    packs: list[list[int]] = [[]]
    for i, size in enumerate(sizes):
        if prod(sizes[j] for j in packs[-1]) * size > LARGEST_KEY:
            packs.append([])
        packs[-1].append(i)
    return packs


def _packed(columns: Sequence[SliceColumn]) -> nw.Expr:
    key = nw.lit(0).cast(nw.Int64)
    for column in columns:
        key = key * nw.lit(len(column.values)).cast(nw.Int64) + column.code.cast(nw.Int64)
    return key


def _unpacked(
    keys: Sequence[Ints], packs: Sequence[Sequence[int]], columns: Sequence[SliceColumn]
) -> tuple[Bytes, ...]:
    codes: dict[int, Bytes] = {}
    for key, pack in zip(keys, packs, strict=True):
        left = key.astype(np.int64)
        for i in reversed(pack):
            left, code = np.divmod(left, len(columns[i].values))
            codes[i] = code.astype(np.uint8)
    return tuple(codes[i] for i in range(len(columns)))


def tables(cells: Cells, metrics: Sequence[SliceMetric], depth: int) -> Iterator[tuple[tuple[int, ...], list[Moments]]]:
    """Each set of up to `depth` columns with the Moments [level, level, …] of every metric, small sets first."""
    used = sorted({place for metric in metrics for place in _places(metric.among)})
    lookup = np.full(len(CELLS), len(used), dtype=np.int64)
    lookup[used] = np.arange(len(used))
    width = len(used) + 1
    sizes = [len(c.values) for c in cells.columns]
    weighted = cells.w is not cells.n
    values = [cells.n, *((cells.w, cells.w2) if weighted else ()), *(cells.value or ())]
    once = bool((cells.n == 1).all())
    sums = {
        combo: np.zeros((len(values), width * prod(sizes[i] for i in combo)))
        for size in range(1, depth + 1)
        for combo in combinations(range(len(sizes)), size)
    }
    for start in range(0, len(cells.n), CHUNK):
        part = slice(start, start + CHUNK)
        codes = [code[part].astype(np.int64) for code in cells.codes]
        weights = [None if once and i == 0 else v[part] for i, v in enumerate(values)]
        _sum_chunk(sums, codes, sizes, lookup[cells.outcome[part]], width, weights, depth)
    for combo, found in sums.items():
        shaped = found.reshape(len(values), *(sizes[i] for i in reversed(combo)), width)
        turned = shaped.transpose(0, *range(len(combo), 0, -1), len(combo) + 1)
        yield combo, [_of_metric(turned, metric, used, weighted, cells.value is not None) for metric in metrics]


def _sum_chunk(
    sums: dict[tuple[int, ...], Floats],
    codes: Sequence[Ints],
    sizes: Sequence[int],
    outcome: Ints,
    width: int,
    weights: Sequence[Floats | None],
    depth: int,
) -> None:
    """Add one chunk of cells to the sums of every set of columns; each set extends the key of a smaller one."""

    def extend(combo: tuple[int, ...], key: Ints, stride: int) -> None:
        for i in range(combo[-1] + 1 if combo else 0, len(sizes)):
            longer, place = (*combo, i), key + codes[i] * stride
            total = sums[longer]
            for row, weight in zip(total, weights, strict=True):
                row += np.bincount(place, weight, total.shape[1])
            if len(longer) < depth:
                extend(longer, place, stride * sizes[i])

    extend((), outcome, width)


def _of_metric(sums: Floats, metric: SliceMetric, used: Sequence[int], weighted: bool, mean: bool) -> Moments:
    inside = [used.index(place) for place in _places(metric.among)]
    hit = [used.index(place) for place in _places(metric.of)]
    n, w, w2 = (sums[i if weighted else 0][..., inside].sum(axis=-1) for i in range(3))
    if mean:
        return Moments(n, w, w2, *(sums[i][..., inside].sum(axis=-1) for i in range(-3, 0)))
    wv, w2v = (sums[i if weighted else 0][..., hit].sum(axis=-1) for i in (1, 2))
    return Moments(n, w, w2, wv, w2v, w2v)
