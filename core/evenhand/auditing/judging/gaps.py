"""The gaps of one metric on one attribute: to the reference, to everyone else, the largest one, and as a ratio."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.evidence.bands import Maxima
from evenhand.auditing.evidence.directed import Alarms, tail
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.judging.deciding import Case, Levels
from evenhand.auditing.judging.missing import LeftOpen
from evenhand.auditing.judging.p_values import At, tails, touching, touching_largest
from evenhand.auditing.judging.rows_needed import rows_needed
from evenhand.auditing.judging.sentences import Told, sentence
from evenhand.auditing.judging.telling import Telling, pair_told
from evenhand.auditing.judging.verdicts import EXCEEDED, UNSURE, Deciding, judge
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats, Ints


def _at(limits: tuple[Floats, Floats], i: Any) -> tuple[float, float]:
    return float(limits[0][i]), float(limits[1][i])


def _largest_of(lower: Floats, upper: Floats) -> tuple[float, float]:
    """Limits of the largest gap from those of every pair."""
    return max(float(lower.max()), 0.0), float(upper.max())


@dataclass(frozen=True)
class MetricGaps:
    """Everything known about one metric on one attribute."""

    metric: GroupMetric
    attribute: str
    names: list[str]
    reference: str
    group_rows: Floats
    own: GroupEstimates
    rest: GroupEstimates
    maxima: Maxima
    tolerance: float | None
    pointwise: float  # critical values: of one interval alone,
    family: float  # of all comparisons of this metric on this attribute,
    joint: float  # of all comparisons of the report that answer the same question
    open: LeftOpen | None = None  # what rows of unknown group leave open; None where there are none
    levels: Levels | None = None  # at which critical values it is judged; None without a tolerance
    alongside: Floats = field(default_factory=lambda: np.zeros(0))  # sorted draws of the largest of all comparisons
    phrases: tuple[str, ...] = ()  # how sentences speak of each group

    @cached_property
    def judged(self) -> NDArray[np.bool_]:
        """The groups that are groups: not those of rows whose group is unknown."""
        return np.ones(len(self.names), dtype=bool) if self.open is None else ~self.open.unknown

    @cached_property
    def defined(self) -> Ints:
        """Places of the groups for which the metric exists."""
        return np.flatnonzero(~np.isnan(self.own.value) & self.judged)

    def pairs(self, c: float, deciding: bool = False) -> tuple[Floats, Floats]:
        """Limits of the difference of every two defined groups, [group, group]; `deciding`: for a verdict."""
        lower, upper = (a[self.defined] for a in (self.own.deciding(c) if deciding else self.own.limits(c)))
        value, r = self.own.value[self.defined], self.own.correlation
        return intervals.difference(
            value[:, None],
            (lower[:, None], upper[:, None]),
            value[None],
            (lower[None], upper[None]),
            0.0 if r is None else r[np.ix_(self.defined, self.defined)],
        )

    def gaps(self) -> list[dict[str, Any]]:
        """Every gap, in the order difference, rest, largest, ratio."""
        found = self._differences() + self._rests()
        if len(self.defined) >= 2:
            found.append(self.largest())
            if self.metric.share:
                found.append(self._ratio())
        return found

    @property
    def complete(self) -> bool:
        """Whether every group has the metric."""
        return len(self.defined) == int(self.judged.sum())

    def case(self) -> Case | None:
        """What there is to decide; None without a tolerance, or with fewer than two groups."""
        if self.tolerance is None or len(self.defined) < 2:
            return None
        tolerance = self.tolerance

        def exceeds(c: float) -> bool:
            return float(self.pairs(c, deciding=True)[0].max()) > tolerance

        def holds(c: float) -> bool:
            pairs = self.pairs(c, deciding=True)[1]
            return self.complete and self._reach(self._highest_gap, float(pairs.max()), pairs)[1] <= tolerance

        return Case(Alarms(self.maxima), exceeds, holds)

    def _differences(self) -> list[dict[str, Any]]:
        place = self.names.index(self.reference)
        r = np.zeros(len(self.names)) if self.own.correlation is None else self.own.correlation[:, place]

        def between(limits: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
            lower, upper = limits
            reference = (lower[place], upper[place]) if lower.ndim == 1 else (lower[:, [place]], upper[:, [place]])
            return intervals.difference(self.own.value, limits, self.own.value[place], reference, r)

        further = None if self.open is None else (self.open.apart[place], self.open.apart[:, place])
        return self._against(
            "difference",
            self.reference,
            self.own.value - self.own.value[place],
            (lambda c: between(self.own.limits(c)), lambda c: between(self.own.deciding(c))),
            np.sqrt(self.own.spread**2 + self.own.spread[place] ** 2),
            further,
            skip={place},
        )

    def _rests(self) -> list[dict[str, Any]]:
        own, rest = self.own, self.rest

        def at(c: Floats | float) -> tuple[Floats, Floats]:
            return intervals.difference(own.value, own.limits(c), rest.value, rest.limits(c))

        def deciding(c: Floats | float) -> tuple[Floats, Floats]:
            return intervals.difference(own.value, own.deciding(c), rest.value, rest.deciding(c))

        further = None if self.open is None else (self.open.below, self.open.above)
        error = np.sqrt(own.spread**2 + rest.spread**2)
        return self._against(
            "rest", "everyone else", own.value - rest.value, (at, deciding), error, further, skip=set()
        )

    def _against(
        self,
        kind: str,
        versus: str,
        value: Floats,
        at: tuple[At, At],
        error: Floats,
        open_: tuple[Floats, Floats] | None,
        skip: set[int],
    ) -> list[dict[str, Any]]:
        """at: limits as shown, and as they decide. error: standard errors."""
        point, joint, c = at[0](self.pointwise), at[0](self.joint), touching(value, at[0])
        p, levels, tolerance = tails(c), self.levels, self.tolerance or 0.0
        if levels is not None:
            above, inside = at[1](levels.exceed), at[1](levels.within)
            c = touching(value, at[1], tolerance)
            p = tails(c, 2 * tolerance / error)
        found = []
        for i in np.flatnonzero(~np.isnan(value)):
            if i in skip:
                continue
            alone, limits, further = _at(point, i), _at(joint, i), (0.0, 0.0) if open_ is None else _at(open_, i)
            told = Told(kind, self.names[i], versus, float(value[i]), limits, pair=self.telling.sides(kind, int(i)))
            if levels is not None and self.judged[i]:  # rows of unknown group are shown, and are no group
                decides = Deciding(_at(above, i), _at(inside, i))
                says = judge(decides, tolerance, further=further)
                shown = decides.shown(limits, tolerance, says)
                reach = max(further[0] - shown[0], shown[1] + further[1])
                known = judge(decides, tolerance) if self.complete else None
                told = replace(told, joint=shown, says=says, reach=reach, known=known)
            found.append(self._gap(told, alone, limits, float(p[i]), float(c[i])))
        return found

    def _more(self) -> dict[str, Any] | None:
        """Rows that would settle it; none where rows of unknown group, or a group without a number, keep it open."""
        if self.levels is None or self.tolerance is None or not self.complete:
            return None
        gap = self._highest_gap
        further = self._reach(gap, 0.0, self.pairs(self.levels.within, deciding=True)[1])[0] - gap
        if further > 0 and gap + further >= self.tolerance:
            return None
        parts = self.names, self.own, self.group_rows, self.defined
        return rows_needed(*parts, self.tolerance, self.levels, further)

    @property
    def _highest_gap(self) -> float:
        value = self.own.value[self.defined]
        return float(value.max() - value.min())

    def largest(self) -> dict[str, Any]:
        """The distance between the highest and the lowest group.

        Its limits are the largest limits over all pairs at a critical value that holds for all of them, so equal
        groups give a lower limit above zero in no more than 1 - confidence of all audits.
        """
        value = self.own.value[self.defined]
        high, low = int(np.argmax(value)), len(value) - 1 - int(np.argmin(value[::-1]))  # two, also where all are equal
        pair = (self.names[self.defined[high]], self.names[self.defined[low]])
        (low_f, up_f), (low_j, up_j) = self.pairs(self.family), self.pairs(self.joint)
        point, joint = _largest_of(low_f, up_f), _largest_of(low_j, up_j)
        told, c = Told("largest", *pair, self._highest_gap, joint), self._touching()
        if self.levels is None:
            told = self.telling.of_largest(told, self.defined, ((low_j, up_j),) * 3)
            return self._gap(told, point, joint, self._p_largest(c), c)
        return self._gap(self._judged(told, joint, (low_j, up_j)), point, joint, self._p_largest(c), c)

    def _judged(self, told: Told, joint: tuple[float, float], pairs: tuple[Floats, Floats]) -> Told:
        """The same with its verdict, and what follows from it."""
        assert self.levels is not None
        assert self.tolerance is not None
        above, inside = (self.pairs(c, deciding=True) for c in (self.levels.exceed, self.levels.within))
        decides = Deciding(_largest_of(*above), _largest_of(*inside))
        gap, most = told.value, decides.within[1]
        further = self._reach(gap, most, inside[1])[1] - most
        says = judge(decides, self.tolerance, self.complete, (0.0, further))
        reach = self._reach(gap, joint[1], pairs[1])[1]
        more = self._more() if says == UNSURE else None
        shown = decides.shown(joint, self.tolerance, says)
        known = judge(decides, self.tolerance) if self.complete else None
        judged = replace(told, joint=shown, says=says, more=more, reach=reach, known=known)
        return self.telling.of_largest(judged, self.defined, (pairs, above, inside), self.tolerance)

    @cached_property
    def telling(self) -> Telling:
        """How the groups are spoken of."""
        spoken = self.phrases or tuple(f"for {name}" for name in self.names)
        return Telling(self.names, spoken, self.reference, self.own, self.rest, bool(self.metric.numerator))

    def _reach(self, gap: float, upper: float, pairs: Floats) -> tuple[float, float]:
        """How large the largest gap is where rows of unknown group lie worst: (without chance, its upper limit)."""
        if self.open is None:
            return gap, upper
        value, apart = self.own.value[self.defined], self.open.apart[np.ix_(self.defined, self.defined)]
        estimates = value[:, None] - value[None]
        far = max(gap, float((estimates + apart).max()), self.open.nobody)
        chance = float((pairs - estimates).max()) if self.open.nobody > gap else 0.0
        return far, max(upper, float((pairs + apart).max()), min(self.open.nobody + chance, 1.0) if chance else 0.0)

    def _touching(self) -> float:
        """The critical value at which the last pair stops proving a gap larger than the tolerance (without one, 0)."""
        tolerance, deciding = self.tolerance or 0.0, self.levels is not None
        return touching_largest(lambda c: float(self.pairs(c, deciding)[0].max()) - tolerance)

    def _p_largest(self, c: float) -> float:
        """Over all pairs of this metric on this attribute."""
        return 1.0 if c <= 0 else Alarms(self.maxima).chance(c)

    def _ratio(self) -> dict[str, Any]:
        value = self.own.value[self.defined]
        low, high = int(np.argmin(value)), int(np.argmax(value))
        pair = (self.names[self.defined[low]], self.names[self.defined[high]])
        bounds = []
        for c in (self.family, self.joint):
            lower, upper = (a[self.defined] for a in self.own.limits(c))
            least, most = intervals.quotient(
                value[:, None], (lower[:, None], upper[:, None]), value[None], (lower[None], upper[None])
            )
            off = ~np.eye(len(value), dtype=bool)
            bounds.append((float(np.nanmin(least[off])), float(min(np.nanmin(most[off]), 1.0))))
        worth = float(value[low] / value[high]) if value[high] > 0 else float("nan")
        if np.isnan(worth):
            bounds = [(0.0, float("nan"))] * 2
        sides = self.telling.side(int(self.defined[low])), self.telling.side(int(self.defined[high]))
        told = Told("ratio", *pair, worth, bounds[1], pair=sides)
        return self._gap(told, bounds[0], bounds[1], float("nan"), float("nan"))

    def _gap(
        self, told: Told, point: tuple[float, float], joint: tuple[float, float], p: float, c: float
    ) -> dict[str, Any]:
        judged, settled = told.says is not None, self.open is not None and self.complete and told.more is None
        return {
            "metric": self.metric.name,
            "kind": told.kind,
            "group": told.group,
            "versus": told.versus,
            "value": told.value,
            "lower": point[0],
            "upper": point[1],
            "lower_simultaneous": joint[0],
            "upper_simultaneous": joint[1],
            "lower_deciding": told.joint[0] if judged else None,
            "upper_deciding": told.joint[1] if judged else None,
            "p_value": p,
            "p_adjusted": self._adjusted(told, c),
            "tolerance": self.tolerance if judged else None,
            "verdict": told.says,
            "rows_needed": told.more,
            "told": pair_told(told),
            "says": sentence(told, self.metric.title, self.tolerance, settled, self.metric.share),
        }

    def _adjusted(self, told: Told, c: float) -> float:
        """Over all comparisons that answer the same question, so that it never speaks against the verdict."""
        if np.isnan(c) or told.kind == "ratio":
            return float("nan")
        if self.levels is not None and told.says is not None:
            return self.levels.adjusted(c, told.says == EXCEEDED)
        return 1.0 if c <= 0 else tail(self.alongside, c)
