"""The user's choices, checked: numbers are numbers, names are known; anything else is refused in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.question.policy import Policy
from evenhand.auditing.table.group_names import group_name
from evenhand.auditing.table.rows import AuditTask
from evenhand.errors import BadInput, did_you_mean

JUDGED = {
    "binary": ("selection_rate", "tpr", "fpr"),
    "selection": ("selection_rate",),
    "multiclass": ("accuracy",),
    "regression": (),
}  # by one tolerance for all; other metrics are judged when they are named
Tolerance = Mapping[str, float] | float | None


def check_options(confidence: Any, intersections: Any, replicates: Any, seed: Any) -> tuple[float, int, int, int]:
    """The four as plain numbers, numpy's made Python's; BadInput for what is no number, or outside its range."""
    if not _number(confidence) or not 0.5 < confidence < 1:
        raise BadInput(f"the confidence {confidence!r} is not a number between 0.5 and 1; 0.95 is usual (--confidence)")
    if not _whole(intersections) or intersections not in (1, 2, 3):
        raise BadInput(f"the depth of intersections {intersections!r} is not 1, 2 or 3 (--intersections)")
    if not _whole(replicates) or not 200 <= replicates <= 1_000_000:
        raise BadInput(f"{replicates!r} replicates cannot be drawn; use a whole number from 200 to 1,000,000")
    if not _whole(seed) or seed < 0:
        raise BadInput(f"the seed {seed!r} is not a whole number of 0 or more (--seed)")
    return float(confidence), int(intersections), int(replicates), int(seed)


def read_names(names: str | Sequence[str] | None) -> list[str] | None:
    """Metric names; one name alone is taken whole."""
    return [names] if isinstance(names, str) else list(names) if names else None


def read_tolerances(
    task: AuditTask, tolerance: Tolerance, metrics: Sequence[str] | None, chosen: Sequence[GroupMetric]
) -> dict[str, float]:
    """Tolerance by metric. One number holds for the shares asked for, or for what the task is usually judged by."""
    if tolerance is None:
        return {}
    if isinstance(tolerance, Mapping):
        found = dict(tolerance)
    else:
        shares = [m.name for m in chosen if m.unit == "share" and not m.of_labels]
        found = {name: tolerance for name in shares if name in (metrics or JUDGED[task])}
        if not found:
            raise BadInput(
                f"one tolerance for all says nothing in a {task} audit of these metrics; name one: --tolerance {chosen[0].name}={tolerance}"
            )
    for name, gap in found.items():
        if not _number(gap) or gap < 0:
            raise BadInput(
                f"the tolerance of {name} is {gap!r}, which is no number of 0 or more; write it as {name}=0.05 (--tolerance)"
            )
    return {name: float(gap) for name, gap in found.items()}


def read_reference(reference: Mapping[str, Any] | None, sensitive: Sequence[str]) -> dict[str, str]:
    """The named reference group of each column, called as the report calls it."""
    if reference is not None and not isinstance(reference, Mapping):
        raise BadInput(f"the reference {reference!r} names no column; write it as sex=male (--reference)")
    for column in reference or {}:
        if column not in sensitive:
            raise BadInput(
                f"the reference names '{column}', which is no sensitive column of this audit.{did_you_mean(str(column), sensitive)} (--reference)"
            )
    return {column: group_name(value) for column, value in (reference or {}).items()}


def with_policy(
    policy: Policy | None,
    task: AuditTask,
    tolerance: Tolerance,
    reference: Mapping[str, Any] | None,
    intersections: int,
) -> tuple[Tolerance, Mapping[str, Any] | None, int]:
    """The policy's tolerances, references and depth, with what the user named in their place."""
    if policy is None:
        return tolerance, reference, intersections
    if policy.ratio and task not in ("binary", "selection"):
        raise BadInput(
            f"the policy '{policy.name}' compares selection rates, and a {task} audit has none; choose another policy, or audit a yes-or-no decision (--policy)"
        )
    if tolerance is not None and not isinstance(tolerance, Mapping):
        raise BadInput(
            f"beside the policy '{policy.name}' one tolerance for all is not clear; name the metric: --tolerance tpr={tolerance}"
        )
    both = {**policy.tolerance, **(tolerance or {})}
    return both or None, {**policy.reference, **(reference or {})} or None, max(intersections, policy.intersections)


def _number(value: Any) -> bool:
    """Any finite real number, numpy's too."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
