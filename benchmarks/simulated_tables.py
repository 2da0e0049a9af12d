"""What benchmarks by simulation share: cells as the counting leaves them, how often limits hold, and their sections."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from evenhand.auditing.counting.aggregation import Table
from evenhand.statistics import intervals

SIZES = (10, 30, 100, 1_000, 10_000)
RATES = (0.5, 0.1, 0.01)
Z = intervals.critical(0.95)
TP, FP, FN, TN = range(4)

Section = Callable[[np.random.Generator, int], Iterator[str]]
Sections = Sequence[tuple[str, Section, int]]  # title, what yields the lines of its table, simulations


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


def simulated(sections: Sections, seed: int, doc: str) -> None:
    """The sections of a benchmark side by side, printed in their order: what its command line does."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="this part of the simulations")
    share, start = parser.parse_args().share, time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        found = [
            pool.submit(_measured, section, (seed, place), _runs(runs, share))
            for place, (_, section, runs) in enumerate(sections)
        ]
        for (title, _, runs), future in zip(sections, found, strict=True):
            lines, seconds = future.result()
            print(f"\n## {title}\n\n{_runs(runs, share):,} simulations a row at most, {seconds:.0f} s\n")
            print("\n".join(lines), flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s")


def _runs(runs: int, share: float) -> int:
    return max(round(runs * share), 1)


def _measured(section: Section, seed: tuple[int, int], runs: int) -> tuple[list[str], float]:
    """The lines of one section, and the seconds it took."""
    start = time.perf_counter()
    np.seterr(all="ignore")
    return list(section(np.random.default_rng(seed), runs)), time.perf_counter() - start
