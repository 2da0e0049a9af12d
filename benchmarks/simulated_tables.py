"""Tables of simulated cells as the audit's counting leaves them, and how often limits hold a truth."""

from __future__ import annotations

import numpy as np

from evenhand.auditing.counting.aggregation import Table
from evenhand.statistics import intervals

SIZES = (10, 30, 100, 1_000, 10_000)
RATES = (0.5, 0.1, 0.01)
Z = intervals.critical(0.95)
TP, FP, FN, TN = range(4)


def table_of(group, outcome, n, *, level=None, scores=(), cluster=None, clusters=0, moments=None) -> Table:
    """A table of cells as the counting leaves it: one sensitive column, no weights."""
    group, outcome, n = (np.asarray(a) for a in (group, outcome, n))
    size, n = int(group.max()) + 1, n.astype(float)
    label = np.isin(outcome, (TP, FN)).astype(np.int64)
    level = np.zeros(len(group), dtype=np.int64) if level is None else level
    names = tuple(str(i) for i in range(size))
    return Table(
        ("g",),
        (names,),
        group[:, None],
        outcome,
        label,
        level,
        np.asarray(scores, dtype=float),
        False,
        cluster,
        clusters,
        n,
        n,
        n,
        {name: (n * v, n * v, n * v * v) for name, v in (moments or {}).items()},
        0,
    )


def holds(limits: tuple[np.ndarray, np.ndarray], truth: float | np.ndarray) -> str:
    """Share of the defined limits that hold the truth, as a percentage."""
    lower, upper = limits
    known = ~np.isnan(lower)
    if not known.any():
        return "–"
    return f"{100 * np.mean((lower <= truth + 1e-12) & (truth <= upper + 1e-12), where=known):.1f}"


def described(sizes: tuple[int, ...]) -> str:
    """How many groups of which size."""
    return " + ".join(f"{sizes.count(size)} × {size:,}" for size in dict.fromkeys(sizes))
