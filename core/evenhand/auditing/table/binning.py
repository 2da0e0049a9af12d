"""Continuous attributes: a sensitive column of numbers becomes ordered groups, between given edges or of equal size.

The engine tells how many rows have each value (or fine histograms of them); edges are chosen here, in numpy, so that
every engine gives the same ones, and stand in the plan as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import narwhals as nw
import numpy as np

from evenhand.auditing.table.checks import MOST_GROUPS, not_numbers
from evenhand.auditing.table.labels import plain
from evenhand.auditing.table.rows import Rows
from evenhand.auditing.table.source import numbers_from_text
from evenhand.auditing.table.value_counts import ValueCounts, value_counts
from evenhand.errors import BadInput, did_you_mean, typed

EACH = "each"  # every value is a group
FEW_FRACTIONS, FEW_NUMBERS = 20, 50  # more distinct values than these are put into quartiles unless asked otherwise
QUARTILES = "quartiles by default"
FINE = 64  # bins behind the smooth trend
Bins = Mapping[str, int | str | tuple[float, ...]]  # as a Question holds them


@dataclass(frozen=True, slots=True)
class Binning:
    """How one column is cut. Edges lie between bins: bin i holds edges[i - 1] <= value < edges[i]."""

    column: str
    edges: tuple[float, ...]
    by: str  # "edges", "quantiles" or "quartiles by default"
    fine: tuple[float, ...]  # edges of the bins behind the trend
    centres: tuple[float, ...]  # mean value of the rows in each of these
    asked: int  # bins that were asked for

    @property
    def names(self) -> tuple[str, ...]:
        """What the groups are called, in their order.

        >>> Binning("age", (30.0, 65.0), "edges", (), (), 3).names
        ('under 30', '30 to under 65', '65 or more')
        """
        texts = [plain(edge) for edge in self.edges]
        middle = [f"{low} to under {high}" for low, high in pairwise(texts)]
        return (f"under {texts[0]}", *middle, f"{texts[-1]} or more")

    def described(self) -> dict[str, Any]:
        """For the plan: with these edges the audit can be repeated."""
        return {"edges": list(self.edges), "by": self.by}


def bin_columns(rows: Rows, bins: Bins, text: bool) -> tuple[Rows, dict[str, Binning]]:
    """The rows with their continuous sensitive columns cut into groups, and how.

    bins: column -> how many bins of equal size, or the edges between them, or "each" for a group per value; columns
    that are not named are cut into quartiles where they are numbers with fractions and more than 20 distinct values, or
    numbers with more than 50. text: columns came as text (CSV). The binned column g0 holds group names, and x0 its
    numbers. Raises BadInput for a column without numbers, edges that do not increase, and more than 1,000 groups.
    """
    _check_named(bins, rows.roles.sensitive)
    found: dict[str, Binning] = {}
    for i, column in enumerate(rows.roles.sensitive):
        how = bins.get(column)
        if how == EACH or (how is None and rows.facts[f"g{i} distinct"] <= FEW_FRACTIONS):
            continue
        rows, binning = _binned(rows, i, how, text)
        if binning is not None:
            found[column] = binning
    for i, column in enumerate(rows.roles.sensitive):
        if column not in found:
            _check_groups(rows, i, column)
    return rows, found


def _check_named(bins: Bins, sensitive: Sequence[str]) -> None:
    for column in bins:
        if column not in sensitive:
            raise BadInput(
                f"the bins name '{column}', which is no sensitive column of this audit."
                f"{did_you_mean(column, sensitive)} (--bins)"
            )


def _binned(rows: Rows, i: int, how: int | str | tuple[float, ...] | None, text: bool) -> tuple[Rows, Binning | None]:
    """The rows with column i cut, or as they are (None) where nothing was asked and the column needs no bins."""
    name, column = f"g{i}", rows.roles.sensitive[i]
    frame = numbers_from_text(rows.frame, [name]) if text else rows.frame
    kind = frame.collect_schema()[name]
    if not kind.is_numeric():
        if how is not None:
            raise not_numbers(rows.frame, name, column, rows.where, "--bins")
        return rows, None
    floats = rows.floats | {name} if kind.is_float() else rows.floats - {name}
    numeric = replace(rows, frame=frame, floats=floats)
    try:
        counts = value_counts(numeric, name, column)
    except BadInput:
        if how is None:  # nobody asked for bins, so values that fit in none are groups
            return rows, None
        raise
    if how is None and not _continuous(counts):
        return rows, None
    binning = _cut(column, counts, how, rows.where)
    number = nw.col(name).cast(nw.Float64)
    held = nw.when(~numeric.missing(name))
    frame = frame.with_columns(
        **{f"x{i}": held.then(number), name: held.then(placed(number, binning.edges, binning.names))}
    )
    facts = {**rows.facts, f"{name} missing": rows.count - counts.rows, f"{name} distinct": len(binning.names)}
    order = {**rows.order, name: binning.names}
    known = {column: values for column, values in rows.known.items() if column != name}
    return replace(rows, frame=frame, floats=floats - {name}, facts=facts, order=order, known=known), binning


def _continuous(counts: ValueCounts) -> bool:
    """Numbers that nobody means as names of groups."""
    fractions = bool((counts.values != np.floor(counts.values)).any())
    return len(counts.values) > (FEW_FRACTIONS if fractions else FEW_NUMBERS)


def _cut(column: str, counts: ValueCounts, how: int | str | tuple[float, ...] | None, where: str) -> Binning:
    if len(counts.values) < 2:
        raise BadInput(f"column '{column}' in {where} has one value only, so there is nothing to bin (--bins)")
    many = how if isinstance(how, int) else 4
    edges = how if isinstance(how, tuple) else readable_quantiles(counts, many)
    held = np.diff([0.0, *(counts.below(edge) for edge in edges), 1.0])
    if (held > 0).sum() < 2:
        raise BadInput(
            f"every row of {where} falls into the same bin of '{column}', whose values lie between {counts.values[0]:g}"
            f" and {counts.values[-1]:g}; choose other edges (--bins)"
        )
    by = "edges" if isinstance(how, tuple) else QUARTILES if how is None else "quantiles"
    fine = quantiles(counts, FINE) if len(counts.values) > FINE else tuple(counts.values[1:].tolist())
    return Binning(column, edges, by, fine, counts.means_between(fine), len(edges) + 1 if by == "edges" else many)


def quantiles(counts: ValueCounts, many: int) -> tuple[float, ...]:
    """The values that part the rows most nearly into `many` equal bins, below and from there on; equal ones once."""
    shares = counts.shares_below[1:]  # below the smallest value there is nobody
    nearest = {int(np.abs(shares - i / many).argmin()) for i in range(1, many)}
    return tuple(float(counts.values[1 + j]) for j in sorted(nearest))


def readable_quantiles(counts: ValueCounts, many: int) -> tuple[float, ...]:
    """The quantiles with as few digits as move less than half a percent of the rows into another bin."""
    edges: list[float] = []
    for edge in quantiles(counts, many):
        share = counts.below(edge)
        size = math.floor(math.log10(max(abs(edge), 1e-300)))
        rounded = (round(edge, digits - size) + 0.0 for digits in range(17))
        chosen = next((r for r in rounded if abs(counts.below(r) - share) < 0.005 and 0 < counts.below(r) < 1), edge)
        if not edges or (chosen > edges[-1] and counts.below(chosen) > counts.below(edges[-1])):
            edges.append(chosen)
    return tuple(edges)


def placed(number: nw.Expr, edges: Sequence[float], values: Sequence[Any]) -> nw.Expr:
    """values[i] for the i-th bin; a tree of comparisons, so that many bins do not nest deeply."""
    if not len(edges):
        return nw.lit(values[0])
    half = len(edges) // 2
    low, high = placed(number, edges[:half], values[: half + 1]), placed(number, edges[half + 1 :], values[half + 1 :])
    return nw.when(number < edges[half]).then(low).otherwise(high)


def _check_groups(rows: Rows, i: int, column: str) -> None:
    distinct = rows.facts[f"g{i} distinct"]
    if distinct > MOST_GROUPS:
        numeric = rows.frame.collect_schema()[f"g{i}"].is_numeric()
        way = typed("--bins", f"{column}=4") if numeric else "age to age group"
        raise BadInput(
            f"sensitive column '{column}' in {rows.where} has {distinct:,} distinct values, and an audit compares at"
            f" most {MOST_GROUPS:,} groups; bin it ({way}) or choose another column (--sensitive)"
        )
