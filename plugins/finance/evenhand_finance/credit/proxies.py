"""How well the inputs tell who belongs to a group: each sensitive column predicted from them, out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from evenhand_finance.credit.groups import Grouped
from evenhand_finance.credit.leaks import told_alone

FOLDS, LEAST, MOST_ROWS = 3, 30, 12_000
ALONE = 4_000  # rows that a single input is asked on


@dataclass(frozen=True, slots=True)
class Proxy:
    """AUC with which the inputs tell one group from the others, 95 % limits, and the inputs that tell most alone."""

    column: str
    group: str
    rows: int
    auc: float
    lower: float
    upper: float
    strongest: tuple[tuple[str, float], ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Proxy:
        """What `as_dict` gave."""
        return cls(**{**told, "strongest": tuple((name, auc) for name, auc in told["strongest"])})


def proxies(rows: pl.DataFrame, x: np.ndarray, inputs: Sequence[str], groups: Sequence[Grouped]) -> list[Proxy]:
    """One for each group against the others; of two groups the first alone says all, so only the smaller is asked."""
    some = np.random.default_rng(0).permutation(len(x))[:MOST_ROWS]
    rows, x = rows[some], x[some]
    found = []
    for group in groups:
        code = group.code[some]
        known = code >= 0
        sizes = {name: int((code == i).sum()) for i, name in enumerate(group.names)}
        asked = [name for name, size in sizes.items() if LEAST <= size <= known.sum() - LEAST]
        for name in sorted(asked, key=lambda name: sizes[name])[: 1 if len(sizes) == 2 else None]:
            inside = code[known] == group.names.index(name)
            inputs_apart = [column for column in inputs if column != group.column]
            keep = [place for place, column in enumerate(inputs) if column != group.column]
            found.append(
                _told(rows.filter(pl.Series(known)), x[known][:, keep], inputs_apart, inside, group.column, name)
            )
    return sorted(found, key=lambda one: -one.auc)


def _told(
    rows: pl.DataFrame, x: np.ndarray, inputs: Sequence[str], inside: np.ndarray, column: str, name: str
) -> Proxy:
    import lightgbm
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    said = np.empty(len(inside))
    settings = {"objective": "binary", "num_leaves": 7, "min_data_in_leaf": 20, "verbosity": -1, "num_threads": 1}
    settings |= {"deterministic": True, "force_row_wise": True, "max_bin": 63}
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, inside):
        trees = lightgbm.train(settings, lightgbm.Dataset(x[train], inside[train].astype(float)), 50)
        said[test] = trees.predict(x[test], num_threads=1)
    auc = float(roc_auc_score(inside, said))
    lower, upper = limits(auc, int(inside.sum()), int((~inside).sum()))
    few = slice(0, ALONE)
    alone = sorted(((told_alone(rows[one][few], inside[few]), one) for one in inputs), reverse=True)[:3]
    strongest = tuple((one, round(told, 4)) for told, one in alone)
    return Proxy(column, name, int(inside.sum()), auc, lower, upper, strongest)


def limits(auc: float, positive: int, negative: int) -> tuple[float, float]:
    """95 % limits of an AUC from its value and the rows on both sides (Hanley & McNeil 1982), on the logit scale.

    >>> [round(limit, 3) for limit in limits(0.5, 100, 100)]
    [0.42, 0.58]
    """
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (positive - 1) * (q1 - auc**2) + (negative - 1) * (q2 - auc**2)
    error = np.sqrt(max(spread, 0) / (positive * negative))
    middle = np.clip(auc, 1e-6, 1 - 1e-6)
    at, reach = np.log(middle / (1 - middle)), 1.96 * error / (middle * (1 - middle))
    return tuple(float(1 / (1 + np.exp(-(at + sign * reach)))) for sign in (-1, 1))  # type: ignore[return-value]
