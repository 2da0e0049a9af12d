"""The search's candidates on the test rows, beside the reference: intervals by drawing the same applicants again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from evenhand_finance.credit.groups import Grouped
from evenhand_finance.credit.search import Measured, Search

DRAWS = 2000
LIMITS = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Tested:
    """A candidate on the test rows: AUC and the group's approval rate as a ratio of the other's, each with 95 % limits,
    what the AUC loses and the ratio gains over the reference, and the share of all who are approved."""

    name: str
    auc: tuple[float, float, float]
    impact: tuple[float, float, float]
    loss: tuple[float, float, float]
    gain: tuple[float, float, float]
    approved: float
    others: float

    @property
    def proven(self) -> bool:
        """Whether the gain in impact is above zero, its whole interval."""
        return self.gain[1] > 0


def tested(search: Search, scores: pl.DataFrame, y: np.ndarray, groups: Sequence[Grouped]) -> list[Tested]:
    """Those of `search.shown`, at the thresholds that the search fixed; the reference is among them."""
    shown = [one for one in search.shown if one.name in scores.columns]
    group = next(found for found in groups if found.column == search.column)
    reference = next(one for one in shown if one.name == search.reference)
    base = _decided(reference, scores)
    score = scores[reference.name].to_numpy()
    rng = np.random.default_rng(0)
    found = []
    for one in shown:
        mine = _decided(one, scores)
        ratios = _ratios(group, search, base, mine, rng)
        aucs = paired_aucs(y, score, scores[one.name].to_numpy())
        others = [other.impact(mine) for other in groups if other.column != search.column]
        lowest = min((ratio for ratio in others if np.isfinite(ratio)), default=float("nan"))
        found.append(Tested(one.name, aucs[0], ratios[0], aucs[1], ratios[1], float(mine.mean()), float(lowest)))
    return found


def _decided(one: Measured, scores: pl.DataFrame) -> np.ndarray:
    return np.asarray(scores[one.name].to_numpy() < one.threshold)


Limits = tuple[float, float, float]  # value, lower, upper


def _ratios(
    group: Grouped, search: Search, base: np.ndarray, mine: np.ndarray, rng: np.random.Generator
) -> tuple[Limits, Limits]:
    """(ratio of the low group's approvals to the high one's, its gain over the reference).

    Decisions of both models on the same person are drawn together: each group's four cells, multinomially.
    """
    drawn, exact = {}, {}
    for name in (search.low, search.high):
        inside = group.code == group.names.index(name) if name in group.names else np.zeros(len(base), dtype=bool)
        cells = np.bincount(2 * base[inside] + mine[inside], minlength=4)
        size = max(int(cells.sum()), 1)
        draws = rng.multinomial(size, cells / size, DRAWS) / size if cells.sum() else np.full((DRAWS, 4), np.nan)
        drawn[name] = draws[:, 2] + draws[:, 3], draws[:, 1] + draws[:, 3]
        exact[name] = (cells[2] + cells[3]) / size, (cells[1] + cells[3]) / size
    with np.errstate(invalid="ignore", divide="ignore"):
        before, after = (np.divide(drawn[search.low][i], drawn[search.high][i]) for i in (0, 1))
        was, now = (float(np.divide(exact[search.low][i], exact[search.high][i])) for i in (0, 1))
    return _limits(now, after), _limits(now - was, after - before)


def _limits(value: float, draws: np.ndarray) -> Limits:
    known = draws[np.isfinite(draws)]
    if not len(known):
        return value, float("nan"), float("nan")
    lower, upper = np.percentile(known, LIMITS)
    return value, float(lower), float(upper)


def paired_aucs(y: np.ndarray, base: np.ndarray, mine: np.ndarray) -> tuple[Limits, Limits]:
    """(AUC of `mine`, what it loses against `base`), with limits by DeLong, DeLong & Clarke-Pearson 1988."""
    positive = y == 1
    places = [_placements(positive, score) for score in (base, mine)]
    values = [float(up.mean()) for up, _ in places]
    cover = sum(np.cov(np.stack([place[side] for place in places])) / len(places[0][side]) for side in (0, 1))
    error, gap = np.sqrt(cover[1, 1]), np.sqrt(max(cover[0, 0] + cover[1, 1] - 2 * cover[0, 1], 0))
    loss = values[0] - values[1]
    auc = values[1], float(values[1] - 1.96 * error), float(min(values[1] + 1.96 * error, 1.0))
    return auc, (loss, float(loss - 1.96 * gap), float(loss + 1.96 * gap))


def _placements(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(share of negatives below each positive, share of positives above each negative); ties count half."""
    from scipy.stats import rankdata

    n, m = int(positive.sum()), int((~positive).sum())
    whole = rankdata(score)
    up = (whole[positive] - rankdata(score[positive])) / m
    down = 1 - (whole[~positive] - rankdata(score[~positive])) / n
    return up, down
