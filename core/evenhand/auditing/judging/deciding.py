"""At which critical values a verdict is exceeded, and within: one budget of error for each of the two in an audit.

*exceeded* is said wrongly where no gap is larger than its tolerance, and every pair of groups may say it: all pairs of
all verdicts count together (directed.py). *within* is said wrongly where some gap is larger, and that very pair would
have to look small: the pairs of one verdict are an intersection-union test and cost nothing (Berger 1982, Technometrics
24), only the verdicts are counted. Both step down (Holm 1979; Romano & Wolf 2005, JASA 100): what is decided no longer
counts among what is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evenhand.auditing.evidence.directed import Alarms, chance, exceeding_critical
from evenhand.statistics.intervals import NORMAL


@dataclass(frozen=True)
class Case:
    """One verdict to come: whether its limits at a critical value prove it exceeded, or within."""

    alarms: Alarms
    exceeds: Callable[[float], bool]
    holds: Callable[[float], bool]


@dataclass(frozen=True)
class Levels:
    """The critical values at which one verdict is judged, and against which others it was counted as exceeded."""

    exceed: float
    within: float
    rivals: tuple[Alarms, ...]
    level: float

    def adjusted(self, c: float, exceeded: bool) -> float:
        """The p-value of a gap no larger than the tolerance that limits at c just touch: never against the verdict."""
        p = chance(self.rivals, c)
        return min(p, self.level) if exceeded else max(p, self.level * (1 + 1e-9))


def decided(cases: Sequence[Case], level: float) -> list[Levels]:
    """The critical values of each case; wrong in at most `level` of audits, of *exceeded* and of *within* each."""
    exceed, rivals = _step_down(cases, level)
    within = _holm(cases, level)
    return [Levels(exceed[i], within[i], rivals[i], level) for i in range(len(cases))]


def _step_down(cases: Sequence[Case], level: float) -> tuple[dict[int, float], dict[int, tuple[Alarms, ...]]]:
    left, found, among = list(range(len(cases))), {}, {}
    while left:
        together = tuple(cases[i].alarms for i in left)
        c = exceeding_critical(together, level)
        proven = [i for i in left if cases[i].exceeds(c)]
        for i in proven or left:
            found[i], among[i] = c, together
        left = [i for i in left if i not in found]
    return found, among


def _holm(cases: Sequence[Case], level: float) -> dict[int, float]:
    left, found = list(range(len(cases))), {}
    while left:
        c = -NORMAL.inv_cdf(level / len(left))
        proven = [i for i in left if cases[i].holds(c)]
        for i in proven or left:
            found[i] = c
        left = [i for i in left if i not in found]
    return found
