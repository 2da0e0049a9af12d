"""Is a gap larger than its tolerance: how often that is said wrongly, and from which critical value on.

The gaps that a tolerance allows are a polytope of true values, and what is not called *exceeded* is a convex, symmetric
region around none. The chance of the normal errors to leave it is therefore largest at a vertex of the polytope
(Prékopa 1973, Acta Sci. Math. 34: the chance to stay is log-concave), and its vertices are the ways to part the groups
in two, all of the one side higher than all of the other by just the tolerance. There

    - a higher group seems too far above a lower one. Errors upward in the one half and downward in the other do that,
      and the reverse makes a lower group seem far above; the two never help each other (Harris 1960, Proc. Cambridge
      Phil. Soc. 56), so that the first has at most 1 - √(1 - P(|T| > c)), half of what two sides cost;
    - or any other pair has used up its allowance: the tolerance within a half, and twice that against the direction.

Both are drawn (bands.py). At a tolerance of 0 that is more than the two-sided chance, which then stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evenhand.auditing.evidence.bands import DOUBT, Maxima
from evenhand.statistics.arrays import Floats
from evenhand.statistics.intervals import NORMAL

SEEN = 10  # draws beyond which a tail is counted; farther out it falls like the normal one
FARTHEST = 37.0  # standard errors, beyond which a normal tail is no float any more
HALVINGS = 60


@dataclass(frozen=True)
class Alarms:
    """One family of comparisons held against one tolerance, and how often it alarms without reason."""

    maxima: Maxima

    @cached_property
    def _two_sided(self) -> Floats:
        return np.sort(self.maxima.comparisons)

    @cached_property
    def _allowed(self) -> Floats | None:
        return None if self.maxima.allowed is None else np.sort(self.maxima.allowed)

    def chance(self, c: float) -> float:
        """The largest chance that some gap seems larger than the tolerance at the critical value c, and none is."""
        both = tail(self._two_sided, c)
        if self._allowed is None:
            return both
        return min(both, 1 - float(np.sqrt(1 - both)) + tail(self._allowed, c))


def tail(draws: Floats, c: float) -> float:
    """P(draw > c) from sorted draws; where fewer than ten are beyond, those fall off as a normal tail does."""
    many = len(draws)
    beyond = many - int(np.searchsorted(draws, c, side="right"))
    if beyond >= SEEN or many <= SEEN:
        return beyond / many
    last = float(draws[-SEEN])
    fall = NORMAL.cdf(-min(c, FARTHEST)) / max(NORMAL.cdf(-min(last, FARTHEST)), 1e-300)
    return SEEN / many * min(fall, 1.0)


def exceeding_critical(families: Sequence[Alarms], level: float) -> float:
    """The critical value at which all families together alarm without reason no more often than `level`.

    Never below that of one comparison and the doubt that draws leave.
    """
    sides = 2 if any(family.maxima.allowed is None for family in families) else 1
    low, high = -NORMAL.inv_cdf(level / sides) + DOUBT, FARTHEST
    if not families or chance(families, low) <= level:
        return low
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if chance(families, middle) <= level else (middle, high)
    return high


def chance(families: Sequence[Alarms], c: float) -> float:
    """Of some family to alarm without reason at c; at most 1."""
    return min(1.0, sum(family.chance(c) for family in families))
