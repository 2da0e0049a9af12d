"""What the place's labels prove: each candidate's gain in log loss over the source model on rows that it has not seen.

Labelled rows take turns: a candidate is fitted on four fifths and judged on the last, several times over. Gains are
paired by row, rows of one patient move together, and limits allow for all candidates at once (the largest of their
correlated statistics, by multiplier bootstrap: Chernozhukov, Chetverikov & Kato 2013, Annals of Statistics 41(6)). What
is fitted to the same rows by turns is a little less certain than the limits say; the benchmark of sites measures it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.adapting.tables.choosing import losses
from evenhand.living.sites.candidates import Candidate, learnable, said_of
from evenhand.living.sites.ground import Ground
from evenhand.statistics.intervals import student

FOLDS, REPEATS = 5, 3
MANY = 5_000  # old rows from which once over is enough
# labelled clusters, and labelled rows of each of two classes, below which nothing is proven: with 30, a tenth of the
# choices that limits called proven were worse on the rows that they had not seen (benchmarks/healthcare.md)
LEAST, LEAST_OF_CLASS = 40, 5
LEVEL, DRAWS = 0.05, 2_000  # one-sided, for all candidates together


@dataclass(frozen=True, slots=True)
class Gain:
    """Mean gain in log loss over the source model, nats per row; limits at once for all candidates."""

    value: float
    lower: float
    upper: float
    error: float

    @property
    def proven(self) -> bool:
        """Whether the gain is above zero beyond doubt."""
        return self.lower > 0


def unseen(
    ground: Ground, candidates: Sequence[Candidate], tell: Callable[[int, int, str], None] = lambda *_: None
) -> dict[str, np.ndarray]:
    """Probabilities [labelled rows, classes] of each candidate, by models that did not see the label of the row."""
    rows = ground.labelled
    turns = [_divided(ground, rows, ground.seed + repeat) for repeat in range(REPEATS)]
    found = {}
    for number, candidate in enumerate(candidates):
        tell(number, len(candidates), candidate.name)
        if not candidate.labels:
            found[candidate.name] = said_of(ground, candidate.fit(ground, rows[:0]), rows)
            continue
        said = _by_turns(ground, candidate, rows, turns)
        if said is not None:
            found[candidate.name] = said
    tell(len(candidates), len(candidates), "candidates")
    return found


Turns = list[tuple[np.ndarray, np.ndarray]]  # (positions to fit on, positions to judge on)


def _by_turns(ground: Ground, candidate: Candidate, rows: np.ndarray, turns: list[Turns]) -> np.ndarray | None:
    """What each round says, [rounds, rows, classes], or of one [rows, classes]; None where no round can be done."""
    heavy = ground.heavy or (ground.home is not None and len(ground.home.targets) > MANY)
    rounds = []
    for repeat in turns[:1] if heavy and candidate.inputs else turns:
        said = np.full((len(rows), ground.outputs), np.nan)
        for train, held in repeat:
            if learnable(ground, rows[train]):
                said[held] = said_of(ground, candidate.fit(ground, rows[train]), rows[held])
        if np.isnan(said).any():
            return None
        rounds.append(said)
    return np.asarray(rounds[0]) if len(rounds) == 1 else np.stack(rounds)


def _divided(ground: Ground, rows: np.ndarray, seed: int) -> Turns:
    from sklearn.model_selection import StratifiedGroupKFold

    targets, groups = ground.targets[rows], ground.clusters[rows]
    count = min(FOLDS, len(np.unique(groups)))
    if count < 2:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return list(StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(targets, targets, groups))


def lost(said: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Log loss of each row; the mean over rounds where there are several [rounds, rows, classes]."""
    if said.ndim == 3:
        return np.asarray(np.mean([losses(one, targets, "") for one in said], axis=0))
    return losses(said, targets, "")


def gains(source: np.ndarray, others: Mapping[str, np.ndarray], clusters: np.ndarray, seed: int) -> dict[str, Gain]:
    """The gain of each candidate. source, others: log loss of each row; clusters: which rows belong together."""
    if not others:
        return {}
    number = np.unique(clusters, return_inverse=True)[1]
    count, rows = int(number.max()) + 1, len(source)
    apart = np.stack([source - loss for loss in others.values()])
    means = apart.mean(1)
    sums = np.zeros((len(apart), count))
    for line, values in zip(sums, apart - means[:, None], strict=True):
        np.add.at(line, number, values)
    error = np.sqrt((sums**2).sum(1) * count / max(count - 1, 1)) / rows
    c = _largest(sums, count, seed)
    margins = [c * float(e) if e > 0 else (0.0 if count > 1 else math.inf) for e in error]
    return {
        name: Gain(float(mean), float(mean - margin), float(mean + margin), float(e))
        for name, mean, margin, e in zip(others, means, margins, error, strict=True)
    }


def _largest(sums: np.ndarray, count: int, seed: int) -> float:
    """The critical value of the largest of the candidates' statistics, with Student's tails for few clusters."""
    spread = np.sqrt((sums**2).sum(1))
    moving = sums[spread > 0] / spread[spread > 0][:, None]
    if not len(moving) or count < 2:
        return math.inf
    draws = np.random.default_rng(seed).normal(size=(DRAWS, count)) @ moving.T
    normal = max(float(np.quantile(draws.max(1), 1 - LEVEL)), 1.645)
    return float(student(normal, np.array(float(count - 1))))


def enough(targets: np.ndarray, clusters: np.ndarray) -> bool:
    """Whether there are labels enough for a proof at all."""
    counts = np.sort(np.bincount(targets)) if len(targets) else np.zeros(2)
    return len(np.unique(clusters)) >= LEAST and len(counts) > 1 and bool(counts[-2] >= LEAST_OF_CLASS)


def more_needed(gain: Gain, labelled: int) -> int | None:
    """About how many more labels would prove the gain, if it is what it seems; None where it seems to be none."""
    if gain.value <= 0 or not math.isfinite(gain.lower) or gain.error == 0:
        return None
    short = (gain.value - gain.lower) / gain.value
    return max(0, math.ceil(labelled * (short**2 - 1)))
