"""Whether the audit's promises hold, by simulation: one row for each promise, with what was found; prints Markdown.

    python benchmarks/promises.py            about half an hour on two idle cores
    python benchmarks/promises.py --share 0.1    a tenth of the simulations

*exceeded* is wrong in at most 5 % of audits, and so is *within*, at the boundary too; looks that a ledger counts spend
no more together; the rows that are told settle a verdict as often as they say; limits of skewed means hold.
Data sets are simulated as counts, and go through the functions that an audit calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from simulated_tables import Z, described, holds, simulated

from evenhand.auditing.counting.aggregation import count
from evenhand.auditing.counting.projection import project
from evenhand.auditing.evidence.bands import draw_maxima
from evenhand.auditing.evidence.directed import Alarms
from evenhand.auditing.evidence.estimation import estimate
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.judging.deciding import Case, Levels, decided
from evenhand.auditing.judging.rows_needed import Sample, rows_needed, variance_per_row
from evenhand.auditing.metrics.losses import MEAN_SCORE
from evenhand.auditing.question.budget import budget_of
from evenhand.auditing.table.checks import MOST_GROUPS, take_roles
from evenhand.auditing.table.rows import Roles
from evenhand.auditing.table.source import open_source
from evenhand.statistics.intervals import difference

REPLICATES = 2_000  # as an audit draws
AGAIN = 25  # simulations that share their draws: those hang on sizes and rates, hardly on the counts
LEVEL = 0.05

# sizes of groups as the intersections of real tables have them (positives of either class are fewer)
ADULT = (28_735, 13_027, 2_377, 2_308, 1_002, 517, 285, 251, 185, 155)  # sex × race, UCI Adult
TAIWAN = (9_411, 8_469, 6_553, 5_190, 192, 131, 40, 14)  # sex × marriage, UCI default of credit card clients
HMDA = (1_280, 761, 175, 164)  # African American × single, Boston HMDA


@dataclass(frozen=True)
class Cell:
    """One setting: sizes of the groups, the lower rate, the tolerance, how many metrics are judged together."""

    sizes: tuple[int, ...]
    rate: float
    tolerance: float
    metrics: int = 1
    rho: float = 0.0  # correlation of rows in clusters of five


BOUNDARY = (
    *(Cell(sizes, 0.5, tolerance) for sizes in ((100,) * 2, (20,) * 2, (1_000,) * 12) for tolerance in (0.05, 0.1)),
    *(Cell(sizes, 0.3, 0.05, 3) for sizes in (ADULT, TAIWAN, HMDA)),
    Cell((5_000, *[20] * 11), 0.02, 0.05),
    Cell((5_000, *[50] * 11), 0.01, 0.02, 3),
    Cell((5_000, 200), 0.02, 0.02),
    Cell((200, 5_000), 0.02, 0.02),
    Cell((500,) * 5, 0.5, 0.05, 6),
    Cell((500,) * 5, 0.5, 0.05, 1, rho=0.1),
    Cell((500,) * 2, 0.1, 0.05, 1, rho=0.2),
)
ALIKE = (Cell((500,) * 2, 0.5, 0.1), Cell((2_000,) * 12, 0.5, 0.1), Cell((10_000,) * 12, 0.5, 0.05))
POWER = (Cell((100,) * 2, 0.5, 0.05), Cell((100,) * 12, 0.5, 0.05), Cell((500,) * 12, 0.5, 0.05))


def estimates(hits: np.ndarray, sizes: np.ndarray, design: np.ndarray | float = 1.0) -> GroupEstimates:
    """Shares of `sizes` rows; design: how much clusters inflate their variance."""
    full = np.broadcast_to(np.asarray(sizes, dtype=float), hits.shape)
    none = np.full(hits.shape, np.inf)
    return GroupEstimates(hits / full, np.zeros(hits.shape), full / design, none, full, True)


def pairs(found: GroupEstimates, c: float) -> tuple[np.ndarray, np.ndarray]:
    """Limits of every two groups' difference, as a verdict uses them."""
    lower, upper = found.deciding(c)
    return difference(found.value[:, None], (lower[:, None], upper[:, None]), found.value[None], (lower, upper))


def case_of(found: GroupEstimates, maxima, tolerance: float) -> Case:
    """What an audit has to decide about one metric."""
    return Case(
        Alarms(maxima),
        lambda c: float(pairs(found, c)[0].max()) > tolerance,
        lambda c: float(pairs(found, c)[1].max()) <= tolerance,
    )


def drawn(rng: np.random.Generator, cell: Cell, rates: np.ndarray) -> list[GroupEstimates]:
    """The metrics of one simulated audit."""
    sizes = np.array(cell.sizes)
    if not cell.rho:
        return [estimates(row, sizes) for row in rng.binomial(sizes, rates, (cell.metrics, len(sizes)))]
    made = []
    for _ in range(cell.metrics):
        a, b = rates * (1 / cell.rho - 1), (1 - rates) * (1 / cell.rho - 1)
        units = sizes // 5
        hits = np.array([rng.binomial(5, rng.beta(a[i], b[i], n)).sum() for i, n in enumerate(units)])
        made.append(estimates(hits, 5 * units, 1 + 4 * cell.rho))
    return made


def said(rng: np.random.Generator, cell: Cell, rates: np.ndarray, runs: int) -> np.ndarray:
    """Shares of audits with: anything exceeded, anything within, everything within."""
    tally, maxima = np.zeros(3), []
    for i in range(runs):
        found = drawn(rng, cell, rates)
        if i % AGAIN == 0:
            maxima = [draw_maxima(one, one.rows, REPLICATES, (i, k), cell.tolerance) for k, one in enumerate(found)]
        cases = [case_of(one, drawn_, cell.tolerance) for one, drawn_ in zip(found, maxima, strict=True)]
        levels = decided(cases, LEVEL)
        within = [case.holds(level.within) for case, level in zip(cases, levels, strict=True)]
        exceeded = [case.exceeds(level.exceed) for case, level in zip(cases, levels, strict=True)]
        tally += any(exceeded), any(within), all(within)
    return tally / runs


def boundary(rng: np.random.Generator, runs: int) -> Iterator[str]:
    """Every other group lies just the tolerance above the rest, the worst that the tolerance allows."""
    yield "| groups | rate | tolerance | metrics | clusters | wrongly exceeded | wrongly within |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for cell in BOUNDARY:
        rates = np.where(np.arange(len(cell.sizes)) % 2, cell.rate + cell.tolerance, cell.rate)
        exceeded, within, _ = said(rng, cell, rates, runs)
        many = f"ρ = {cell.rho}" if cell.rho else "–"
        yield (
            f"| {described(cell.sizes)} | {cell.rate} | {cell.tolerance} | {cell.metrics} | {many} |"
            f" {100 * exceeded:.1f} | {100 * within:.1f} |"
        )


def power(rng: np.random.Generator, runs: int) -> Iterator[str]:
    """Groups that are alike or half the tolerance apart: within; one group .2 above the others: exceeded."""
    yield "| groups | tolerance | true gap | said rightly |"
    yield "|---|---:|---:|---:|"
    for cell in ALIKE:
        for gap in (0.0, cell.tolerance / 2):
            rates = np.where(np.arange(len(cell.sizes)) % 2, cell.rate + gap, cell.rate)
            yield (
                f"| {described(cell.sizes)} | {cell.tolerance} | {gap} | within"
                f" {100 * said(rng, cell, rates, runs // 2)[2]:.1f} |"
            )
    for cell in POWER:
        rates = np.full(len(cell.sizes), cell.rate)
        rates[0] += 0.2
        yield (
            f"| {described(cell.sizes)} | {cell.tolerance} | 0.2 | exceeded"
            f" {100 * said(rng, cell, rates, runs // 2)[0]:.1f} |"
        )


def looks(rng: np.random.Generator, runs: int) -> Iterator[str]:
    """Twelve audits of two groups that are alike, at a tolerance of 0."""
    yield "| rows a month and group | rows | years with an alarm, counted by a ledger | not counted |"
    yield "|---:|---|---:|---:|"
    levels = [budget_of(0.95, look, tolerances=True, ratios=False, slices=False).level for look in range(1, 13)]
    for size in (50, 200, 1_000):
        alike = estimates(np.full(2, size / 2), np.full(2, size))
        maxima = draw_maxima(alike, alike.rows, REPLICATES, (0,))
        for accumulating in (True, False):
            alarms = np.zeros(2)
            for _ in range(runs):
                hits, rows = rng.binomial(size, 0.5, (12, 2)), np.full(12, size)
                if accumulating:
                    hits, rows = hits.cumsum(axis=0), rows.cumsum()
                for place, spent in enumerate((levels, [LEVEL] * 12)):
                    alarms[place] += any(
                        exceeds(estimates(hit, np.full(2, n)), maxima, level)
                        for hit, n, level in zip(hits, rows, spent, strict=True)
                    )
            kind = "accumulating" if accumulating else "new every month"
            yield f"| {size} | {kind} | {100 * alarms[0] / runs:.1f} | {100 * alarms[1] / runs:.1f} |"


def exceeds(found: GroupEstimates, maxima, level: float) -> bool:
    """Whether a gap above 0 is called exceeded at this level."""
    case = case_of(found, maxima, 0.0)
    return case.exceeds(decided([case], level)[0].exceed)


def needed(rng: np.random.Generator, runs: int) -> Iterator[str]:
    """An audit that cannot say, then the rows that it asks for, then the audit again: how often it can say then.

    What is promised is a chance *if the true gap is about what the audit supposes*: the new rows come from such groups
    in one column, and from the groups that the first rows came from in the next.
    """
    yield (
        "| groups | rows each | tolerance | true gap | audits that told rows | settled, if the gap is as supposed |"
        " settled, as the gap is | wrongly |"
    )
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|"
    for groups, size, gap in ((2, 500, 0.0), (2, 500, 0.02), (2, 500, 0.05), (5, 500, 0.0), (2, 150, 0.15)):
        rates = np.full(groups, 0.5)
        rates[0] += gap
        told, supposed, settled, wrong = 0, 0, 0, 0
        for _ in range(runs // 2):
            hits = rng.binomial(size, rates)
            levels, verdict = verdict_of(estimates(hits, np.full(groups, size)))
            if verdict is not None:
                continue
            names = [str(i) for i in range(groups)]
            found = estimates(hits, np.full(groups, size))
            asked = rows_needed(names, found, found.rows, np.arange(groups), 0.05, levels)
            if asked is None:
                continue
            more = np.array([asked["groups"].get(name, 0) for name in names])
            as_said = Sample(names, found.value, found.rows, variance_per_row(found), np.ones(groups)).shrunken
            _, then = verdict_of(estimates(hits + rng.binomial(more, np.clip(as_said, 0, 1)), size + more))
            _, after = verdict_of(estimates(hits + rng.binomial(more, rates), size + more))
            told, supposed, settled = told + 1, supposed + (then is not None), settled + (after is not None)
            wrong += after is not None and (after == "exceeded") != (gap > 0.05)
        shown = " | ".join(f"{100 * n / told:.0f} %" if told else "–" for n in (supposed, settled, wrong))
        yield f"| {groups} | {size} | 0.05 | {gap} | {100 * told / (runs // 2):.0f} % | {shown} |"


def verdict_of(found: GroupEstimates) -> tuple[Levels, str | None]:
    """(the critical values, exceeded or within or neither) at a tolerance of .05."""
    case = case_of(found, draw_maxima(found, found.rows, 500, (0,), 0.05), 0.05)
    (levels,) = decided([case], LEVEL)
    return levels, "exceeded" if case.exceeds(levels.exceed) else "within" if case.holds(levels.within) else None


SHAPES: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "beta(0.2, 2)": lambda rng, shape: rng.beta(0.2, 2, shape),
    "beta(0.1, 3)": lambda rng, shape: rng.beta(0.1, 3, shape),
    "beta(2, 2)": lambda rng, shape: rng.beta(2, 2, shape),
    "log-normal": lambda rng, shape: np.minimum(np.exp(rng.normal(-4, 1.5, shape)), 1),
    "2 % at 0.95, else 0.01": lambda rng, shape: np.where(rng.random(shape) < 0.02, 0.95, 0.01),
}


def means(rng: np.random.Generator, runs: int) -> Iterator[str]:
    """Coverage of the mean score's limits, alone and weighted (log-normal weights)."""
    yield "| rows | " + " | ".join(SHAPES) + " | weighted: " + " | ".join(SHAPES) + " |"
    yield "|---:|" + "---:|" * (2 * len(SHAPES))
    for size in (10, 30, 100, 1_000):
        row = []
        for weighted in (False, True):
            for draw in SHAPES.values():
                few = min(runs, 300_000 // size)
                score, truth = draw(rng, (few, size)), float(draw(rng, (1_000, 2_000)).mean())
                weight = rng.lognormal(0, 0.7, score.shape) if weighted else np.ones(score.shape)
                row.append(holds(mean_limits(score, weight), truth))
        yield f"| {size:,} | " + " | ".join(row) + " |"


def mean_limits(score: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Limits at 95 % of the mean of each row of scores, as an audit of so many groups counts them."""
    found = [_some_limits(*part) for part in zip(_parts(score), _parts(weight), strict=True)]
    return np.concatenate([lower for lower, _ in found]), np.concatenate([upper for _, upper in found])


def _parts(table: np.ndarray) -> list[np.ndarray]:
    return [table[first : first + MOST_GROUPS] for first in range(0, len(table), MOST_GROUPS)]


def _some_limits(score: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    many, size = score.shape
    group = np.repeat(np.arange(many), size).astype(str)
    frame = pl.DataFrame({"g": group, "s": score.ravel(), "w": weight.ravel(), "d": 1})
    roles = Roles(("g",), score="s", prediction="d", weight="w")
    table = count(take_roles(open_source(frame), roles), "selection", [], [1], None, {"score"})
    return estimate(MEAN_SCORE, project(table, table.groups[:, 0], many)).limits(Z)


SECTIONS = (
    ("At the boundary: wrong verdicts in % of audits, at most 5 each", boundary, 1_000),
    ("Where it is clear: what is said rightly, in % of audits", power, 1_000),
    ("Looking again: years of twelve audits with an alarm, in %, nothing wrong; at most 5", looks, 1_000),
    ("Rows needed: 80 % is what is stated", needed, 1_000),
    ("Limits of a mean score: coverage in %, nominal 95", means, 2_000),
)


if __name__ == "__main__":
    simulated(SECTIONS, 20261126, __doc__)
