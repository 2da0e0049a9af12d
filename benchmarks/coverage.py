"""How often the audit's intervals hold and its alarms are false, by simulation; prints Markdown.

    python benchmarks/coverage.py            every table, in about twenty minutes on two idle cores
    python benchmarks/coverage.py --share 0.1    a tenth of the simulations

Every simulated data set goes through the functions that an audit calls: cells, estimates, limits, bands, gaps,
verdicts. Data sets are simulated as counts (or clusters of rows), many to a table, one group each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from coverage_scores import numbers, score_metrics
from simulated_tables import FN, RATES, SIZES, TN, TP, Z, described, holds, simulated, table_of

from evenhand.auditing.counting.aggregation import Table
from evenhand.auditing.counting.projection import project
from evenhand.auditing.evidence.bands import draw_maxima, joint_critical
from evenhand.auditing.evidence.estimation import estimate
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.evidence.heterogeneity import spread
from evenhand.auditing.judging.deciding import decided
from evenhand.auditing.judging.gaps import MetricGaps
from evenhand.auditing.metrics.built_in import BINARY
from evenhand.auditing.metrics.ranking import auc_by_level
from evenhand.statistics import intervals

REPLICATES = 2_000  # as an audit draws


def estimates_of(metric: str, table: Table, size: int) -> GroupEstimates:
    """One metric on every simulated group."""
    return estimate(BINARY[metric], project(table, table.groups[:, 0], size))


def shares(rng: np.random.Generator, size: int, rate: float, runs: int) -> GroupEstimates:
    """The true positive rate of `runs` groups of `size` positives."""
    return rates_of(rng.binomial(size, rate, runs), size)


def rates_of(hits: np.ndarray, size: int | np.ndarray) -> GroupEstimates:
    """The true positive rate of groups of `size` positives of which so many are found."""
    runs = len(hits)
    table = table_of(np.tile(np.arange(runs), 2), np.repeat([TP, FN], runs), np.concatenate([hits, size - hits]))
    return estimates_of("tpr", table, runs)


def clustered(
    rng: np.random.Generator, size: int, rate: float, runs: int, rho: float = 0.1, rows: int = 5
) -> GroupEstimates:
    """The same with rows in clusters of five whose outcomes correlate (beta-binomial)."""
    units = max(size // rows, 1)
    a, b = rate * (1 / rho - 1), (1 - rate) * (1 / rho - 1)
    hits = rng.binomial(rows, rng.beta(a, b, (runs, units)))
    group = np.repeat(np.arange(runs), units)
    cluster = np.arange(runs * units)
    both = np.concatenate([hits.ravel(), rows - hits.ravel()])
    table = table_of(
        np.tile(group, 2), np.repeat([TP, FN], runs * units), both, cluster=np.tile(cluster, 2), clusters=runs * units
    )
    return estimates_of("tpr", table, runs)


def ranked(rng: np.random.Generator, size: int, rate: float, runs: int) -> tuple[GroupEstimates, float]:
    """AUC of normal scores one standard deviation apart, in bins of a twentieth, with its true value."""
    edges = np.arange(-80, 101) / 20
    chance = [np.diff([0.0, *(intervals.NORMAL.cdf(e - shift) for e in edges[1:-1]), 1.0]) for shift in (0, 1)]
    positive = rng.binomial(size, rate, runs)
    cells = np.stack([rng.multinomial(size - positive, chance[0]), rng.multinomial(positive, chance[1])])
    label, group, level = np.nonzero(cells)
    table = table_of(
        group, np.where(label, TP, TN), cells[label, group, level], level=level, scores=np.arange(180) / 180
    )
    return estimates_of("auc", table, runs), float(auc_by_level(chance[1], chance[0]))


def four_cells(
    rng: np.random.Generator, size: int, rate: float, runs: int, metric: str
) -> tuple[GroupEstimates, float]:
    """F1 or balanced accuracy where TPR is .8 and FPR .2."""
    chance = np.array([rate * 0.8, (1 - rate) * 0.2, rate * 0.2, (1 - rate) * 0.8])
    cells = rng.multinomial(size, chance, runs)
    group, outcome = np.repeat(np.arange(runs), 4), np.tile(np.arange(4), runs)
    truth = BINARY[metric].function(
        project(table_of(np.zeros(4, int), np.arange(4), chance), np.zeros(4, int), 1).counts()
    )
    return estimates_of(metric, table_of(group, outcome, cells.ravel()), runs), float(truth[0])


def one_number(rng: np.random.Generator, runs: int) -> Iterator[str]:
    """Coverage of single intervals and of differences, by group size and rate."""
    yield (
        "| rows | rate | share (Wilson) | difference (Newcombe) | clustered share | clustered difference | AUC (DeLong)"
        " | AUC difference | F1 | balanced accuracy |"
    )
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for size in SIZES:
        for rate in RATES:
            few = min(runs, max(200, 3_000_000 // size))
            row = []
            for found, truth in (
                (shares(rng, size, rate, 2 * runs), rate),
                (clustered(rng, size, rate, 2 * few), rate),
                ranked(rng, size, rate, runs),
            ):
                half = len(found.value) // 2
                lower, upper = found.limits(Z)
                row.append(holds((lower, upper), truth))
                row.append(
                    holds(
                        intervals.difference(
                            found.value[:half],
                            (lower[:half], upper[:half]),
                            found.value[half:],
                            (lower[half:], upper[half:]),
                        ),
                        0.0,
                    )
                )
            for metric in ("f1", "balanced_accuracy"):
                found, truth = four_cells(rng, size, rate, runs, metric)
                row.append(holds(found.limits(Z), truth))
            yield f"| {size:,} | {rate} | " + " | ".join(row) + " |"


def comparisons(
    alike: list[GroupEstimates],
    rows: float | np.ndarray,
    tolerance: float | None,
    seed: int,
    rests: list[GroupEstimates] | None = None,
) -> list[MetricGaps]:
    """What an audit makes of metrics on one attribute that are judged together. rests: everyone else of each group."""
    groups = len(alike[0].value)
    names = [str(i) for i in range(groups)]
    drawn = [draw_maxima(found, found.rows, REPLICATES, (seed, i), tolerance or 0) for i, found in enumerate(alike)]
    joint = joint_critical([d.comparisons for d in drawn], 0.95)
    alongside = np.sort(np.max([d.comparisons for d in drawn], axis=0))
    made = [
        MetricGaps(
            BINARY["tpr"],
            "g",
            names,
            "0",
            np.full(groups, rows),
            found,
            rest,
            maxima,
            tolerance,
            Z,
            joint_critical([maxima.comparisons], 0.95),
            joint,
            alongside=alongside,
        )
        for found, rest, maxima in zip(alike, rests or alike, drawn, strict=True)
    ]
    cases = [case for one in made if (case := one.case()) is not None]
    return (
        [replace(one, levels=level) for one, level in zip(made, decided(cases, 0.05), strict=True)] if cases else made
    )


def part(found: GroupEstimates, inside: slice) -> GroupEstimates:
    """Some of the groups."""
    picked = [a[inside] for a in (found.value, found.variance, found.size, found.freedom, found.rows)]
    return GroupEstimates(*picked, found.bounded)


def equal_groups(rng: np.random.Generator, runs: int) -> Iterator[str]:
    """Largest gap over equal groups: how often its lower limit is above zero, and how often the percentile bootstrap's
    is."""
    yield (
        "| groups | rows each | rate | lower limit above 0 (max-T) | clustered | ratio below 1 | spread above 0 |"
        " percentile bootstrap |"
    )
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|"
    for groups in (2, 5, 10, 30):
        for size in (30, 100, 1_000):
            for rate in (0.5, 0.1):
                alarms = [
                    alarm_rates(draw(rng, size, rate, groups * runs), groups, runs, size)
                    for draw in (shares, clustered)
                ]
                p = rng.binomial(size, rate, (runs, groups)) / size
                again = rng.binomial(size, np.repeat(p[None], 200, axis=0)) / size
                naive = np.quantile(again.max(axis=2) - again.min(axis=2), 0.025, axis=0) > 1e-9
                yield (
                    f"| {groups} | {size:,} | {rate} | {alarms[0][0]} | {alarms[1][0]} | {alarms[0][1]} |"
                    f" {alarms[0][2]} | {100 * naive.mean():.1f} |"
                )


def alarm_rates(found: GroupEstimates, groups: int, runs: int, size: int) -> list[str]:
    """How often the largest gap, the ratio and the spread of equal groups seem real, in %."""
    alarms = np.zeros((runs, 3))
    for i in range(runs):
        one = part(found, slice(i * groups, (i + 1) * groups))
        (seen,) = comparisons([one], size, None, i)
        largest, ratio = seen.largest()["lower"], seen._ratio()["upper"]
        alarms[i] = largest > 1e-9, ratio < 1 - 1e-9, spread(one)[1] > 0
    return [f"{100 * rate:.1f}" for rate in alarms.mean(axis=0)]


# (sizes of the groups, rate, metrics judged together): an intersection audit finds one large group and many small ones
UNEQUAL = (
    ((5_000, *[20] * 11), 0.02, 1),
    ((5_000, *[20] * 11), 0.02, 3),
    ((5_000, *[50] * 11), 0.01, 1),
    ((5_000, *[50] * 11), 0.01, 3),
    ((5_000, *[20] * 29), 0.02, 1),
    ((5_000, *[500] * 11), 0.02, 1),
    ((5_000, *[1_000] * 11), 0.05, 1),
    ((10,) * 12, 0.5, 1),
    ((10,) * 12, 0.5, 3),
    ((8,) * 2, 0.5, 1),
)


def unequal_groups(rng: np.random.Generator, runs: int) -> Iterator[str]:
    """Nothing wrong and tolerance 0: how often anything is exceeded; and the power that is left."""
    yield "| groups | rate | metrics | planted gap | largest gap exceeded | any gap exceeded |"
    yield "|---|---:|---:|---:|---:|---:|"
    for sizes, rate, metrics in UNEQUAL:
        said = " | ".join(said_exceeded(rng, np.array(sizes), np.full((metrics, len(sizes)), rate), runs))
        yield f"| {described(sizes)} | {rate} | {metrics} | 0 | {said} |"
    for rates in ((0.6, 0.5), (0.2, 0.1), (0.11, 0.01)):
        planted = np.array([[rates[0], *[rates[1]] * 4]])
        said = " | ".join(said_exceeded(rng, np.full(5, 500), planted, runs))
        yield f"| {described((500,) * 5)} | {rates[1]} | 1 | 0.1 | {said} |"


def said_exceeded(rng: np.random.Generator, sizes: np.ndarray, rates: np.ndarray, runs: int) -> list[str]:
    """In % of audits: a largest gap, and any gap to the reference, to everyone else or between two, above a tolerance
    of 0."""
    found = np.zeros((runs, 2))
    for i in range(runs):
        hits = rng.binomial(sizes, rates)
        alike = [rates_of(row, sizes) for row in hits]
        rests = [rates_of(row.sum() - row, sizes.sum() - sizes) for row in hits]
        gaps = [gap for seen in comparisons(alike, sizes, 0.0, i, rests) for gap in seen.gaps()]
        exceeded = {gap["kind"] for gap in gaps if gap["verdict"] == "exceeded"}
        found[i] = "largest" in exceeded, bool(exceeded)
    return [f"{100 * share:.1f}" for share in found.mean(axis=0)]


def verdicts(rng: np.random.Generator, runs: int) -> Iterator[str]:
    """Six metrics judged at once: how often anything is exceeded when nothing is wrong, and when a gap is planted."""
    yield "| groups | rows each | planted gap | tolerance | exceeded | within | not enough evidence |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for groups in (2, 5, 15):
        for size in (100, 1_000, 10_000):
            for gap, tolerance in ((0.0, 0.0), (0.05, 0.05), (0.0, 0.05), (0.1, 0.05), (0.2, 0.05)):
                few = runs if tolerance == gap == 0 else max(runs // 5, 50)
                tally = {"exceeded": 0, "within": 0, "not enough evidence": 0}
                for i in range(few):
                    rate = np.full((6, groups), 0.5)
                    rate[0, 0] += gap
                    hits = rng.binomial(size, rate)
                    alike = [rates_of(row, size) for row in hits]
                    said = {c.largest()["verdict"] for c in comparisons(alike, size, tolerance, i)}
                    tally[next(v for v in ("exceeded", "not enough evidence", "within") if v in said)] += 1
                shown = " | ".join(f"{100 * tally[v] / few:.1f}" for v in ("exceeded", "within", "not enough evidence"))
                yield f"| {groups} | {size:,} | {gap} | {tolerance} | {shown} |"


SECTIONS = (
    (
        "Six metrics together: what is said, in % of audits (a gap of 0, or equal to the tolerance, is nothing wrong)",
        verdicts,
        1_000,
    ),
    ("Gaps and ratios between equal groups: false alarms in %, at most 5", equal_groups, 1_000),
    ("Intervals of one number and of differences: coverage in %, nominal 95", one_number, 5_000),
    ("What is read from scores: coverage in %, nominal 95", score_metrics, 3_000),
    ("Errors of a regression: coverage in %, nominal 95", numbers, 3_000),
    (
        "Groups of unequal size, nothing wrong, tolerance 0: what is exceeded in % of audits, at most 5; and power",
        unequal_groups,
        1_000,
    ),
)


if __name__ == "__main__":
    simulated(SECTIONS, 20261123, __doc__)
