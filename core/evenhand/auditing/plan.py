"""The plan of an audit: what is asked, with every choice made, fixed and hashed before any number is computed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenhand.auditing.classes import check_scores, find_positive, find_task, plain
from evenhand.auditing.metrics import DEFAULTS, GroupMetric, known_metrics
from evenhand.auditing.policy import Policy
from evenhand.auditing.roles import Rows, Task
from evenhand.errors import BadInput, did_you_mean

REFERENCE_RULE = "the group with the most rows"


@dataclass(frozen=True, slots=True)
class Plan:
    """Every choice that decides an audit's numbers."""

    task: Task
    positive: list[Any]  # raw label values that mean yes
    decided: list[Any] | None  # raw prediction values that mean yes; None: score >= threshold
    threshold: float | None
    metrics: tuple[GroupMetric, ...]
    undefined: Mapping[str, str]  # metric -> why the data cannot give it
    tolerances: Mapping[str, float]
    reference: Mapping[str, str]
    confidence: float
    intersections: int
    replicates: int
    seed: int
    question: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Digest of the question's canonical JSON."""
        text = json.dumps(self.question, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def make_plan(
    rows: Rows, *, task: str | None, threshold: float | None, positive: Any, metrics: Sequence[str] | None, extra: Sequence[GroupMetric],
    tolerance: Mapping[str, float] | float | None, reference: Mapping[str, str] | None, confidence: float, intersections: int,
    replicates: int, seed: int, policy: Policy | None = None,
) -> Plan:  # fmt: skip
    """Decide what was left open, or raise BadInput where that is not for us to decide."""
    _check_numbers(confidence, intersections, replicates)
    found = find_task(rows, task, threshold)
    tolerance, reference, intersections = _with_policy(policy, found, tolerance, reference, intersections)
    check_scores(rows, found, threshold)
    yes, decided = _positives(rows, found, positive, threshold)
    if found in ("binary", "selection") and rows.roles.score is not None and threshold is None and decided is None:
        threshold = 0.5
    chosen = _chosen(found, metrics, extra, tolerance, policy.metrics if policy is not None else ())
    undefined = {m.name: why for m in chosen if (why := _cannot(m, rows, found))}
    tolerances = _tolerances(chosen, tolerance)
    unknown = set(reference or {}) - set(rows.roles.sensitive)
    if unknown:
        name = sorted(unknown)[0]
        raise BadInput(
            f"the reference names '{name}', which is no sensitive column of this audit.{did_you_mean(name, rows.roles.sensitive)} (--reference)"
        )
    names = [m.name for m in chosen]
    question = {
        "task": found, "label": rows.roles.label, "positive": [plain(v) for v in sorted(yes, key=str)] if rows.roles.label else None,
        "score": rows.roles.score, "prediction": rows.roles.prediction, "threshold": threshold, "sensitive": list(rows.roles.sensitive),
        "cluster": rows.roles.cluster, "weight": rows.roles.weight, "id": rows.roles.id, "confidence": confidence,
        "intersections": intersections, "reference": dict(reference) if reference else REFERENCE_RULE, "metrics": names,
        "tolerances": tolerances, "policy": None if policy is None else policy.described(), "seed": seed, "replicates": replicates,
    }  # fmt: skip
    return Plan(
        found,
        yes,
        decided,
        threshold,
        tuple(chosen),
        undefined,
        tolerances,
        dict(reference or {}),
        confidence,
        intersections,
        replicates,
        seed,
        question,
    )


def _with_policy(
    policy: Policy | None, task: Task, tolerance: Mapping[str, float] | float | None, reference: Mapping[str, str] | None, intersections: int,
) -> tuple[Mapping[str, float] | float | None, Mapping[str, str] | None, int]:  # fmt: skip
    """The policy's tolerances, references and depth, with what the user named himself in their place."""
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


def _check_numbers(confidence: float, intersections: int, replicates: int) -> None:
    if not 0.5 < confidence < 1:
        raise BadInput(f"the confidence {confidence} is not between 0.5 and 1; 0.95 is usual (--confidence)")
    if intersections not in (1, 2, 3):
        raise BadInput(f"the depth of intersections {intersections} is not 1, 2 or 3 (--intersections)")
    if replicates < 200:
        raise BadInput(f"{replicates} replicates are too few for a 95 % limit; use 200 or more")


def _positives(rows: Rows, task: Task, positive: Any, threshold: float | None) -> tuple[list[Any], list[Any] | None]:
    if task not in ("binary", "selection"):
        return [], None
    yes = find_positive(rows, "label", positive, threshold) if rows.roles.label is not None else []
    if rows.roles.prediction is None:
        return yes, None
    word = positive if positive is not None else (plain(yes[0]) if yes else None)
    return yes, find_positive(rows, "prediction", word)


def _chosen(
    task: Task,
    metrics: Sequence[str] | None,
    extra: Sequence[GroupMetric],
    tolerance: Mapping[str, float] | float | None,
    also: Sequence[str] = (),
) -> list[GroupMetric]:
    known = {**known_metrics(task), **{m.name: m for m in extra}}
    judged = list(tolerance) if isinstance(tolerance, Mapping) else []
    names = dict.fromkeys([*(metrics or DEFAULTS[task]), *also, *(m.name for m in extra), *judged])
    for name in names:
        if name not in known:
            raise BadInput(
                f"there is no metric '{name}' for a {task} audit; there are: {', '.join(known)}.{did_you_mean(name, known)}"
            )
    return [known[name] for name in names]


def _cannot(metric: GroupMetric, rows: Rows, task: Task) -> str:
    """Why these columns cannot give the metric, or ""."""
    if "label" in metric.needs and rows.roles.label is None:
        return "no label column was given"
    if "score" in metric.needs and rows.roles.score is None:
        return "no score column was given"
    return ""


def _tolerances(chosen: Sequence[GroupMetric], tolerance: Mapping[str, float] | float | None) -> dict[str, float]:
    if tolerance is None:
        return {}
    if not isinstance(tolerance, Mapping):
        tolerance = {
            m.name: float(tolerance) for m in chosen if m.unit == "share" and (m.better or m.name == "selection_rate")
        }
    for name, gap in tolerance.items():
        if not gap >= 0:
            raise BadInput(f"the tolerance of {name} is {gap}; it must be 0 or more (--tolerance)")
    return {name: float(gap) for name, gap in tolerance.items()}
