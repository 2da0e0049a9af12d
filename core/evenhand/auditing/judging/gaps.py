"""The gaps of one metric on one attribute: to the reference, to everyone else, the largest one, and as a ratio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.evidence.bands import Maxima
from evenhand.auditing.evidence.group_estimates import GRID, GRID_PARTS, GroupEstimates
from evenhand.auditing.judging.missing import LeftOpen
from evenhand.auditing.judging.sentences import Told, sentence
from evenhand.auditing.judging.verdicts import UNSURE, judge, rows_needed
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats, Ints

At = Callable[[Floats | float], tuple[Floats, Floats]]  # limits at a critical value, or at several [critical value, 1]


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

    @cached_property
    def judged(self) -> NDArray[np.bool_]:
        """The groups that are groups: not those of rows whose group is unknown."""
        return np.ones(len(self.names), dtype=bool) if self.open is None else ~self.open.unknown

    @cached_property
    def defined(self) -> Ints:
        """Places of the groups for which the metric exists."""
        return np.flatnonzero(~np.isnan(self.own.value) & self.judged)

    def pairs(self, c: float) -> tuple[Floats, Floats]:
        """Limits of the difference of every two defined groups, [group, group]."""
        lower, upper = (a[self.defined] for a in self.own.limits(c))
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

    def _differences(self) -> list[dict[str, Any]]:
        place = self.names.index(self.reference)
        r = np.zeros(len(self.names)) if self.own.correlation is None else self.own.correlation[:, place]

        def at(c: Floats | float) -> tuple[Floats, Floats]:
            lower, upper = self.own.limits(c)
            reference = (lower[place], upper[place]) if lower.ndim == 1 else (lower[:, [place]], upper[:, [place]])
            return intervals.difference(self.own.value, (lower, upper), self.own.value[place], reference, r)

        further = None if self.open is None else (self.open.apart[place], self.open.apart[:, place])
        value = self.own.value - self.own.value[place]
        return self._against("difference", self.reference, value, at, further, skip={place})

    def _rests(self) -> list[dict[str, Any]]:
        def at(c: Floats | float) -> tuple[Floats, Floats]:
            return intervals.difference(self.own.value, self.own.limits(c), self.rest.value, self.rest.limits(c))

        further = None if self.open is None else (self.open.below, self.open.above)
        return self._against("rest", "everyone else", self.own.value - self.rest.value, at, further, skip=set())

    def _against(
        self, kind: str, versus: str, value: Floats, at: At, open_: tuple[Floats, Floats] | None, skip: set[int]
    ) -> list[dict[str, Any]]:
        point, joint, p = at(self.pointwise), at(self.joint), p_values(value, at)
        found = []
        for i in np.flatnonzero(~np.isnan(value)):
            if i in skip:
                continue
            limits, further = (joint[0][i], joint[1][i]), (0.0, 0.0) if open_ is None else (open_[0][i], open_[1][i])
            says, more, reach = None, None, 0.0
            if self.judged[i]:  # rows of unknown group are shown, and are no group
                says = judge(*limits, self.tolerance, further=further)
                reach = max(further[0] - limits[0], limits[1] + further[1])
                pair = (self.names[i], versus) if kind == "difference" else (self.names[i],)
                far = max(value[i] + further[1], further[0] - value[i]) if any(further) else abs(value[i])
                more = self._more(float(far), pair, any(further)) if says == UNSURE else None
            alone, name = (point[0][i], point[1][i]), self.names[i]
            found.append(self._gap(kind, name, versus, value[i], alone, limits, p[i], says, more, reach=reach))
        return found

    def _more(self, value: float, only: tuple[str, ...], further: bool) -> dict[str, int] | None:
        """Rows that would settle it, never of a group that is none; no number of them where what is missing decides."""
        if self.tolerance is None or (further and value >= self.tolerance):
            return None
        groups = tuple(name for name, judged in zip(self.names, self.judged, strict=True) if judged)
        return rows_needed(self.names, self.own, self.group_rows, value, self.tolerance, self.joint, only or groups)

    def largest(self) -> dict[str, Any]:
        """The distance between the highest and the lowest group.

        Its limits are the largest limits over all pairs at a critical value that holds for all of them, so equal
        groups give a lower limit above zero in no more than 1 - confidence of all audits.
        """
        value = self.own.value[self.defined]
        high, low = int(np.argmax(value)), len(value) - 1 - int(np.argmin(value[::-1]))  # two, also where all are equal
        gap = float(value[high] - value[low])
        (low_f, up_f), (low_j, up_j) = self.pairs(self.family), self.pairs(self.joint)
        point = max(float(low_f.max()), 0.0), float(up_f.max())
        joint = max(float(low_j.max()), 0.0), float(up_j.max())
        far, reach = self._reach(gap, joint[1], up_j)
        says = judge(joint[0], joint[1], self.tolerance, self.complete, (0.0, reach - joint[1]))
        pair = (self.names[self.defined[high]], self.names[self.defined[low]])
        only = pair if self.tolerance is not None and gap > self.tolerance else ()
        more = self._more(far, only, far > gap) if says == UNSURE else None
        evidence = np.unravel_index(int(np.argmax(low_j)), low_j.shape)
        proof = (self.names[self.defined[evidence[0]]], self.names[self.defined[evidence[1]]])
        return self._gap("largest", *pair, gap, point, joint, self._p_largest(), says, more, proof, reach)

    def _reach(self, gap: float, upper: float, pairs: Floats) -> tuple[float, float]:
        """How large the largest gap is where rows of unknown group lie worst: (without chance, its upper limit)."""
        if self.open is None:
            return gap, upper
        value, apart = self.own.value[self.defined], self.open.apart[np.ix_(self.defined, self.defined)]
        estimates = value[:, None] - value[None]
        far = max(gap, float((estimates + apart).max()), self.open.nobody)
        chance = float((pairs - estimates).max()) if self.open.nobody > gap else 0.0
        return far, max(upper, float((pairs + apart).max()), min(self.open.nobody + chance, 1.0) if chance else 0.0)

    def _p_largest(self) -> float:
        # the c at which the last pair stops being apart: the limits only widen with c, so halve
        low, high, many = 0, len(GRID), len(self.defined)
        margin = {0: 0.0, len(GRID): 0.0}
        while high - low > 1:
            middle = (low + high) // 2
            margin[middle] = float(self.pairs(float(GRID[middle]))[0].max())
            low, high = (middle, high) if margin[middle] > 0 else (low, middle)
        between = margin[low] / (margin[low] - margin[high]) if margin[low] > margin[high] and high < len(GRID) else 0.0
        best = float(GRID[low] + between * (GRID[min(high, len(GRID) - 1)] - GRID[low]))
        drawn = float((1 + (self.maxima.comparisons >= best).sum()) / (1 + len(self.maxima.comparisons)))
        # draws end at one in their number; Bonferroni over the pairs is never too small and goes on
        return min(drawn, many * (many - 1) * intervals.NORMAL.cdf(-best))

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
        return self._gap("ratio", *pair, worth, bounds[0], bounds[1], float("nan"), None, None)

    def _gap(
        self,
        kind: str,
        group: str,
        versus: str,
        value: float,
        point: tuple[float, float],
        joint: tuple[float, float],
        p: float,
        says: str | None,
        more: dict[str, int] | None,
        proof: tuple[str, str] | None = None,
        reach: float = 0.0,
    ) -> dict[str, Any]:
        return {
            "metric": self.metric.name,
            "kind": kind,
            "group": group,
            "versus": versus,
            "value": value,
            "lower": point[0],
            "upper": point[1],
            "lower_simultaneous": joint[0],
            "upper_simultaneous": joint[1],
            "p_value": p,
            "p_adjusted": float("nan"),
            "p_bh": float("nan"),
            "tolerance": None if says is None else self.tolerance,
            "verdict": says,
            "rows_needed": more,
            "says": self._sentence(Told(kind, group, versus, value, joint, says, more, proof, reach)),
        }

    def _sentence(self, told: Told) -> str:
        known = judge(*told.joint, self.tolerance) if told.says == UNSURE and self.complete else None
        decides = self.open is not None and self.complete and told.more is None
        return sentence(told, self.metric.title, self.tolerance, known, decides)


def p_values(value: Floats, at: At) -> Floats:
    """Two-sided p-values that agree with the intervals: the confidence at which the interval just touches 0."""
    reach, last = np.full(value.shape, np.nan), np.zeros(value.shape)
    open_ = np.ones(value.shape, dtype=bool)
    for places in GRID_PARTS:
        lower, upper = at(GRID[places][:, None])
        margin = np.where(value >= 0, lower, -upper)
        shut = ~(margin > 0)
        crossed, step = open_ & shut.any(axis=0), shut.argmax(axis=0)
        before, here = np.take_along_axis(np.stack([last, *margin]), np.stack([step, step + 1]), axis=0)
        share = np.where(before > 0, before / np.maximum(before - here, 1e-300), 0.0)
        c, smaller = GRID[places][step], GRID[places - 1][step]
        reach = np.where(crossed, c - (c - smaller) * (1 - np.clip(share, 0, 1)), reach)
        open_, last = open_ & ~crossed, margin[-1]
        if not open_.any():
            break
    reach = np.where(open_, GRID[-1], reach)
    tails = np.array([2 * intervals.NORMAL.cdf(-float(c)) if np.isfinite(c) else np.nan for c in reach])
    return np.where(np.isnan(value), np.nan, np.where(np.abs(value) == 0, 1.0, np.minimum(tails, 1.0)))
