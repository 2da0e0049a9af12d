"""What a question leaves to the audit, decided: tolerances, references and depth, of the user and of the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evenhand.asking.question import Question
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.question.favourable import Favourable, mirrored
from evenhand.auditing.question.policy import Policy
from evenhand.auditing.table.group_names import group_name
from evenhand.auditing.table.rows import AuditTask
from evenhand.errors import BadInput, did_you_mean, typed

JUDGED = {
    "binary": ("selection_rate", "tpr", "fpr"),
    "selection": ("selection_rate",),
    "multiclass": ("accuracy",),
    "regression": (),
}  # by one tolerance for all; other metrics are judged when they are named
Tolerance = Mapping[str, float] | float


def read_tolerances(
    task: AuditTask, tolerance: Tolerance, metrics: Sequence[str], chosen: Sequence[GroupMetric]
) -> dict[str, float]:
    """Tolerance by metric. One number holds for the shares asked for, or for what the task is usually judged by."""
    if isinstance(tolerance, Mapping):
        return dict(tolerance)
    shares = [m.name for m in chosen if m.unit == "share" and not m.of_labels]
    found = {name: tolerance for name in shares if name in (metrics or JUDGED[task])}
    if not found:
        raise BadInput(
            f"one tolerance for all says nothing in a {task} audit of these metrics; "
            f"name one: {typed('--tolerance', f'{chosen[0].name}={tolerance}')}"
        )
    return found


def read_reference(
    reference: Mapping[str, Any], sensitive: Sequence[str], called: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """The named reference group of each column, called as the report calls it. called: g0, … -> its groups' names."""
    for column in reference:
        if column not in sensitive:
            raise BadInput(
                f"the reference names '{column}', which is no sensitive column of this audit."
                f"{did_you_mean(column, sensitive)} (--reference)"
            )
    found = {column: group_name(value) for column, value in reference.items()}
    return {column: called.get(f"g{sensitive.index(column)}", {}).get(group, group) for column, group in found.items()}


def with_policy(
    policy: Policy | None, task: AuditTask, asked: Question, favourable: Favourable | None
) -> tuple[Tolerance, Mapping[str, Any], int]:
    """(tolerance, references, depth): the policy's, with what the user named in their place."""
    if policy is None:
        return asked.tolerance, asked.reference, asked.intersections
    if policy.ratio and task not in ("binary", "selection"):
        raise BadInput(
            f"the policy '{policy.name}' compares selection rates, and a {task} audit has none; "
            "choose another policy, or audit a yes-or-no decision (--policy)"
        )
    if not isinstance(asked.tolerance, Mapping):
        raise BadInput(
            f"beside the policy '{policy.name}' one tolerance for all is not clear; "
            f"name the metric: --tolerance tpr={asked.tolerance}"
        )
    both = {**mirrored(policy, favourable), **asked.tolerance}
    return both, {**policy.reference, **asked.reference}, max(asked.intersections, policy.intersections)
