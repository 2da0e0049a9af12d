"""The search for a less discriminatory alternative: many candidates, compared at the same number of approvals.

Every candidate is measured on rows that it was not fitted to: the validation rows, or, where a group that may be
repaired has few of them, five folds of training and validation together. Test rows decide nothing; they are scored for
the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evenhand_finance.credit.candidates import Candidate, every_candidate, fit
from evenhand_finance.credit.groups import FOUR_FIFTHS, Grouped
from evenhand_finance.credit.inputs import Inputs
from evenhand_finance.credit.models import Fitted, Task

FEW, FOLDS = 500, 5  # members of the smallest group from which the validation rows alone are enough
REFINED = 3  # times that the step between two strengths is halved at the budget


@dataclass(frozen=True, slots=True)
class Table:
    """Rows ready to fit: the matrix of all inputs, who defaulted, and the groups of each sensitive column."""

    x: np.ndarray
    y: np.ndarray
    groups: tuple[Grouped, ...]

    def part(self, rows: np.ndarray) -> Table:
        """Some of the rows."""
        groups = tuple(Grouped(group.column, group.names, group.code[rows]) for group in self.groups)
        return Table(self.x[rows], self.y[rows], groups)

    def grouped(self, column: str) -> Grouped:
        """The groups of one sensitive column."""
        return next(group for group in self.groups if group.column == column)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every candidate is made with: the inputs, declared directions, the boosting's shape and a seed."""

    inputs: Inputs
    monotone: Mapping[str, int]
    shape: tuple[int, int]
    seed: int

    def make(self, candidate: Candidate, table: Table, helped: tuple[str, str] | None) -> Fitted:
        """Fit the candidate. helped: (column, group) that a mitigation draws up."""
        keep = [i for i, name in enumerate(self.inputs.names) if name not in candidate.without]
        inputs = self.inputs.without(candidate.without)
        directions = {name: int(way) for name, way in self.monotone.items()}
        task = Task(table.x[:, keep], table.y, np.ones(len(table.y)), inputs, directions, seed=self.seed)
        low = None if helped is None else table.grouped(helped[0]).member(helped[1])
        return fit(candidate, task, low, self.shape)

    def log_odds(self, candidate: Candidate, fitted: Fitted, x: np.ndarray) -> np.ndarray:
        """Scores of rows whose matrix has all inputs."""
        return fitted.log_odds(x[:, [i for i, name in enumerate(self.inputs.names) if name not in candidate.without]])


@dataclass(frozen=True, slots=True)
class Measured:
    """A candidate on the rows to choose by. threshold: of the probability, at which as many are approved as by the
    reference; others: the lowest ratio in any other sensitive column."""

    name: str
    auc: float
    impact: float
    threshold: float
    others: float
    front: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found. chosen: the least discriminatory within the budget, or "" where none is better.

    repairs: whether there was anything to repair; column, low, high: of the widest ratio, on the rows to choose by.
    """

    reference: str
    repairs: bool
    impacts: Mapping[str, float]
    column: str = ""
    low: str = ""
    high: str = ""
    budget: float = 0.0
    how: str = ""
    measured: tuple[Measured, ...] = ()
    chosen: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Search:
        """What `as_dict` gave."""
        return cls(**{**told, "measured": tuple(Measured(**one) for one in told["measured"])})

    @property
    def shown(self) -> list[Measured]:
        """The reference, the front and the chosen one, by impact."""
        named = {self.reference, self.chosen}
        return sorted((one for one in self.measured if one.front or one.name in named), key=lambda one: one.impact)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the recipe says of the search. column, group: to be repaired, or "" for those with the lowest ratio."""

    reference: Candidate
    threshold: float
    budget: float
    column: str = ""
    group: str = ""
    proxies: tuple[str, ...] = ()


def out_of_sample(train: Table, validation: Table, least: int, seed: int) -> tuple[Table, list[Any], str]:
    """(the rows to choose by, the (fit, judge) parts, how in words). least: members of the smallest group."""
    if least >= FEW:
        every = np.arange(len(validation.y))
        return validation, [(train, every)], f"{len(validation.y)} validation rows"
    from sklearn.model_selection import StratifiedKFold

    both = joined(train, validation)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(both.y[:, None], both.y)
    parts = [(both.part(inside), outside) for inside, outside in folds]
    return both, parts, f"{FOLDS} folds of the {len(both.y)} training and validation rows"


def joined(one: Table, other: Table) -> Table:
    """Two tables of the same columns, one below the other; groups by name."""
    groups = []
    for mine in one.groups:
        theirs = other.grouped(mine.column)
        names = tuple(sorted({*mine.names, *theirs.names}))
        codes = [_recoded(group, names) for group in (mine, theirs)]
        groups.append(Grouped(mine.column, names, np.concatenate(codes)))
    return Table(np.concatenate([one.x, other.x]), np.concatenate([one.y, other.y]), tuple(groups))


def _recoded(group: Grouped, names: Sequence[str]) -> np.ndarray:
    place = np.array([names.index(name) for name in group.names] + [-1])
    return place[group.code]


def search(
    workshop: Workshop, train: Table, validation: Table, rules: Rules, step: Callable[[int, int], None]
) -> Search:
    """Measure the reference; where a ratio is below four fifths, every candidate; and choose. step(done, of)."""
    asked = [group for group in validation.groups if rules.column in ("", group.column)]
    least = min((_smallest(group) for group in asked), default=FEW)
    table, parts, how = out_of_sample(train, validation, least, workshop.seed)

    def scores(candidate: Candidate, helped: tuple[str, str] | None) -> np.ndarray:
        made = np.empty(len(table.y))
        for inside, outside in parts:
            fitted = workshop.make(candidate, inside, helped)
            made[outside] = workshop.log_odds(candidate, fitted, table.x[outside])
        return made

    base = scores(rules.reference, None)
    approved = base < _logit(rules.threshold)
    impacts = {group.column: group.impact(approved) for group in table.groups}
    known = {column: ratio for column, ratio in impacts.items() if np.isfinite(ratio)}
    if not known or (min(known.values()) >= FOUR_FIFTHS and not rules.column):
        return Search(str(rules.reference), False, impacts, how=how)
    column = rules.column or min(known, key=lambda name: known[name])
    rates = table.grouped(column).approval(approved)
    low = rules.group or min(rates, key=lambda name: rates[name])
    high = max((name for name in rates if name != low), key=lambda name: rates[name])
    found = []
    candidates = list(dict.fromkeys([rules.reference, *every_candidate(rules.proxies)]))
    for done, candidate in enumerate(candidates):
        made = base if candidate == rules.reference else scores(candidate, (column, low))
        found.append(_measure(str(candidate), made, table, column, float(approved.mean())))
        step(done + 1, len(candidates))
    for _ in range(REFINED):
        between = _between(found, str(rules.reference), rules.budget, workshop.inputs.names)
        if between is not None:
            made = scores(between, (column, low))
            found.append(_measure(str(between), made, table, column, float(approved.mean())))
    measured = tuple(_with_front(found))
    chosen = _chosen(measured, str(rules.reference), rules.budget)
    return Search(str(rules.reference), True, impacts, column, low, high, rules.budget, how, measured, chosen)


def _between(found: Sequence[Measured], reference: str, budget: float, inputs: Sequence[str]) -> Candidate | None:
    """Half-way from the best mitigation within the budget to the next stronger one, which is beyond it.

    None where the best passes four fifths, or where nothing lies between: strengths come in steps, and the budget
    seldom ends at one.
    """
    name = _chosen(found, reference, budget)
    best = Candidate.read(name, inputs) if name else None
    reached = next((one.impact for one in found if one.name == name), 1.0)
    if best is None or not best.strength or reached >= FOUR_FIFTHS:
        return None
    alike = (Candidate.read(one.name, inputs) for one in found)
    stronger = [
        one.strength for one in alike if (one.kind, one.how, one.without) == (best.kind, best.how, best.without)
    ]
    above = min((strength for strength in stronger if strength > best.strength), default=0.0)
    if not above:
        return None
    return Candidate(best.kind, best.how, round((best.strength + above) / 2, 4), best.without)


def _measure(name: str, score: np.ndarray, table: Table, column: str, share: float) -> Measured:
    """The candidate where it approves the same share of applicants as the reference."""
    from sklearn.metrics import roc_auc_score

    line = float(np.quantile(score, share))
    approved = score < line if (score < line).any() else score <= line
    others = [group.impact(approved) for group in table.groups if group.column != column]
    lowest = min((ratio for ratio in others if np.isfinite(ratio)), default=1.0)
    impact = table.grouped(column).impact(approved)
    chance = float(1 / (1 + np.exp(-line)))
    return Measured(name, float(roc_auc_score(table.y, score)), float(np.nan_to_num(impact)), chance, float(lowest))


def _with_front(found: Sequence[Measured]) -> Iterator[Measured]:
    """Those marked that no other beats in both AUC and impact (Pareto's front)."""
    for one in found:
        beaten = any(
            other.auc >= one.auc and other.impact >= one.impact and (other.auc, other.impact) != (one.auc, one.impact)
            for other in found
        )
        yield Measured(**{**asdict(one), "front": not beaten})


def _chosen(measured: Sequence[Measured], reference: str, budget: float) -> str:
    """The highest impact among those that lose no more AUC than the budget and push no other column below four
    fifths."""
    base = next(one for one in measured if one.name == reference)
    others = min(base.others, FOUR_FIFTHS) - 0.01
    able = [one for one in measured if one.auc >= base.auc - budget and one.others >= others]
    best = max(able, key=lambda one: (one.impact, one.auc))
    return best.name if best.impact > base.impact else ""


def _smallest(group: Grouped) -> int:
    """Rows of the smallest group that is compared."""
    sizes = np.bincount(group.code[group.code >= 0], minlength=1)
    large = sizes[sizes >= 0.02 * len(group.code)]
    return int(large.min()) if len(large) else 0


def _logit(chance: float) -> float:
    return float(np.log(chance / (1 - chance)))
