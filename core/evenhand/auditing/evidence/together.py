"""Limits of many metrics at once: one call over [metric, group] takes the time of one over [group]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evenhand.auditing.evidence.group_estimates import GroupEstimates, Remembered


def together(estimates: Sequence[GroupEstimates]) -> list[GroupEstimates]:
    """The same estimates, whose limits are found together where they are plain shares, and remembered in any case."""
    found = [replace(one, remembered=(Remembered(one), slice(None))) for one in estimates]
    for settled in (True, False):  # what needs no degrees of freedom does not wait for what does
        alike = [i for i, one in enumerate(estimates) if _plain(one) and np.isinf(one.freedom).all() == settled]
        if len(alike) < 2:
            continue
        whole, ends = Remembered(_joined([estimates[i] for i in alike])), _ends([estimates[i] for i in alike])
        for i, first, last in zip(alike, ends, ends[1:], strict=False):
            found[i] = replace(estimates[i], remembered=(whole, slice(first, last)))
    return found


def _plain(one: GroupEstimates) -> bool:
    return one.bounded and one.composed is None


def _ends(parts: Sequence[GroupEstimates]) -> list[int]:
    return [0, *np.cumsum([len(one.value) for one in parts]).tolist()]


def _joined(parts: Sequence[GroupEstimates]) -> GroupEstimates:
    return GroupEstimates(
        value=np.concatenate([one.value for one in parts]),
        variance=np.concatenate([one.variance for one in parts]),
        size=np.concatenate([one.size for one in parts]),
        freedom=np.concatenate([one.freedom for one in parts]),
        rows=np.concatenate([one.rows for one in parts]),
        bounded=True,
    )
