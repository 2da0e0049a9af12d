"""What a sentence tells of a gap: the groups with the rows behind them, and the pair that proves most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.judging.sentences import ENOUGH, LONGEST_NAME, Side, Told
from evenhand.auditing.judging.verdicts import EXCEEDED, WITHIN, Deciding
from evenhand.auditing.table.group_names import phrase_of
from evenhand.statistics.arrays import Floats, Ints

Pairs = tuple[Floats, Floats]  # limits of the difference of every two groups


@dataclass(frozen=True)
class Telling:
    """The groups of one metric as sentences speak of them: their names, phrases ("for female") and numbers.

    share: the metric is a share of rows.
    """

    names: Sequence[str]
    phrases: Sequence[str]
    reference: str
    own: GroupEstimates
    rest: GroupEstimates
    share: bool

    @cached_property
    def counted(self) -> bool:
        """Whether values are shares of rows that one can count, which weighted ones are not."""
        hits = np.nan_to_num(self.own.value * self.own.rows)
        return self.share and bool(np.allclose(hits, np.round(hits), atol=1e-6))

    def side(self, i: int) -> Side:
        """The i-th group."""
        phrase = phrase_of(self.phrases[i], LONGEST_NAME)
        return Side(phrase, float(self.own.value[i]), float(self.own.rows[i]), self.counted)

    def sides(self, kind: str, i: int) -> tuple[Side, Side]:
        """The i-th group, and whom it is compared with."""
        if kind == "difference":
            return self.side(i), self.side(self.names.index(self.reference))
        rest = Side("for everyone else", float(self.rest.value[i]), float(self.rest.rows[i]), self.counted)
        return self.side(i), rest

    def _of_enough(self, pairs: Floats, defined: Ints) -> Floats:
        """The pairs of groups with enough rows to speak of, where there are any."""
        for enough in ENOUGH:
            few = self.own.rows[defined] < enough
            if (~few).sum() >= 2:
                return np.asarray(np.where(few[:, None] | few, np.nan, pairs))
        return pairs

    def of_largest(
        self, told: Told, defined: Ints, limits: tuple[Pairs, Pairs, Pairs], tolerance: float | None = None
    ) -> Told:
        """The largest gap, told of the pair of groups that proves most: that which is certainly furthest apart, or for
        *within* that which could be; where nothing is proven, of groups with enough rows. Of many groups those that lie
        furthest apart are often small ones, by chance.

        limits: two-sided; those that decide exceeded, and within; of the defined groups.
        """
        both, above, inside = limits
        which = inside[1] if told.says == WITHIN else above[0]
        i, j = _strongest(which if told.says in (WITHIN, EXCEEDED) else self._of_enough(which, defined))
        found = _at(both, i, j)
        if tolerance is not None:
            found = Deciding(_at(above, i, j), _at(inside, i, j)).shown(found, tolerance, told.says)
        one, two = int(defined[i]), int(defined[j])
        if self.own.value[one] < self.own.value[two]:
            one, two, found = two, one, (-found[1], -found[0])
        between = found if found[0] > 0 else (0.0, max(found[1], -found[0]))
        pair, names = (self.side(one), self.side(two)), (self.names[one], self.names[two])
        furthest = self.names.index(told.group), self.names.index(told.versus)
        others = pair[0].value - pair[1].value < told.value * (1 - 1e-9)
        return replace(
            told,
            pair=pair,
            names=names,
            between=between,
            further=(self.side(furthest[0]), self.side(furthest[1])) if others else None,
            phrases=dict(zip(self.names, self.phrases, strict=True)),
        )


def pair_told(told: Told) -> dict[str, Any] | None:
    """The pair that the sentence of a largest gap is about; None for other gaps."""
    if told.names is None or told.pair is None:
        return None
    return {
        "group": told.names[0],
        "versus": told.names[1],
        "value": told.pair[0].value - told.pair[1].value,
        "lower": told.between[0],
        "upper": told.between[1],
    }


def _strongest(pairs: Floats) -> tuple[int, int]:
    """Where the largest number stands that is not of a group and itself."""
    own = np.eye(len(pairs), dtype=bool)
    i, j = np.unravel_index(int(np.argmax(np.where(own | np.isnan(pairs), -np.inf, pairs))), pairs.shape)
    return (int(i), int(j)) if i != j else (0, 1)


def _at(limits: Pairs, i: int, j: int) -> tuple[float, float]:
    return float(limits[0][i, j]), float(limits[1][i, j])
