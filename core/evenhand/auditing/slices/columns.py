"""Slicing columns as a few values each: quantile bins of numbers, the most frequent values of the rest.

They are found by queries in the engine that holds the rows, and depend on neither engine nor row order: bins come
from exact counts, never from an engine's own (often approximate) quantiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from evenhand.auditing.table.group_names import MISSING, group_name, natural
from evenhand.auditing.table.rows import Rows, batches, collect
from evenhand.errors import BadInput
from evenhand.statistics.arrays import Floats

OTHER = "(other)"
MOST_VALUES = 12  # a column with more distinct values is binned, or keeps its most frequent ones
BINS = 5
TRAYS = 2_048  # equal widths that a range is counted in; a tray that holds too much is divided again
HEAVY = 0.01  # share of the rows that a tray may hold undivided
LEEWAY = 0.02  # how far (share of rows) a cut may stray from its quantile to become a rounder number
PASSES = 12  # each rids the others of one order of outliers
AT_ONCE = 1_000_000  # rows that are looked at together
MANY = 10_000  # distinct values beyond which those too rare to make a slice stay in the engine


@dataclass(frozen=True, slots=True)
class SliceColumn:
    """A column whose rows fall into `values`; `code` is the place of a row's value."""

    name: str
    values: tuple[str, ...]
    code: nw.Expr


def slice_columns(rows: Rows, columns: Sequence[str], least: int) -> tuple[list[SliceColumn], list[str]]:
    """(the columns that can be searched, notes on what was reduced or left out).

    columns: their names, which `rows` holds as s0, s1, …; least: rows that a slice must have.
    Raises BadInput where a column plays a role that makes slices of it meaningless.
    """
    check_columns(rows, columns)
    rows = _with_facts(rows, len(columns))
    found, notes = [], []
    schema = rows.frame.collect_schema()
    for i, column in enumerate(columns):
        internal = f"s{i}"
        if column in columns[:i]:
            continue
        kind = schema[internal]
        distinct = rows.facts[f"{internal} distinct"] - (rows.facts[f"{internal} missing"] > 0)
        binned = kind.is_numeric() and distinct > MOST_VALUES
        values, code = _bins(rows, internal) if binned else _values(rows, internal, kind, distinct, least)
        kept = len(set(values) - {OTHER, MISSING})
        if len(values) < 2:
            many = "many" if binned else f"{distinct:,}"
            why = f"has {many} distinct values, all of them rare," if distinct > 1 else "is the same in every row"
            notes.append(f"column '{short(column)}' {why} and was not searched")
            continue
        if not binned and distinct > MOST_VALUES:
            notes.append(
                f"column '{short(column)}' has {distinct:,} distinct values: the {kept} most frequent are slices of"
                " their own, the others are one"
            )
        found.append(SliceColumn(column, values, code))
    return found, notes


def check_columns(rows: Rows, columns: Sequence[str]) -> None:
    """Slices of what is judged, or of the units themselves, would say nothing."""
    if not columns:
        raise BadInput("no column to search slices in is named; say which with --slices COLUMN")
    for role, why in (
        ("label", "slices of the label are wrong or right by definition"),
        ("prediction", "slices of the prediction are wrong or right by definition"),
        ("score", "slices of the score follow from the decision itself"),
        ("id", "it names every row once"),
        ("cluster", "its clusters are the units that slices are tested by"),
    ):
        column = getattr(rows.roles, role)
        if column is not None and column in columns:
            raise BadInput(
                f"column '{column}' of {rows.where} is the {role} column, and cannot be searched for slices: {why}; "
                "leave it out (--slices)"
            )


def _with_facts(rows: Rows, size: int) -> Rows:
    """The rows with what must be known of their slicing columns: how many values are missing, how many differ."""
    asked: dict[str, nw.Expr] = {}
    for name in (f"s{i}" for i in range(size)):
        asked[f"{name} missing"] = nw.when(rows.missing(name)).then(nw.lit(1)).otherwise(nw.lit(0)).sum()
        if not rows.frame.implementation.is_polars():
            asked[f"{name} distinct"] = nw.col(name).n_unique()
    found = collect(rows.frame.select(**asked), rows.where)
    facts = {name: int(found.get_column(name).to_list()[0] or 0) for name in asked}
    if rows.frame.implementation.is_polars():  # whose own count holds every value there is
        facts |= {f"s{i} distinct": _distinct(rows, f"s{i}") for i in range(size)}
    return replace(rows, facts={**rows.facts, **facts})


def _distinct(rows: Rows, name: str) -> int:
    """How many distinct values a column of Polars has; of numbers beyond MOST_VALUES, which are binned, just more."""
    frame: pl.LazyFrame = nw.to_native(rows.frame).select(name)
    kind = frame.collect_schema()[name]
    if not kind.is_numeric():
        return int(collect(nw.from_native(frame.unique().select(pl.len())), rows.where).to_polars().item())
    seen = pl.Series(dtype=kind)
    for part in batches(frame, rows.count, AT_ONCE, rows.where):
        seen = pl.concat([seen, part[name].unique()]).unique()
        if len(seen) > MOST_VALUES + 1:  # the missing one is no value
            break
    return len(seen)


def _values(rows: Rows, name: str, kind: nw.dtypes.DType, distinct: int, least: int) -> tuple[tuple[str, ...], nw.Expr]:
    """Values of a column of few or of unordered values: each value, or the most frequent ones and the others."""
    column = nw.col(name).cast(nw.String) if kind in (nw.Categorical, nw.Enum) else nw.col(name)
    counted = rows.frame.filter(~rows.missing(name)).select(v=column).group_by("v").agg(nw.len().alias("n"))
    if distinct > MANY:
        counted = counted.filter(nw.col("n") >= least)
    found = collect(counted, rows.where)
    raw: dict[str, list[Any]] = {}
    rows_of: dict[str, int] = {}
    for value, n in zip(found.get_column("v").to_list(), found.get_column("n").to_list(), strict=True):
        label = group_name(value).removesuffix(" 00:00:00")  # a day, in engines that know only times
        raw.setdefault(label, []).append(value)
        rows_of[label] = rows_of.get(label, 0) + int(n)
    absent = raw.pop(MISSING, [])  # text of blanks alone
    ranked = sorted(raw, key=lambda label: (-rows_of[label], label))
    kept = sorted(ranked if len(ranked) <= MOST_VALUES else ranked[: MOST_VALUES - 1], key=natural)
    missing = rows.facts[f"{name} missing"] + sum(rows_of[MISSING] for _ in absent[:1])
    others = sum(rows_of[label] for label in kept) + missing < rows.count
    values = [*kept, *([OTHER] if others else []), *([MISSING] if missing else [])]
    places = [(value, i) for i, label in enumerate(kept) for value in raw[label]]
    places += [(value, len(values) - 1) for value in absent]
    return tuple(values), _coded(rows, name, column, places, len(kept), len(values) - 1)


def _coded(rows: Rows, name: str, column: nw.Expr, places: list[tuple[Any, int]], other: int, missing: int) -> nw.Expr:
    """The level of each row. Truth values are compared one by one: not every engine looks them up in a table."""
    if not places or any(isinstance(value, bool) for value, _ in places):
        code = nw.lit(other).cast(nw.Int64)
        for value, place in places:
            code = nw.when(column == value).then(nw.lit(place).cast(nw.Int64)).otherwise(code)
    else:
        values, codes = [value for value, _ in places], [place for _, place in places]
        code = column.replace_strict(values, codes, default=other, return_dtype=nw.Int64)
    return nw.when(rows.missing(name)).then(nw.lit(missing).cast(nw.Int64)).otherwise(code)


def _bins(rows: Rows, name: str) -> tuple[tuple[str, ...], nw.Expr]:
    """Values of a column of many numbers: bins of about equal size between cuts that read well."""
    number = nw.col(name).cast(nw.Float64)
    lows, highs, counts = _profile(rows, number)
    cuts = _cuts(lows, highs, counts)
    whole = bool(rows.frame.collect_schema()[name].is_integer())
    values = _bin_names(cuts, float(lows[0]), float(highs[-1]), whole) if len(lows) else []
    code = nw.lit(0).cast(nw.Int64)
    for cut in cuts:
        code = code + nw.when(number >= cut).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int64)
    if rows.facts[f"{name} missing"]:
        code = nw.when(rows.missing(name)).then(nw.lit(len(values)).cast(nw.Int64)).otherwise(code)
        values.append(MISSING)
    return tuple(values), code


def _profile(rows: Rows, number: nw.Expr) -> tuple[Floats, Floats, Floats]:
    """(lowest value, highest value, rows) of trays in rising order; none holds many rows unless of one value."""
    done = _trays(rows, number, -1.7976931348623157e308, 1.7976931348623157e308, whole=True)
    for _ in range(PASSES):
        total = sum(n for _, _, n in done)
        heavy = [tray for tray in done if tray[2] > HEAVY * total and tray[0] < tray[1]]
        if not heavy:
            break
        done = [tray for tray in done if tray not in heavy]
        for low, high, _ in heavy:
            done += _trays(rows, number, low, high)
    table = np.array(sorted(done), dtype=float).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _trays(rows: Rows, number: nw.Expr, low: float, high: float, whole: bool = False) -> list[tuple[float, float, int]]:
    """The finite values between two limits, counted in trays of equal width (`whole`: in a single one)."""
    frame = rows.frame.select(x=number).filter((nw.col("x") >= low) & (nw.col("x") <= high))
    if whole:
        frame = frame.with_columns(tray=nw.lit(0))
    else:
        half = max(high / 2 - low / 2, 5e-324)  # halves: the whole width may be beyond the numbers
        place = ((nw.col("x") * 0.5 - low / 2) / half * TRAYS).floor()
        frame = frame.with_columns(tray=place.clip(0, TRAYS - 1).cast(nw.Int64))
    asked = frame.group_by("tray").agg(nw.col("x").min().alias("low"), nw.col("x").max().alias("high"), n=nw.len())
    found = collect(asked, rows.where)
    lows, highs, counts = (found.get_column(c).to_list() for c in ("low", "high", "n"))
    return [(float(a), float(b), int(n)) for a, b, n in zip(lows, highs, counts, strict=True)]


def _cuts(lows: Floats, highs: Floats, counts: Floats) -> list[float]:
    """Where the bins begin, the lowest bin apart: at about the fifths of the rows, and at numbers of few digits."""
    if len(counts) < 2:
        return []
    reached, total = np.cumsum(counts), float(counts.sum())
    cuts = []
    for k in range(1, BINS):
        least, most = (k / BINS - LEEWAY) * total, (k / BINS + LEEWAY) * total
        first = int(np.searchsorted(reached, least))
        last = int(np.searchsorted(reached, most, side="right")) - 1
        if last < first:  # one value spans the quantile: cut on the side that is nearer to it
            before = reached[first - 1] if first else 0.0
            last = first = first - (k / BINS * total - before < reached[first] - k / BINS * total)
        if first >= 0 and last + 1 < len(lows):
            cuts.append(roundest(float(highs[first]), float(lows[last + 1])))
    return sorted(set(cuts))


def roundest(above: float, most: float) -> float:
    """The number of fewest digits in (above, most].

    >>> roundest(34.2, 36.9), roundest(0.0, 0.37), roundest(-5.5, -4.1)
    (35.0, 0.3, -5.0)
    """
    size = max(abs(above), abs(most), 5e-324)
    top = math.floor(math.log10(size)) + 1
    for power in range(min(top, 300), max(top - 18, -300), -1):
        for part in (5, 1):
            step = part * 10.0**power
            number = round(math.floor(most / step) * step, max(-power, 0))
            if above < number <= most:
                return number
    return most


def _bin_names(cuts: Sequence[float], lowest: float, highest: float, whole: bool) -> list[str]:
    """18–35, 36–50, 51–90 for whole numbers; under 0.3, 0.3 to under 1.5, 1.5 or more for others."""
    if not cuts:
        return [f"{shown(lowest)} to {shown(highest)}"]
    if whole:
        starts = [lowest, *(float(math.ceil(c)) for c in cuts)]
        ends = [*(start - 1 for start in starts[1:]), highest]
        dash = " to " if lowest < 0 else "–"
        return [shown(a) if a == b else f"{shown(a)}{dash}{shown(b)}" for a, b in zip(starts, ends, strict=True)]
    between = [f"{shown(a)} to under {shown(b)}" for a, b in pairwise(cuts)]
    return [f"under {shown(cuts[0])}", *between, f"{shown(cuts[-1])} or more"]


def shown(number: float) -> str:
    """A number as people write it."""
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else f"{number:.12g}"


def short(text: str) -> str:
    """A name on one line, of a length that leaves room for the sentence around it."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"
