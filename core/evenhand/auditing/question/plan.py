"""The plan of an audit: what is asked, with every choice made, fixed and hashed before any number is computed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenhand.auditing.metrics.built_in import DEFAULTS, known_metrics
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.question.choices import (
    Tolerance,
    check_options,
    read_names,
    read_reference,
    read_tolerances,
    with_policy,
)
from evenhand.auditing.question.policy import Policy
from evenhand.auditing.table.binning import Binning
from evenhand.auditing.table.labels import check_scores, find_positive, find_task, plain
from evenhand.auditing.table.rows import AuditTask, Rows
from evenhand.auditing.table.top import NO_PROBABILITIES, Top
from evenhand.errors import BadInput, did_you_mean

MITIGATIONS = ("sweep", "fairlearn")
REFERENCE_RULE = "the group with the most rows"


@dataclass(frozen=True, slots=True)
class Plan:
    """Every choice that decides an audit's numbers."""

    task: AuditTask
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
    foreign: frozenset[str]  # metrics of plugins, whose functions may fail
    question: Mapping[str, Any]
    ranks_only: bool = False  # scores tell an order, not how likely

    @property
    def sha256(self) -> str:
        """Digest of the question's canonical JSON."""
        text = json.dumps(self.question, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def make_plan(
    rows: Rows, *, task: str | None, threshold: float | None, positive: Any, metrics: str | Sequence[str] | None, extra: Sequence[GroupMetric],
    tolerance: Tolerance, reference: Mapping[str, Any] | None, confidence: float, intersections: int,
    replicates: int, seed: int, policy: Policy | None = None, exact: bool = False, mitigation: str = "sweep",
    bins: Mapping[str, Binning] | None = None, top: Top | None = None,
) -> Plan:  # fmt: skip
    """Decide what was left open, or raise BadInput where that is not for us to decide.

    bins: how columns were cut. top: who was selected by rank; the rows then bring their decisions with them.
    """
    confidence, intersections, replicates, seed = check_options(confidence, intersections, replicates, seed)
    if mitigation not in MITIGATIONS:
        raise BadInput(f"the mitigation {mitigation!r} is neither {' nor '.join(MITIGATIONS)} (--mitigation)")
    if top is not None:
        task, threshold = _task_of_top(rows, task), None if top.raw else top.cut
    found = find_task(rows, task, threshold, positive)
    asked = read_names(metrics)
    tolerance, reference, intersections = with_policy(policy, found, tolerance, reference, intersections)
    check_scores(rows, found, threshold)
    yes, decided = _positives(rows, found, positive, threshold if top is None else None)
    decided = [1] if top is not None and threshold is None else decided
    if found in ("binary", "selection") and rows.roles.score is not None and threshold is None and decided is None:
        threshold = 0.5
    chosen = _chosen(found, asked, extra, tolerance, policy.metrics if policy is not None else (), threshold)
    undefined = {m.name: why for m in chosen if (why := _cannot(m, rows, top))}
    tolerances = read_tolerances(found, tolerance, asked, chosen)
    named = read_reference(reference, rows.roles.sensitive)
    names = [m.name for m in chosen]
    question = {
        "task": found, "label": rows.roles.label, "positive": [plain(v) for v in sorted(yes, key=str)] if rows.roles.label else None,
        "score": rows.roles.score, "prediction": rows.roles.prediction, "threshold": threshold, "sensitive": list(rows.roles.sensitive),
        "bins": {column: binning.described() for column, binning in (bins or {}).items()}, "slices": list(rows.roles.slices),
        **(top.described() if top is not None else {"top": None, "within": None, "cut": None}),
        "cluster": rows.roles.cluster, "weight": rows.roles.weight, "id": rows.roles.id, "confidence": confidence,
        "intersections": intersections, "reference": named or REFERENCE_RULE, "metrics": names,
        "tolerances": tolerances, "policy": None if policy is None else policy.described(), "seed": seed, "replicates": replicates,
        "exact": exact, "mitigation": mitigation,
    }  # fmt: skip
    return Plan(
        found,
        yes,
        decided,
        threshold,
        tuple(chosen),
        undefined,
        tolerances,
        named,
        confidence,
        intersections,
        replicates,
        seed,
        frozenset(m.name for m in extra),
        question,
        top is not None and top.raw,
    )


def _positives(
    rows: Rows, task: AuditTask, positive: Any, threshold: float | None
) -> tuple[list[Any], list[Any] | None]:
    if task not in ("binary", "selection"):
        return [], None
    yes = find_positive(rows, "label", positive, threshold) if rows.roles.label is not None else []
    if rows.roles.prediction is None:
        return yes, None
    word = positive if positive is not None else (plain(yes[0]) if yes else None)
    return yes, find_positive(rows, "prediction", word)


def _chosen(
    task: AuditTask,
    metrics: Sequence[str] | None,
    extra: Sequence[GroupMetric],
    tolerance: Tolerance,
    also: Sequence[str] = (),
    threshold: float | None = None,
) -> list[GroupMetric]:
    known = {**known_metrics(task, threshold), **{m.name: m for m in extra}}
    judged = list(tolerance) if isinstance(tolerance, Mapping) else []
    names = [*(metrics or DEFAULTS[task]), *also, *(m.name for m in extra), *judged]
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise BadInput(
                f"there is no metric '{name}' for a {task} audit; there are: {', '.join(known)}.{did_you_mean(str(name), known)}"
            )
    return [known[name] for name in dict.fromkeys(names)]


def _task_of_top(rows: Rows, task: str | None) -> str | None:
    """Selection at k is a yes-or-no decision, whatever the labels look like."""
    return task if rows.roles.label is None else task or "binary"


def _cannot(metric: GroupMetric, rows: Rows, top: Top | None) -> str:
    """Why these columns cannot give the metric, or ""."""
    if "label" in metric.needs and rows.roles.label is None:
        return "no label column was given"
    if "score" in metric.needs and rows.roles.score is None:
        return "no score column was given"
    if "score" in metric.needs and top is not None and top.raw and not metric.ranks:
        return NO_PROBABILITIES
    return ""
