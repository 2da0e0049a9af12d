"""Slice discovery: which combinations of values fare worse than everyone else, with the search itself counted as
evidence against what it finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import comb
from typing import Any

import numpy as np

from evenhand.auditing.question.budget import SLICES
from evenhand.auditing.question.plan import Plan
from evenhand.auditing.slices.asked import asked_of
from evenhand.auditing.slices.cells import SliceMetric, count_cells
from evenhand.auditing.slices.columns import SliceColumn, short, slice_columns
from evenhand.auditing.slices.evidence import certain_gap, gap_limits
from evenhand.auditing.slices.family import Family, family_of
from evenhand.auditing.slices.redundancy import worth_listing
from evenhand.auditing.table.rows import Rows, collect
from evenhand.errors import BadInput
from evenhand.json_values import json_value
from evenhand.statistics.arrays import Floats, Ints
from evenhand.statistics.intervals import critical
from evenhand.statistics.multiplicity import benjamini_hochberg, holm

LEAST_ROWS = 30  # of a metric's denominator that a slice, and its rest, must have
MOST_SETS, MOST_SLICES = 3_000, 1_000_000  # that are searched; 26 columns have fewer sets to depth 3
MOST_HELD = 5_000_000  # rows that are read into memory
DEEPEST = 3
CORRECTION = (
    "p_holm: Holm 1979 over all slices and metrics searched; p_bh: Benjamini & Hochberg 1995; lower_simultaneous: "
    "Bonferroni over the same. A slice is listed when p_holm and lower_simultaneous agree that it is worse."
)


def find_slices(rows: Rows, plan: Plan, columns: Sequence[str], depth: int = DEEPEST, top: int = 20) -> dict[str, Any]:
    """The slices that fare worse than everyone else, ranked by evidence, as JSON-able values.

    rows: the table, whose frame holds the slicing columns as s0, s1, … in the order of `columns` (their names). A slice
    is one to `depth` (at most 3) conditions "column is value"; numbers with more than 12 values are binned by fifths,
    other columns keep their 11 most frequent values, and missing values are a value. Each slice with at least 30 rows
    is compared with all other rows: error rate, false negative and false positive rate of binary decisions; error rate
    of several classes; selection rate in both directions without labels; mean absolute error of a regression; and a
    plugin's shares.

    In the answer `found` holds at most `top` slices that are worse even when all slices searched are counted
    (family-wise error at most their share of the plan's budget, one-sided), ordered by `lower_simultaneous`, the gap
    that is certain; `strongest` holds the slice with the smallest p-value where there is none. `value`, `rest` and
    `gap` are shares (or in units of the label); `gap` and its limits are positive where the slice is worse in
    `direction`. A slice is left out when it is worse only through one that is listed, or no worse than the slice it is
    part of (slice_redundancy.worth_listing).

    Weights count through effective sizes; rows of a cluster as far as they correlate. Neither the order of the rows nor
    the engine changes the answer. Raises BadInput for columns that cannot be searched, and for a depth or top out of
    range.
    Sources: Chung et al. 2019 (Slice Finder), ICDE; Sagadeeva & Boehm 2021 (SliceLine), SIGMOD.
    """
    _check(depth, top)
    rows = _read_once(rows)
    searched, notes = slice_columns(rows, columns, LEAST_ROWS)
    metrics, left = asked_of(plan)
    notes += left
    depth = _affordable(searched, depth, notes)
    answer: dict[str, Any] = {
        "columns": [c.name for c in searched],
        "depth": depth,
        "searched": 0,
        "tests": 0,
        "least_rows": LEAST_ROWS,
        "metrics": list(dict.fromkeys(m.name for m in metrics)),
        "correction": CORRECTION,
        "found": [],
        "strongest": None,
        "notes": notes,
    }
    if searched:
        _search(answer, rows, plan, searched, metrics, top)
    cleaned: dict[str, Any] = json_value(answer)
    return cleaned


def _search(
    answer: dict[str, Any],
    rows: Rows,
    plan: Plan,
    columns: Sequence[SliceColumn],
    metrics: Sequence[SliceMetric],
    top: int,
) -> None:
    """Fill the answer with what is found in these columns."""
    level = plan.budget.of(SLICES)
    cells = count_cells(rows, plan, columns)
    family = family_of(cells, metrics, answer["depth"], LEAST_ROWS, level)
    answer["tests"], answer["searched"] = family.tests, family.searched
    answer["notes"] += _notes(family, cells.cluster is not None, rows.roles.weight is not None)
    if family.tests == 0:
        return
    evidence = Evidence(family, level)
    ranked = evidence.established()
    listed, hurried = worth_listing(family, cells, ranked, top, level, LEAST_ROWS)
    if hurried:
        answer["notes"].append("so many slices are worse that only the strongest were held against each other")
    answer["found"] = [evidence.entry(which, columns) for which in listed]
    if not listed and np.nanmin(family.p) < 1:
        answer["strongest"] = evidence.entry(int(np.nanargmin(family.p)), columns)


def _check(depth: int, top: int) -> None:
    for name, value, most in (("depth", depth, DEEPEST), ("top", top, 1_000)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise BadInput(f"{name} is {value!r}, and must be a whole number from 1 to {most:,}")


def _read_once(rows: Rows) -> Rows:
    """The rows in memory where Polars would read their file again for every query, unless there are very many."""
    if not rows.frame.implementation.is_polars() or rows.count > MOST_HELD:
        return rows
    return replace(rows, frame=collect(rows.frame, rows.where).lazy())


def _affordable(columns: Sequence[SliceColumn], depth: int, notes: list[str]) -> int:
    """The depth at which there are not too many slices, nor sets of columns, to search."""
    slices, asked = np.zeros(depth + 1), depth  # how many slices have 0, 1, … conditions
    slices[0] = 1
    for column in columns:
        slices[1:] += slices[:-1] * len(column.values)
    sets = [comb(len(columns), size) for size in range(depth + 1)]
    while depth > 1 and (sum(sets[: depth + 1]) > MOST_SETS or slices[: depth + 1].sum() > MOST_SLICES):
        depth -= 1
    if depth < asked:
        notes.append(
            f"{len(columns)} columns with {sum(len(c.values) for c in columns)} values are too many for slices of"
            f" {asked} conditions; slices of {depth} were searched. Name fewer columns to go deeper"
        )
    return depth


def _notes(family: Family, clustered: bool, weighted: bool) -> list[str]:
    notes = []
    for k, metric in enumerate(family.metrics):
        if not (family.metric == k).any():
            notes.append(f"no slice has {LEAST_ROWS} rows that count for {metric.name}; it was not searched")
    if clustered:
        notes.append(
            "rows of one cluster count together: the variance of each gap is multiplied by the larger of what the"
            " clusters' own sums show and what the correlation within clusters implies"
        )
        if family.unseen:
            notes.append(
                f"clusters were added up for the strongest slices only; {family.unseen:,} others, which may be worse"
                " too, count as without evidence"
            )
    if weighted:
        notes.append("rows are weighted, and count as the effective number of rows of equal weight")
    return notes


class Evidence:
    """The adjusted p-values and limits of a family, and the entries made of them."""

    def __init__(self, family: Family, level: float) -> None:
        self.family, self.level = family, level
        self.holm, self.bh = holm(family.p), benjamini_hochberg(family.p)
        self.tests = family.tests

    def certain(self, which: Ints) -> Floats:
        """The gaps that are certain when everything searched is counted; never above 0 where the test sees none."""
        family = self.family
        lower = certain_gap(*family.sides(which), family.mean, family.effect[which], self.level / self.tests)
        return np.where(family.p[which] * self.tests < self.level, lower, np.minimum(lower, 0.0))

    def established(self) -> Ints:
        """Slices that are worse when everything searched is counted, those with the largest certain gap first."""
        which = np.flatnonzero(self.holm < self.level)
        lower = self.certain(which)
        which, lower = which[lower > 0], lower[lower > 0]
        size = (self.family.conditions[which] > 0).sum(axis=1)
        keys = [*self.family.conditions[which].T[::-1], self.family.metric[which], size, -lower]
        return np.asarray(which[np.lexsort(keys)])

    def entry(self, which: int, columns: Sequence[SliceColumn]) -> dict[str, Any]:
        """What is said of one slice."""
        family, one = self.family, np.array([which])
        metric = family.metrics[int(family.metric[which])]
        inside, outside = family.sides(one)
        value, rest = (float(side.wv[0] / side.w[0]) for side in (inside, outside))
        limits = gap_limits(inside, outside, family.mean, family.effect[one], critical(1 - self.level))
        turned = metric.direction == "lower"
        parts = [(columns[c].name, columns[c].values[v]) for c, v in family.pairs(which)]
        entry = {
            "slice": [{"column": column, "value": level} for column, level in parts],
            "name": " and ".join(f"{short(column)} {short(level)}" for column, level in parts),
            "metric": metric.name,
            "direction": metric.direction,
            "rows": int(inside.n[0]),
            "rest_rows": int(outside.n[0]),
            "value": 1 - value if turned else value,
            "rest": 1 - rest if turned else rest,
            "gap": value - rest,
            "lower": float(limits[0][0]),
            "upper": float(limits[1][0]),
            "lower_simultaneous": float(self.certain(one)[0]),
            "p_value": float(family.p[which]),
            "p_holm": float(self.holm[which]),
            "p_bh": float(self.bh[which]),
            "design_effect": float(family.effect[which]),
        }
        return {**entry, "says": self._says(entry, metric, parts)}

    def _says(self, entry: dict[str, Any], metric: SliceMetric, parts: Sequence[tuple[str, str]]) -> str:
        where = " and ".join(f"{short(column)} is {short(level)}" for column, level in parts)
        who, what = metric.words.split("|")
        more = "fewer" if metric.direction == "lower" else "more"
        if metric.mean:
            numbers = f"the mean {what} is {entry['value']:.4g}, against {entry['rest']:.4g} elsewhere"
            gap, certain, unit = f"{entry['gap']:.4g}", f"{entry['lower_simultaneous']:.4g}", ""
        else:
            numbers = f"{100 * entry['value']:.1f}% {what}, against {100 * entry['rest']:.1f}% elsewhere"
            gap, certain, unit = f"{100 * entry['gap']:.1f}", f"{100 * entry['lower_simultaneous']:.1f}", " points"
        said = f"Of the {entry['rows']:,} {who} where {where}, {numbers}: {gap}{unit} {more}"
        if entry["lower_simultaneous"] > 0 and entry["p_holm"] < self.level:
            return f"{said}, and at least {certain} when all {self.tests:,} comparisons of the search are counted."
        return f"{said}, which a search of {self.tests:,} comparisons finds by chance too easily to count as evidence."
