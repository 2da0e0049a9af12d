"""Coverage of what is read from scores, of costs, and of the errors of a regression; sections of coverage.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from simulated_tables import FN, FP, RATES, SIZES, TN, TP, Z, holds, table_of

from evenhand.auditing.counting.aggregation import Table
from evenhand.auditing.counting.projection import project
from evenhand.auditing.evidence.estimation import estimate
from evenhand.auditing.metrics.built_in import BINARY, REGRESSION
from evenhand.auditing.metrics.calibration import BINS
from evenhand.auditing.metrics.costs_and_benefit import cost_metric, net_benefit_metric

CHANCE = (np.arange(400) + 0.5) / 400  # of a positive label, by level
CONCENTRATION = {0.5: 3, 0.1: 8, 0.01: 30}  # of the beta distribution of the chances around the rate
SCORED = ("brier", "log_loss", "average_precision", "calibration_gap", "calibration_error", "calibration_slope")
DECIDED = (cost_metric(fp=1, fn=5), net_benefit_metric(0.3))


def mass(rate: float) -> np.ndarray:
    """Share of the rows on each level of chance."""
    k = CONCENTRATION[rate]
    weight = CHANCE ** (k * rate - 1) * (1 - CHANCE) ** (k * (1 - rate) - 1)
    return weight / weight.sum()


def distorted() -> np.ndarray:
    """Scores that are too sure and too low: the recalibration slope is 0.8, the intercept 0.2."""
    return 1 / (1 + np.exp(-(np.log(CHANCE / (1 - CHANCE)) - 0.2) / 0.8))


def scored(rng: np.random.Generator, size: int, rate: float, runs: int, scores: np.ndarray) -> Table:
    """`runs` groups of `size` rows with scores."""
    rows = rng.multinomial(size, mass(rate), runs)
    yes = rng.binomial(rows, CHANCE)
    group, level = (np.tile(a.ravel(), 2) for a in np.indices(rows.shape))
    n, label = np.concatenate([yes.ravel(), (rows - yes).ravel()]), np.repeat([1, 0], rows.size)
    some = n > 0
    return scored_table(group[some], label[some], level[some], n[some], scores)


def repeated(rng: np.random.Generator, size: int, rate: float, runs: int, scores: np.ndarray, copies: int) -> Table:
    """The same with every row `copies` times, which a cluster holds together: no more evidence than once."""
    units = max(size // copies, 1) * runs
    level = rng.choice(len(CHANCE), units, p=mass(rate))
    label = (rng.random(units) < CHANCE[level]).astype(int)
    group = np.repeat(np.arange(runs), units // runs)
    return scored_table(group, label, level, np.full(units, copies), scores, np.arange(units))


def scored_table(group, label, level, n, scores, cluster=None) -> Table:
    """The cells of rows with a score, decided at 0.3."""
    score = scores[level]
    outcome = np.where(label == 1, np.where(score >= 0.3, TP, FN), np.where(score >= 0.3, FP, TN))
    moments = {
        "labelled_score": score,
        "squared_miss": (score - label) ** 2,
        "surprise": -np.log(np.where(label == 1, score, 1 - score)),
    }
    clusters = 0 if cluster is None else len(cluster)
    return table_of(group, outcome, n, level=level, scores=scores, cluster=cluster, clusters=clusters, moments=moments)


def true_values(rate: float, scores: np.ndarray) -> dict[str, float]:
    """What each metric is in the population."""
    w = mass(rate)
    yes, no, chosen = w * CHANCE, w * (1 - CHANCE), scores >= 0.3
    hits, all_ = np.cumsum(yes[::-1])[::-1], np.cumsum(w[::-1])[::-1]
    place = np.minimum(BINS * (np.cumsum(w) - w / 2), BINS - 1).astype(int)
    share, off = np.bincount(place, w, BINS), np.bincount(place, w * (scores - CHANCE), BINS)
    fp, fn, tp = (no * chosen).sum(), (yes * ~chosen).sum(), (yes * chosen).sum()
    return {
        "brier": (yes * (1 - scores) ** 2 + no * scores**2).sum(),
        "log_loss": -(yes * np.log(scores) + no * np.log(1 - scores)).sum(),
        "average_precision": (yes * hits / all_).sum() / yes.sum(),
        "auc": (yes * (np.cumsum(no) - no / 2)).sum() / yes.sum() / no.sum(),
        "calibration_gap": (w * scores).sum() - yes.sum(),
        "calibration_error": np.divide(off**2, share, where=share > 0, out=np.zeros(BINS)).sum(),
        "calibration_slope": 1.0 if scores is CHANCE else 0.8,
        "expected_cost": fp + 5 * fn,
        "net_benefit": tp - fp * 3 / 7,
    }


def score_metrics(rng: np.random.Generator, runs: int) -> Iterator[str]:
    """Coverage of what is read from scores, and of costs."""
    yield (
        "| rows | rate | "
        + " | ".join(
            (
                *SCORED,
                "calibration_error of calibrated scores",
                "expected_cost 1:5",
                "net_benefit at 0.3",
                "clustered auc",
                "clustered brier",
                "clustered calibration_error",
            )
        )
        + " |"
    )
    yield "|---:|---:|" + "---:|" * 12
    wrong = distorted()
    for size in SIZES:
        for rate in RATES:
            few = max(min(runs, 2_000_000 // size), 300)
            truth = true_values(rate, wrong)
            plans = (
                (scored(rng, size, rate, runs, wrong), (*(BINARY[name] for name in SCORED),)),
                (scored(rng, size, rate, runs, CHANCE), (BINARY["calibration_error"],)),
                (scored(rng, size, rate, runs, wrong), DECIDED),
                (
                    repeated(rng, size, rate, few, wrong, 5),
                    tuple(BINARY[n] for n in ("auc", "brier", "calibration_error")),
                ),
            )
            row = []
            for i, (table, metrics) in enumerate(plans):
                groups = project(table, table.groups[:, 0], len(table.names[0]))
                right = true_values(rate, CHANCE) if i == 1 else truth
                row += [holds(estimate(m, groups).limits(Z), right[m.name]) for m in metrics]
            yield f"| {size:,} | {rate} | " + " | ".join(row) + " |"


def numbers(rng: np.random.Generator, runs: int) -> Iterator[str]:
    """Coverage of the errors of a regression: normal, heavy-tailed and skewed errors around 0.3."""
    yield (
        "| rows | "
        + " | ".join(f"{m}, {kind}" for kind in ("normal", "t with 5 degrees", "exponential") for m in REGRESSION)
        + " |"
    )
    yield "|---:|" + "---:|" * 9
    draws: tuple[Callable[[int], np.ndarray], ...] = (
        rng.standard_normal,
        lambda n: rng.standard_t(5, n),
        lambda n: rng.exponential(1, n) - 1,
    )
    for size in SIZES:
        few = max(min(runs, 3_000_000 // size), 300)
        row = []
        for draw in draws:
            error, many = 0.3 + draw(few * size), 0.3 + draw(4_000_000)
            values = {"abs_error": abs(error), "error": error, "squared_error": error**2}
            group = np.repeat(np.arange(few), size)
            table = table_of(group, np.full(len(group), 6), np.ones(len(group)), moments=values)
            groups = project(table, group, few)
            truth = {"mae": abs(many).mean(), "bias": 0.3, "rmse": np.sqrt((many**2).mean())}
            row += [holds(estimate(m, groups).limits(Z), truth[name]) for name, m in REGRESSION.items()]
        yield f"| {size:,} | " + " | ".join(row) + " |"
