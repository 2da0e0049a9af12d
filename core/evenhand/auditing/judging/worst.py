"""The group that fares worst by each metric: which it is, and between which limits the worst true value lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.metrics.metric import GroupMetric


def worst_groups(
    names: Sequence[str], metrics: Sequence[GroupMetric], found: Mapping[str, GroupEstimates], levels: float
) -> dict[str, dict[str, Any]]:
    """Metric -> {group, value, lower, upper}, for metrics of which higher or lower is better.

    levels: the critical value at which the limits of all groups hold together. The worst true value then lies between
    the worst lower and the worst upper limit, whichever group it belongs to: nothing is promised of the group that is
    named.
    """
    return {m.name: one for m in metrics if m.better and (one := _worst(names, m, found[m.name], levels)) is not None}


def _worst(names: Sequence[str], metric: GroupMetric, found: GroupEstimates, levels: float) -> dict[str, Any] | None:
    known = np.flatnonzero(~np.isnan(found.value))
    if not len(known):
        return None
    lower, upper = (ends[known] for ends in found.limits(levels))
    least = metric.better == "higher"
    pick, end = (np.argmin, np.min) if least else (np.argmax, np.max)
    place = int(known[pick(found.value[known])])
    return {"group": names[place], "value": found.value[place], "lower": float(end(lower)), "upper": float(end(upper))}
