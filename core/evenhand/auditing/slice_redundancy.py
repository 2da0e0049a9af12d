"""Which slices say something of their own: a slice that is worse only because another one is, is not listed beside it."""

from __future__ import annotations

import numpy as np

from evenhand.auditing.counts import Floats, Ints
from evenhand.auditing.slice_counts import Cells, Moments
from evenhand.auditing.slice_evidence import p_values
from evenhand.auditing.slice_family import Family, Members, ids_of

MOST_WALKED = 1_000  # slices that are held against those listed; each takes a look at every cell


def worth_listing(
    family: Family, cells: Cells, ranked: Ints, top: int, level: float, least: int
) -> tuple[list[int], bool]:  # fmt: skip
    """(up to `top` of the `ranked` slices, strongest first, whether the walk through them was cut short).

    ranked: slices with evidence, in order of rank. A slice is listed only if, with p below `level` / tests searched,
    (1) it is worse than the rest of each slice with evidence that it is a part of;
    (2) it is worse than everyone else when the rows of all slices listed before it are left out on both sides,
    those it is a part of apart. So neither parts nor wholes nor neighbours of a bad slice fill the list with its rows.
    """
    strict = level / int(np.isfinite(family.p).sum())
    candidates = ranked[_beats_ancestors(family, ranked, strict)]
    members, listed = Members(cells, family), list[int]()
    for which in candidates[:MOST_WALKED].tolist():
        if len(listed) == top:
            break
        if _adds(family, members, which, listed, strict, least):
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


def _adds(family: Family, members: Members, which: int, listed: list[int], level: float, least: int) -> bool:
    """Whether the slice is worse than everyone else, at `level`, outside the slices listed already."""
    metric = int(family.metric[which])
    mine = set(family.pairs(which))
    others = [other for other in listed if family.metric[other] == metric and not set(family.pairs(other)) <= mine]
    if not others:
        return True
    left = ~np.logical_or.reduce([members.flags(other) for other in others])
    inside = members.moments(metric, np.flatnonzero(members.flags(which) & left))
    everyone: Moments = members.moments(metric, np.flatnonzero(left))
    outside = everyone - inside
    if inside.n[0] < least or outside.n[0] < least:
        return False
    return bool(p_values(inside, outside, family.mean, family.effect[which])[0] < level)
