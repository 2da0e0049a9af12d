"""The plan of an audit: what is asked, with every choice made, fixed and hashed before any number is computed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenhand.asking.question import PARTS, Question
from evenhand.auditing.metrics.built_in import DEFAULTS, known_metrics
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.question.budget import Budget, budget_of
from evenhand.auditing.question.choices import Tolerance, read_reference, read_tolerances, with_policy
from evenhand.auditing.question.favourable import Favourable, find_favourable
from evenhand.auditing.question.policy import Policy
from evenhand.auditing.question.taking import searched_columns
from evenhand.auditing.table.binning import EACH, Binning
from evenhand.auditing.table.labels import check_scores, find_decided, find_positive, find_task, plain
from evenhand.auditing.table.rows import AuditTask, Rows
from evenhand.auditing.table.top import NO_PROBABILITIES, Top
from evenhand.errors import BadInput, did_you_mean

ELSEWHERE = (
    "title",
    "tolerance",
    "operating_point",
    "look",
    "labels",
)  # parts that stand in an audit under other names
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
    budget: Budget
    question: Mapping[str, Any]
    ranks_only: bool = False  # scores tell an order, not how likely
    favourable: Favourable | None = None  # of a yes-or-no decision

    @property
    def sha256(self) -> str:
        """Digest of the question's canonical JSON."""
        text = json.dumps(self.question, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def make_plan(
    rows: Rows,
    asked: Question,
    *,
    extra: Sequence[GroupMetric] = (),
    policy: Policy | None = None,
    bins: Mapping[str, Binning] | None = None,
    top: Top | None = None,
) -> Plan:
    """Decide what the question left open, or raise BadInput where that is not for us to decide.

    policy: the rules that the question names. bins: how columns were cut. top: who was selected by rank; the rows then
    bring their decisions with them.
    """
    task, threshold = asked.task, asked.threshold
    if top is not None:
        task, threshold = _task_of_top(rows, task), None if top.raw else top.cut
    found = find_task(rows, task, threshold, asked.positive)
    check_scores(rows, found)
    yes, decided = _positives(rows, found, asked, threshold if top is None else None)
    answers = None if decided is None else [plain(v) for v in sorted(decided, key=str)]
    decided = [1] if top is not None and threshold is None else decided
    if found in ("binary", "selection") and rows.roles.score is not None and threshold is None and decided is None:
        threshold = 0.5
    favourable = find_favourable(
        rows, found, asked, policy, (yes, None if top is not None else decided), top, threshold
    )
    tolerance, reference, intersections = with_policy(policy, found, asked, favourable)
    chosen = _chosen(found, asked.metrics, extra, tolerance, policy.metrics if policy is not None else (), threshold)
    tolerances = read_tolerances(found, tolerance, asked.metrics, chosen)
    named = read_reference(reference, rows.roles.sensitive, rows.called)
    rules = policy.ratio if policy is not None else ()
    budget = budget_of(
        asked.confidence,
        asked.look,
        tolerances=bool(tolerances),
        ratios=any(rule.least is not None for rule in rules),
        slices=bool(searched_columns(asked)),
    )
    decisions = {
        "task": found,
        "positive": [plain(v) for v in sorted(yes, key=str)] if rows.roles.label else None,
        "positive_prediction": answers,
        "favourable": None if favourable is None else favourable.described(),
        "threshold": threshold,
        "bins": {column: binning.described() for column, binning in (bins or {}).items()},
        "intersections": intersections,
        "reference": named or REFERENCE_RULE,
        "metrics": [m.name for m in chosen],
        "policy": None if policy is None else policy.described(),
        "error_budget": budget.described(),
    }
    return Plan(
        task=found,
        positive=yes,
        decided=decided,
        threshold=threshold,
        metrics=tuple(chosen),
        undefined={m.name: why for m in chosen if (why := _cannot(m, rows, top))},
        tolerances=tolerances,
        reference=named,
        confidence=asked.confidence,
        intersections=intersections,
        replicates=asked.replicates,
        seed=asked.seed,
        foreign=frozenset(m.name for m in extra),
        budget=budget,
        question=_answered(asked, rows, tolerances, top, decisions),
        ranks_only=top is not None and top.raw,
        favourable=favourable,
    )


def _answered(
    asked: Question, rows: Rows, tolerances: Mapping[str, float], top: Top | None, decisions: Mapping[str, Any]
) -> dict[str, Any]:
    """The `question` of audit.json: every part of what was asked, with decisions in the place of what was left open."""
    parts = {name: getattr(asked, name) for name in PARTS if name not in ELSEWHERE}
    return {
        **parts,
        "sensitive": list(rows.roles.sensitive),
        "slices": list(rows.roles.slices),
        "tolerances": tolerances,
        **(top.described() if top is not None else {"top": None, "within": None, "cut": None}),
        **decisions,
    }


def asked_again(question: Mapping[str, Any]) -> Question:
    """The Question that finds the same rows, decisions and classes, from the `question` of an audit.json.

    The policy is left out: its tolerances stand in the question as its own do, and its file may have changed.
    """
    roles = ("label", "score", "prediction", "cluster", "weight", "id", "within", "top", "task", "confidence", "names")
    known = {part: question[part] for part in roles if question.get(part) is not None}
    cut = question.get("bins") or {}
    return Question(
        sensitive=question["sensitive"],
        threshold=None if "top" in known else question["threshold"],
        positive=(question["positive"] or [None])[0],
        positive_prediction=(question.get("positive_prediction") or [None])[0],
        bins={column: cut[column]["edges"] if column in cut else EACH for column in question["sensitive"]},
        exact=bool(question.get("exact")),
        **known,
    )


def _positives(
    rows: Rows, task: AuditTask, asked: Question, threshold: float | None
) -> tuple[list[Any], list[Any] | None]:
    """(the label's values that mean yes, the prediction's; None where the score decides)."""
    if task not in ("binary", "selection"):
        return [], None
    yes = find_positive(rows, "label", asked.positive, threshold) if rows.roles.label is not None else []
    if rows.roles.prediction is None:
        return yes, None
    word = asked.positive if asked.positive is not None else (plain(yes[0]) if yes else None)
    return yes, find_decided(rows, word, asked.positive_prediction)


def _chosen(
    task: AuditTask,
    metrics: Sequence[str],
    extra: Sequence[GroupMetric],
    tolerance: Tolerance,
    also: Sequence[str] = (),
    threshold: float | None = None,
) -> list[GroupMetric]:
    known = {**known_metrics(task, threshold), **{m.name: m for m in extra}}
    judged = list(tolerance) if isinstance(tolerance, Mapping) else []
    names = [*(metrics or DEFAULTS[task]), *also, *(m.name for m in extra), *judged]
    for name in names:
        if name not in known:
            raise BadInput(
                f"there is no metric '{name}' for a {task} audit; there are: {', '.join(known)}."
                f"{did_you_mean(name, known)}"
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
