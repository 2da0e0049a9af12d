"""The error budget of an audit: how often something may be said wrongly, and what shares it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TOLERANCES, RATIOS, SLICES = "tolerances", "impact ratios", "slices"


@dataclass(frozen=True, slots=True)
class Budget:
    """What an audit may get wrong: *exceeded* where nothing is, and, by itself, *within* where something is.

    whole: the chance of each over all looks at the question. level: in this audit. look: which look it is; None where
    looks are not counted, so that this one spends all. split: what each kind of claim that the audit makes may use of
    the level; kinds that it does not make take nothing.
    """

    whole: float
    level: float
    look: int | None = None
    split: Mapping[str, float] = field(default_factory=dict)

    def of(self, kind: str) -> float:
        """The level of one kind of claim."""
        return self.split.get(kind, self.level)

    def described(self) -> dict[str, object]:
        """As it stands in the plan."""
        return {
            "whole": self.whole,
            "look": self.look,
            "exceeded": self.level,
            "within": self.level,
            "split": dict(self.split),
        }


def budget_of(confidence: float, look: int | None, *, tolerances: bool, ratios: bool, slices: bool) -> Budget:
    """Equal shares for every kind of claim that is made.

    Look k at a question spends 1 / (k (k + 1)) of the whole, so that any number of looks, at rows that are new or the
    same, spends no more than that (Bonferroni over a series that adds up to 1).
    """
    whole = round(1 - confidence, 12)
    level = whole if look is None else whole / (look * (look + 1))
    made = [kind for kind, asked in ((TOLERANCES, tolerances), (RATIOS, ratios), (SLICES, slices)) if asked]
    return Budget(whole, level, look, {kind: level / len(made) for kind in made})
