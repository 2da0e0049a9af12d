"""Which slices say something of their own: a slice that is worse only because another one is, is not listed beside
it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from evenhand.auditing.slices.cells import Cells, Moments
from evenhand.auditing.slices.evidence import p_values
from evenhand.auditing.slices.family import Family, Members, ids_of
from evenhand.statistics.arrays import Floats, Ints

MOST_WALKED = 1_000  # slices that are held against those listed; each takes a look at every cell
MOST_KEPT = 30  # sets of listed slices whose remaining rows are kept


def worth_listing(
    family: Family, cells: Cells, ranked: Ints, top: int, level: float, least: int
) -> tuple[list[int], bool]:
    """(up to `top` of the `ranked` slices, strongest first, whether the walk through them was cut short).

    ranked: slices with evidence, in order of rank. A slice is listed only if, with p below `level` / tests searched,
    (1) it is worse than the rest of each slice with evidence that it is a part of;
    (2) it is worse than everyone else when the rows of all slices listed before it are left out on both sides,
    those it is a part of apart. So neither parts nor wholes nor neighbours of a bad slice fill the list with its rows.
    """
    if not len(ranked):
        return [], False
    strict = level / family.tests
    candidates = ranked[_beats_ancestors(family, ranked, strict)]
    remaining, listed = Remaining(Members(cells, family)), list[int]()
    for which in candidates[:MOST_WALKED].tolist():
        if len(listed) == top:
            break
        if _adds(family, remaining, which, listed, strict, least):
            listed.append(which)
    return listed, len(candidates) > MOST_WALKED and len(listed) < top


def _beats_ancestors(family: Family, ranked: Ints, level: float) -> Floats:
    """[ranked slice] whether it differs from the rest of every ancestor that has evidence itself."""
    ids, ancestors = ids_of(family)
    order = ranked[np.argsort(ids[ranked], kind="stable")]
    known = ids[order]
    apart = np.ones(len(ranked), dtype=bool)
    for column in ancestors[ranked].T:
        place = np.minimum(np.searchsorted(known, column), len(known) - 1)
        at = np.flatnonzero(known[place] == column)
        if not len(at):
            continue
        child, parent = ranked[at], order[place[at]]
        inside = family.inside[child]
        p = p_values(inside, family.inside[parent] - inside, family.mean, family.effect[child])
        apart[at] &= p < level
    return apart


@dataclass(slots=True)
class Remaining:
    """What is left when the rows of listed slices are taken away; kept, because many slices are held against the
    same."""

    members: Members
    _flags: dict[int, Floats] = field(default_factory=dict)
    _left: dict[tuple[int, ...], tuple[Floats, Moments]] = field(default_factory=dict)

    def without(self, metric: int, listed: tuple[int, ...]) -> tuple[Floats, Moments]:
        """([cell] whether it is left, sums over those left)."""
        if listed not in self._left:
            for which in listed:
                if which not in self._flags:
                    self._flags[which] = self.members.flags(which)
            left = ~np.logical_or.reduce([self._flags[which] for which in listed])
            self._left = {k: v for k, v in self._left.items() if len(self._left) < MOST_KEPT}
            self._left[listed] = left, self.members.moments(metric, np.flatnonzero(left))
        return self._left[listed]


def _adds(family: Family, remaining: Remaining, which: int, listed: list[int], level: float, least: int) -> bool:
    """Whether the slice is worse than everyone else, at `level`, outside the slices listed already."""
    metric = int(family.metric[which])
    mine = set(family.pairs(which))
    others = [other for other in listed if family.metric[other] == metric and not set(family.pairs(other)) <= mine]
    if not others:
        return True
    left, everyone = remaining.without(metric, tuple(others))
    inside = remaining.members.moments(metric, np.flatnonzero(remaining.members.flags(which) & left))
    outside = everyone - inside
    if inside.n[0] < least or outside.n[0] < least:
        return False
    return bool(p_values(inside, outside, family.mean, family.effect[which])[0] < level)
