"""Candidates for a less discriminatory model: a kind, a mitigation and columns left out, written as one short text.

    boosting                       as it is
    logistic+reweigh               rows weighed so that group and label hang together no longer
    boosting+pull:1.5              a penalty, while training, on groups whose scores lie apart
    boosting+line:2                the same near the decision only
    logistic+reduction:0.5         fairlearn's reduction of demographic parity to weighted classification
    boosting-district              without this input

Every one gives a model of the inputs alone: who belongs to which group is asked while training, never when deciding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand import BadInput
from evenhand_finance.credit.models import Fitted, Pull, Task, fit_boosting, fit_scorecard

KINDS = ("boosting", "logistic")
REACH = 2.5  # so that a strength of about 1 is a strong pull on data of any size and share
STRENGTHS = {
    "pull": (0.25, 0.5, 0.75, 1.0, 1.5),
    "line": (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0),
    "reduction": (0.1, 0.2, 0.4),
}
FORM = re.compile(r"(?P<kind>[a-z]+)(\+(?P<how>[a-z]+)(:(?P<strength>[0-9.]+))?)?(?P<without>(-.+)?)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to make a model; `str` of it is what `options.model` takes."""

    kind: str
    how: str = ""
    strength: float = 0.0
    without: tuple[str, ...] = ()

    def __str__(self) -> str:
        strength = f":{self.strength:g}" if self.how in STRENGTHS else ""
        return self.kind + (f"+{self.how}{strength}" if self.how else "") + "".join(f"-{c}" for c in self.without)

    @classmethod
    def read(cls, text: str, inputs: Sequence[str]) -> Candidate:
        """The candidate that `text` names; BadInput where there is no such one.

        >>> Candidate.read("boosting+line:2-district", ["income", "district"])
        Candidate(kind='boosting', how='line', strength=2.0, without=('district',))
        """
        found = FORM.fullmatch(text)
        how = (found["how"] or "") if found else ""
        if not found or found["kind"] not in KINDS or how not in ("", "reweigh", *STRENGTHS):
            raise BadInput(
                f"options.model is '{text}'; it is auto, or one of {' and '.join(KINDS)}, then perhaps +reweigh,"
                f" {', '.join(f'+{name}:STRENGTH' for name in STRENGTHS)}, then -COLUMN for an input left out"
            )
        return cls(
            found["kind"],
            how,
            float(found["strength"] or 1.0) if how in STRENGTHS else 0.0,
            _columns(found["without"], inputs),
        )


def _columns(text: str, inputs: Sequence[str]) -> tuple[str, ...]:
    """The inputs named in "-a-b"; names may hold a dash themselves."""
    if not text:
        return ()
    for name in sorted(inputs, key=len, reverse=True):
        if text == f"-{name}" or text.startswith(f"-{name}-"):
            return (name, *_columns(text[len(name) + 1 :], inputs))
    raise BadInput(f"options.model leaves out '{text[1:]}', which is no input; inputs are {', '.join(inputs)}")


def every_candidate(proxies: Sequence[str]) -> list[Candidate]:
    """All that a search tries. proxies: the inputs that most give the group away, the strongest first."""
    found = [Candidate(kind) for kind in KINDS]
    found += [Candidate(kind, "reweigh") for kind in KINDS]
    for how, strengths in STRENGTHS.items():
        kinds = ("boosting",) if how == "line" else KINDS
        found += [Candidate(kind, how, strength) for kind in kinds for strength in strengths]
    for end in range(1, len(proxies) + 1):
        found += [Candidate(kind, without=tuple(proxies[:end])) for kind in KINDS]
    return found


def fit(candidate: Candidate, task: Task, low: np.ndarray | None, shape: tuple[int, int]) -> Fitted:
    """Fit the candidate. low: who belongs to the group to be helped, 1 or 0, NaN where unknown. shape: leaves, rounds.

    `task.x` and `task.inputs` are already without the columns that the candidate leaves out.
    """
    if candidate.how and low is None:
        raise BadInput(f"options.model = '{candidate}' needs a sensitive column; name one in schema.sensitive")
    if candidate.how == "reweigh":
        task = _with(task, weight=reweighed(low, task.y))
    elif candidate.how in ("pull", "line"):
        share = float(task.y.mean())
        cost = candidate.strength * _pull_cost(low, share)
        task = _with(task, pull=Pull(cost, share, candidate.how == "line"))
    if candidate.how == "reduction":
        return _reduced(candidate, task, low, shape)
    return _plain(candidate.kind, task, shape)


def reweighed(low: Any, y: np.ndarray) -> np.ndarray:
    """Weights under which group and label are independent: expected over observed (Kamiran & Calders 2012)."""
    weight = np.ones(len(y))
    known = ~np.isnan(low)
    for group in (0.0, 1.0):
        for label in (0, 1):
            cell = known & (low == group) & (y == label)
            expected = (known & (low == group)).sum() * (known & (y == label)).sum() / max(known.sum(), 1)
            weight[cell] = expected / max(cell.sum(), 1)
    return weight


def _pull_cost(low: Any, share: float) -> np.ndarray:
    """Per row; strength 1 holds chances of default apart by some multiples of the rarer decision's share, no more."""
    known = ~np.isnan(low)
    part = low[known].mean() if known.any() else 0.0
    if not 0 < part < 1:
        return np.zeros(len(low))
    cost = np.zeros(len(low))
    cost[known] = np.where(low[known] == 1, 1 - part, -part)
    return cost * REACH * min(share, 1 - share)


def _plain(kind: str, task: Task, shape: tuple[int, int]) -> Fitted:
    if kind == "logistic":
        return fit_scorecard(task)
    fitted: Fitted = fit_boosting(task, *shape)[0]
    return fitted


def _with(task: Task, **changes: Any) -> Task:
    from dataclasses import replace

    return replace(task, **changes)


@dataclass
class _Learner:
    """A candidate's model in scikit-learn's words, as fairlearn wants it; rows are asked for by number."""

    kind: str
    task: Task
    shape: tuple[int, int]
    fitted: Any = None

    def fit(self, rows: Any, y: Any, sample_weight: Any) -> _Learner:
        """Fit the rows with the labels and weights that the reduction gives."""
        at, weight = np.asarray(rows)[:, 0].astype(int), np.asarray(sample_weight, dtype=float)
        changes = {"x": self.task.x[at], "y": np.asarray(y, dtype=float), "weight": weight / weight.mean()}
        self.fitted = _plain(self.kind, _with(self.task, **changes), self.shape)
        return self

    def predict(self, rows: Any) -> np.ndarray:
        """1 where default is likelier than not."""
        return np.asarray(self.fitted.log_odds(self.task.x[np.asarray(rows)[:, 0].astype(int)]) > 0).astype(int)


def _reduced(candidate: Candidate, task: Task, low: Any, shape: tuple[int, int]) -> Fitted:
    """fairlearn's grid search at a single multiplier (Agarwal et al. 2018): one weighted fit, no lottery."""
    import pandas as pd
    from fairlearn.reductions import DemographicParity, GridSearch

    rows = np.arange(len(task.y))[:, None]
    group = np.where(np.nan_to_num(low) == 1, "low", "rest")
    moment = DemographicParity()
    moment.load_data(rows, pd.Series(task.y.astype(int)), sensitive_features=pd.Series(group))
    multiplier = pd.Series(0.0, index=moment.index)
    multiplier[("+", "all", "low")] = candidate.strength
    learner = _Learner(candidate.kind, task, shape)
    search = GridSearch(learner, DemographicParity(), grid=multiplier.to_frame())
    search.fit(rows, pd.Series(task.y.astype(int)), sensitive_features=pd.Series(group))
    fitted: Fitted = search.predictors_[0].fitted
    return fitted
