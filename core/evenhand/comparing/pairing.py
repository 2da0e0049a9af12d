"""Which rows of the two sides are the same, and which belong together: both become units that the sides share."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evenhand.comparing.rows import SideRows
from evenhand.errors import BadInput
from evenhand.statistics.arrays import Ints

INDEPENDENT = "different rows, compared as independent samples"


@dataclass(frozen=True, slots=True)
class Samples:
    """The rows to compare. paired: row i of one is row i of two. unit: of every row of each side, the unit it belongs
    to (itself, or its cluster), numbered across both sides. shared: whether some unit is on both sides.
    """

    one: SideRows
    two: SideRows
    unit: tuple[Ints, Ints]
    units: int
    paired: bool
    shared: bool
    clustered: bool
    how: str
    notes: tuple[str, ...]


def pair(one: SideRows, two: SideRows, columns: list[str], asked: bool | None) -> Samples:
    """Find the rows that are the same: by id where both sides have one, else by their place where all else is equal.

    columns: sensitive columns of both. asked: True: they must be the same, or BadInput; False: take them as different.
    """
    found = None if asked is False else _by_id(one, two) or _by_place(one, two, columns)
    if found is None:
        if asked:
            raise BadInput(
                "the two audits are not of the same rows: no id column names rows of both, and label, sensitive,"
                " cluster or weight columns differ; audit both with --id COLUMN, or compare them as independent samples"
            )
        return _independent(one, two)
    places, how, notes = found
    one, two = one.take(places[0]), two.take(places[1])
    return _units(one, two, True, how, [*notes, *_differing(one, two, columns)])


def _by_id(one: SideRows, two: SideRows) -> tuple[tuple[Ints, Ints], str, list[str]] | None:
    if one.id is None or two.id is None:
        return None
    where = {name: i for i, name in enumerate(two.id)}
    common = sorted(name for name in one.id if name in where)
    if not common:
        return None
    first = {name: i for i, name in enumerate(one.id)}
    notes = [
        f"{others:,} rows are in the {which} audit only (by their id) and were left out: the change is that of the"
        f" {len(common):,} rows in both."
        for which, others in (("first", len(one.id) - len(common)), ("second", len(two.id) - len(common)))
        if others
    ]
    places = np.array([first[name] for name in common]), np.array([where[name] for name in common])
    return places, f"the same {len(common):,} rows by their id, compared pair by pair", notes


def _by_place(one: SideRows, two: SideRows, columns: list[str]) -> tuple[tuple[Ints, Ints], str, list[str]] | None:
    if one.count != two.count:
        return None
    _, first, second = np.intersect1d(one.row, two.row, return_indices=True)
    a, b = one.take(first), two.take(second)
    together = None in (a.cluster, b.cluster) or a.cluster == b.cluster
    same = len(first) > 0 and together and a.label == b.label and np.array_equal(a.weight, b.weight)
    if not same or any(_groups(a, column) != _groups(b, column) for column in columns):
        return None
    notes = [
        f"{others:,} rows have a decision in the {which} audit only and were left out."
        for which, others in (("first", len(one.row) - len(first)), ("second", len(two.row) - len(first)))
        if others
    ]
    return (first, second), f"the same {len(first):,} rows, compared pair by pair", notes


def _groups(side: SideRows, column: str) -> list[str]:
    place = side.table.columns.index(column)
    names = side.table.names[place]
    return [names[code] for code in side.table.groups[:, place].tolist()]


def _differing(one: SideRows, two: SideRows, columns: list[str]) -> list[str]:
    """Ids may name rows whose facts were corrected, or rows that have nothing to do with each other: the reader must
    know."""
    facts = [("label", one.label, two.label), *((c, _groups(one, c), _groups(two, c)) for c in columns)]
    notes = []
    for name, first, second in facts:
        changed = sum(a != b for a, b in zip(first or (), second or (), strict=False))
        if changed:
            what = "label" if name == "label" else f"'{name}'"
            notes.append(f"Of the rows with the same id, {changed:,} have another {what} in the second audit.")
    return notes


def _independent(one: SideRows, two: SideRows) -> Samples:
    """Different rows; where both name clusters, the same cluster may be on both sides."""
    return _units(one, two, False, INDEPENDENT, [])


def _units(one: SideRows, two: SideRows, paired: bool, how: str, notes: list[str]) -> Samples:
    """Number the units; tables get their clusters from the same numbers."""
    rows = len(one.row), len(two.row)
    if paired and (one.cluster is not None or two.cluster is not None):
        code, size = _codes(one.cluster or two.cluster or [])
        first, second = code, code
    elif paired:
        first, second, size = np.arange(rows[0]), np.arange(rows[0]), rows[0]
    else:
        both, size = _codes([*_own(one, 0), *_own(two, 1)])
        first, second = both[: rows[0]], both[rows[0] :]
    shared = bool(np.intersect1d(first, second).size)
    if shared and not paired:
        notes = [*notes, "Some clusters are in both audits; the rows of a cluster count as one, also across the two."]
    has = [side.cluster is not None or (paired and (one.cluster or two.cluster) is not None) for side in (one, two)]
    tables = [
        replace(side.table, cluster=code if clustered else None, clusters=size if clustered else 0)
        for side, code, clustered in zip((one, two), (first, second), has, strict=True)
    ]
    one, two = (replace(side, table=table) for side, table in zip((one, two), tables, strict=True))
    return Samples(one, two, (first, second), size, paired, shared, any(has), how, tuple(notes))


def _own(side: SideRows, number: int) -> list[str]:
    """Names of units: clusters by their name, single rows by side and place."""
    if side.cluster is not None:
        return [f"cluster {name}" for name in side.cluster]
    return [f"row {number} {place:012d}" for place in side.row.tolist()]


def _codes(names: list[str]) -> tuple[Ints, int]:
    """Numbers of names in sorted order, so that they do not depend on the order of the rows."""
    place = {name: i for i, name in enumerate(sorted(set(names)))}
    return np.array([place[name] for name in names], dtype=np.int64), len(place)
