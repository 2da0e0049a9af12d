"""The error budget of an audit: how often something may be said wrongly, and what shares it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TOLERANCES, RATIOS, SLICES = "tolerances", "impact ratios", "slices"


@dataclass(frozen=True, slots=True)
class Budget:
    """What an audit may get wrong: *exceeded* where nothing is, and, by itself, *within* where something is.

    level: the chance of each in the whole audit. split: what each kind of claim that the audit makes may use of it;
    kinds that it does not make take nothing.
    """

    level: float
    split: Mapping[str, float] = field(default_factory=dict)

    def of(self, kind: str) -> float:
        """The level of one kind of claim."""
        return self.split.get(kind, self.level)

    def described(self) -> dict[str, object]:
        """As it stands in the plan."""
        return {"exceeded": self.level, "within": self.level, "split": dict(self.split)}


def budget_of(confidence: float, *, tolerances: bool, ratios: bool, slices: bool) -> Budget:
    """Equal shares for every kind of claim that is made."""
    level = round(1 - confidence, 12)
    made = [kind for kind, asked in ((TOLERANCES, tolerances), (RATIOS, ratios), (SLICES, slices)) if asked]
    return Budget(level, {kind: round(level / len(made), 12) for kind in made})
