"""A plugin's metric on some groups: whatever it does wrong becomes a fault with its name, and stops nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evenhand.auditing.counting.groups import Groups
from evenhand.auditing.evidence.estimation import estimate
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.metrics.of_plugins import ROUNDING, checked
from evenhand.auditing.metrics.parts import Limits, Pair
from evenhand.errors import PluginFault
from evenhand.statistics.arrays import Floats

MOST_SAID = 200  # characters of a plugin's error
PROBED = (1.0, 1.96, 6.0)  # critical values at which limits are tried before they are relied on


class MetricFault(PluginFault):
    """A plugin's metric that cannot be computed: `metric` is its name, the text is why."""

    def __init__(self, metric: str, why: str) -> None:
        super().__init__(why)
        self.metric = metric


def estimated(metric: GroupMetric, groups: Groups) -> GroupEstimates:
    """The metric for every group; MetricFault where it fails, also from its limits."""
    try:
        found = estimate(checked(metric), groups)
        size = len(groups.total)
        if found.value.shape != (size,):
            raise ValueError(f"it returned numbers of shape {found.value.shape} for {size} groups")
    except (Exception, SystemExit) as error:
        raise fault_of(metric, error) from None
    if found.composed is None:
        return found
    found = replace(found, composed=_whole(metric, found.composed, found.value))
    for c in PROBED:
        found.limits(c)
    return found


def fault_of(metric: GroupMetric, error: BaseException) -> MetricFault:
    """What the metric did, in one line."""
    why = " ".join(f"metric {metric.name} raised {type(error).__name__}: {error}".split())
    return MetricFault(metric.name, why[:MOST_SAID])


def _whole(metric: GroupMetric, limits: Limits, value: Floats) -> Limits:
    """The limits, which must be numbers on either side of the value; what is unknown is endless.

    A plugin is asked for one critical value at a time.
    """

    def at(c: Floats | float) -> Pair:
        if np.ndim(c):
            each = [at(float(one)) for one in np.ravel(c)]
            return np.stack([low for low, _ in each]), np.stack([high for _, high in each])
        try:
            with np.errstate(all="ignore"):
                lower, upper = (np.asarray(end, dtype=float) for end in limits(float(c)))
            if lower.shape != value.shape or upper.shape != value.shape:
                raise ValueError(f"its limits have shapes {lower.shape} and {upper.shape} for {len(value)} groups")
            lower, upper = np.where(np.isnan(lower), -np.inf, lower), np.where(np.isnan(upper), np.inf, upper)
            if ((lower > value + ROUNDING) | (upper < value - ROUNDING)).any():
                raise ValueError("its limits do not enclose its value")
        except (Exception, SystemExit) as error:
            raise fault_of(metric, error) from None
        return lower, upper

    return at
