"""Whether a challenger may take a champion's place, and who stands for a run: promoted, or rolled back, by a signed
line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.auditing.question.policy import load_policy
from evenhand.errors import BadInput
from evenhand.recorded.finished import open_run, read
from evenhand.recorded.history import PROMOTE, ROLL_BACK, append, read_history
from evenhand.recorded.writing import take_lock

if TYPE_CHECKING:
    from evenhand.recipe import Recipe

EVERYBODY = "all rows"


@dataclass(frozen=True, slots=True)
class Worse:
    """A group for which the challenger is proven worse. by: at least so much, more than `margin`."""

    period: str
    attribute: str
    group: str
    metric: str
    champion: float
    challenger: float
    by: float
    margin: float

    def __str__(self) -> str:
        among = self.group if self.attribute == EVERYBODY else f"{self.attribute} {self.group}"
        return (
            f"{among}, {self.period} period: {self.metric} {self.champion:.4g} → {self.challenger:.4g}, worse by at"
            f" least {self.by:.3g}, and {self.margin:g} is tolerated"
        )


def margins_of(recipe: Recipe) -> dict[str, float]:
    """Metric -> what the policy of the recipe's audit tolerates."""
    policy = load_policy(recipe.audit.policy)
    return {} if policy is None else dict(policy.margin)


def proven_worse(
    compared: Mapping[str, Mapping[str, Any]], margins: Mapping[str, float], margin: float = 0.0
) -> tuple[Worse, ...]:
    """Every group, and all rows together, that the challenger leaves worse off by more than the margin, beyond doubt.

    compared: period -> its paired comparison, whose simultaneous limits are judged by; margin: of metrics that
    `margins` does not name. A metric without a better direction, and one without limits, judges nobody.
    """
    found = []
    for period, both in compared.items():
        for change in both["changes"]:
            tolerated = margins.get(change["metric"], margin)
            end = change["upper_simultaneous" if change["better"] == "higher" else "lower_simultaneous"]
            if not change["better"] or end is None:
                continue
            by = -end if change["better"] == "higher" else end
            if by > tolerated:
                where = change["attribute"] or EVERYBODY
                figures = change["first"], change["second"], by, tolerated
                found.append(Worse(period, where, change["group"], change["metric"], *figures))
    return tuple(sorted(found, key=lambda worse: -worse.by))


def promote(run: Path, challenger: Path, evidence: str) -> bool:
    """Let the challenger stand for `run`, by a signed line; whether it did not already. evidence: sha256 of the proof.

    The champion's folder stays as it is. The caller has judged the challenger. Raises BadInput.
    """
    open_run(run)
    with take_lock(run):
        history = read_history(run)
        if history.champion.resolve() == challenger.resolve():
            return False
        append(history, PROMOTE, challenger, evidence_sha256=evidence)
        return True


@dataclass(frozen=True, slots=True)
class RolledBack:
    """Who stood for the run, and who does now."""

    run: Path
    before: Path
    now: Path

    def __str__(self) -> str:
        return f"{self.now} stands for {self.run} again; {self.before} stays where it is"


def rollback(run: str | Path) -> RolledBack:
    """Return to the champion before, by a signed line in the run's history.

    Raises BadInput where nothing was promoted, or the history or the model before cannot be trusted any more.
    """
    run = Path(run)
    open_run(run)
    with take_lock(run):
        history = read_history(run)
        champions = history.champions
        if len(champions) < 2:
            raise BadInput(f"{run} stands for itself, since nothing is promoted in its place; nothing to roll back")
        before, now = history.champion, history.folder(champions[-2])
        open_run(now).artefact("finetune", "model")
        append(history, ROLL_BACK, now)
        return RolledBack(run, before, now)


def evidence_of(folder: Path) -> tuple[Mapping[str, Any], str]:
    """(what update.json of a finished update holds, its sha256)."""
    import hashlib

    content = read(folder, "update.json")
    return json.loads(content), hashlib.sha256(content).hexdigest()
