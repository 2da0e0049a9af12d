"""AUC within a group, and across its border, over all groups of an axis: one number that the worst group moves most.

Borkan et al. 2019 (WWW companion, arXiv 1903.04561): subgroup AUC, BPSN (the group's negatives among all other
positives), BNSP (its positives among all other negatives), each brought together by a power mean of -5, which lies near
the lowest. Limits draw texts again; groups with fewer than FEWEST texts of either class are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

POWER = -5.0
FEWEST = 10
REPLICATES = 200
KINDS = ("subgroup", "bpsn", "bnsp")


@dataclass(frozen=True, slots=True)
class Ranked:
    """Power means over the groups of one axis; each triple is (value, lower, upper) with 95 % limits."""

    groups: tuple[str, ...]
    means: dict[str, tuple[float, float, float]]


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Chance that a positive scores higher than a negative, ties counted half; NaN without either."""
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below, upto = np.searchsorted(ordered, positive, "left"), np.searchsorted(ordered, positive, "right")
    return float((below + upto).mean() / 2 / len(negative))


def three(score: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> tuple[float, float, float]:
    """(subgroup, BPSN, BNSP) AUC of the rows `inside`."""
    return (
        auc(score[inside & truth], score[inside & ~truth]),
        auc(score[~inside & truth], score[inside & ~truth]),
        auc(score[inside & truth], score[~inside & ~truth]),
    )


def power_mean(values: np.ndarray, power: float = POWER) -> float:
    """The generalised mean of values in (0, 1], NaNs left out; 0 where one of them is 0."""
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan")
    return 0.0 if (known <= 0).any() else float(np.mean(known**power) ** (1 / power))


def ranked(
    score: np.ndarray, truth: np.ndarray, values: Sequence[str], left_out: Sequence[str], seed: int
) -> Ranked | None:
    """The power means of one axis; None where fewer than two groups have enough texts.

    score: [texts]; truth: [texts] of bool; values: the group of each text; left_out: values that are no group.
    """
    column = np.asarray(values)
    groups = [
        name
        for name in dict.fromkeys(column.tolist())
        if name not in left_out and min((truth & (column == name)).sum(), (~truth & (column == name)).sum()) >= FEWEST
    ]
    if len(groups) < 2:
        return None

    def means(rows: np.ndarray) -> list[float]:
        found = np.array([three(score[rows], truth[rows], column[rows] == name) for name in groups])
        return [power_mean(found[:, kind]) for kind in range(len(KINDS))]

    rng = np.random.default_rng(seed)
    every = np.arange(len(score))
    drawn = np.array([means(rng.integers(0, len(score), len(score))) for _ in range(REPLICATES)])
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
    value = means(every)
    return Ranked(
        tuple(groups),
        {name: (value[i], min(low[i], value[i]), max(high[i], value[i])) for i, name in enumerate(KINDS)},
    )


def scored(run: Any) -> tuple[Any, np.ndarray, np.ndarray] | None:
    """(the predictions, scores, whether each is of the positive class) of rows with a label; None without scores."""
    import polars as pl

    file = run.path / "predictions.parquet"
    table = pl.read_parquet(file) if file.is_file() else pl.DataFrame()
    label = run.recipe.schema.label
    if "score" not in table.columns or label not in table.columns:
        return None
    table = table.filter(pl.col(label).is_not_null())
    truth = np.array([str(value) == str(run.recipe.schema.positive) for value in table[label].to_list()])
    return table, table["score"].to_numpy(), truth
