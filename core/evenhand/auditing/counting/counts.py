"""The weighted numbers of rows that metrics are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evenhand.statistics.arrays import Floats

CELLS = ("tp", "fp", "fn", "tn", "selected_unlabelled", "rejected_unlabelled", "correct", "wrong", "unlabelled")


@dataclass(frozen=True)
class Counts:
    """Weighted numbers of rows, as arrays [..., group]; the leading axes are whatever the caller varies.

    tp, fp, fn, tn: rows by label and decision. selected, rejected: rows by decision, labelled or not.
    correct, wrong: multiclass rows. `sums` and `weights`: for each row-level quantity the sum of its values and
    of the weights of the rows that have one. positive, negative: weights by score level, [..., group, level], whose
    scores are `scores` [level].
    """

    tp: Floats
    fp: Floats
    fn: Floats
    tn: Floats
    selected: Floats
    rejected: Floats
    correct: Floats
    wrong: Floats
    sums: Mapping[str, Floats] = field(default_factory=dict)
    weights: Mapping[str, Floats] = field(default_factory=dict)
    positive: Floats | None = None
    negative: Floats | None = None
    scores: Floats | None = None
