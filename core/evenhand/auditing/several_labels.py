"""The audit of a multi-label task: one binary audit for each label over the same rows, all in one family.

Every interval and p-value counts the comparisons of all labels: a label is no second chance to find a gap by luck.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from evenhand.asking.question import Question
from evenhand.auditing.answering import about, data_of, overall_of, versions
from evenhand.auditing.counting.aggregation import Table, count
from evenhand.auditing.evidence.of_plugins import MetricFault
from evenhand.auditing.judging.attributes import Attribute, attributes_of, compared
from evenhand.auditing.judging.notes import binning_notes, notes_of
from evenhand.auditing.judging.trend import trends_of
from evenhand.auditing.judging.verdict_rows import undecided
from evenhand.auditing.judging.verdicts import worst
from evenhand.auditing.metrics.metric import Estimate, GroupMetric
from evenhand.auditing.question.budget import SLICES, budget_of
from evenhand.auditing.question.plan import Plan, make_plan
from evenhand.auditing.question.policy import Policy, load_policy
from evenhand.auditing.question.taking import searched_columns, take_asked
from evenhand.auditing.result import Audit
from evenhand.auditing.slices.search import find_slices
from evenhand.auditing.table.binning import Binning
from evenhand.auditing.table.checks import MOST_CLASSES
from evenhand.auditing.table.rows import Rows
from evenhand.auditing.table.source import Source
from evenhand.errors import BadInput
from evenhand.json_values import json_value

TASK = "multilabel"
MOST_LISTED = 20  # slices


@dataclass(frozen=True, slots=True)
class One:
    """One label: its rows, how numbers are cut, its plan; and, once counted, its cells and what is defined."""

    label: str
    rows: Rows
    binnings: Mapping[str, Binning]
    plan: Plan
    table: Table | None = None
    overall: Mapping[str, Any] | None = None
    metrics: tuple[GroupMetric, ...] = ()
    undefined: Mapping[str, str] | None = None
    attributes: tuple[Attribute, ...] = ()


def conduct_labels(
    opened: Source,
    asked: Question,
    own: Sequence[GroupMetric],
    told: Sequence[Estimate],
    on_plan: Callable[[dict[str, Any]], None] | None = None,
) -> Audit:
    """The audit that answers the question for each of its labels."""
    rules = load_policy(asked.policy)
    _check(asked, rules)
    every = [_planned(opened, asked, label, own, rules) for label in asked.labels]
    question = _question(asked, every[0].plan)
    digest = _digest(question)
    if on_plan is not None:
        on_plan({"question": question, "plan_sha256": digest, "data_sha256": opened.sha256})
    counted = [_counted(one, place, asked.exact) for place, one in enumerate(every)]
    first, plan = counted[0], counted[0].plan
    metrics = [m for m in plan.metrics if any(m in one.metrics for one in counted)]
    parts, verdicts = compared([a for one in counted for a in one.attributes], plan, metrics)
    _fill(parts, verdicts, counted)
    nowhere = {m.name: str((first.undefined or {})[m.name]) for m in plan.metrics if m not in metrics}
    assert first.table is not None
    return Audit(
        json_value(
            {
                "format": "evenhand-audit",
                "version": 1,
                "title": asked.title or f"Audit of {opened.where}",
                "question": question,
                "plan_sha256": digest,
                "data": data_of(first.rows, first.table, opened.where, opened.sha256),
                "notes": _notes(counted, parts),
                "metrics": [about(m, nowhere) for m in plan.metrics],
                "overall": {},
                "attributes": parts,
                "impacts": [],
                "verdicts": verdicts,
                "histograms": None,
                "mitigation": [],
                "slices": _slices(counted, asked),
                "verdict": worst([v["verdict"] for v in verdicts]),
                "estimates": [asdict(e) for e in told],
                "sections": [],
                "versions": versions(),
            }
        )
    )


def _check(asked: Question, rules: Policy | None) -> None:
    """Raise BadInput for what cannot be asked of several labels at once."""
    if asked.label is not None or asked.task not in (None, TASK):
        what = f"--label {asked.label}" if asked.label is not None else f"--task {asked.task}"
        raise BadInput(f"--labels audits each label of a multi-label task, and {what} asks for something else; drop it")
    for part in ("score", "prediction"):
        pattern = getattr(asked, part)
        if pattern is not None and "{}" not in pattern:
            raise BadInput(
                f"--{part} '{pattern}' is one column, and each of the {len(asked.labels)} labels needs its own; write"
                f" {{}} where the label's name stands, such as '{part}_{{}}'"
            )
    for part, why in (("top", "selects by one score"), ("favourable", "is about one decision")):
        if getattr(asked, part) is not None:
            raise BadInput(f"--{part} {why}, and there are several labels; audit one of them with --label")
    if rules is not None and rules.ratio:
        raise BadInput(
            f"the policy '{rules.name}' compares who is selected by one decision, and there are several labels; audit"
            " one of them with --label (--policy)"
        )
    if len(asked.labels) > MOST_CLASSES:
        raise BadInput(
            f"{len(asked.labels):,} labels are named, and an audit compares at most {MOST_CLASSES:,}; name those that"
            " matter (--labels)"
        )


def _planned(opened: Source, asked: Question, label: str, own: Sequence[GroupMetric], rules: Policy | None) -> One:
    """The binary question of one label, planned."""
    columns = {part: (getattr(asked, part) or "").replace("{}", label) or None for part in ("score", "prediction")}
    alone = asked.but(labels=(), label=label, task="binary", slices=(), **columns)
    rows, binnings, _ = take_asked(opened, alone.but(slices=asked.slices))
    plan = make_plan(rows, alone, extra=own, policy=rules, bins=binnings)
    budget = budget_of(
        asked.confidence, asked.look, tolerances=bool(plan.tolerances), ratios=False, slices=bool(asked.slices)
    )
    question = {**plan.question, "error_budget": budget.described()}
    return One(label, rows, binnings, replace(plan, budget=budget, question=question))


def _question(asked: Question, plan: Plan) -> dict[str, Any]:
    """The `question` of audit.json: that of the first label, with the labels in the place of the label."""
    return {
        **plan.question,
        "task": TASK,
        "label": None,
        "labels": list(asked.labels),
        "score": asked.score,
        "prediction": asked.prediction,
        "favourable": None,
        "slices": list(searched_columns(asked)),
    }


def _digest(question: Mapping[str, Any]) -> str:
    text = json.dumps(question, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _counted(one: One, place: int, exact: bool) -> One:
    """The label's cells, and what they say of each group; a plugin's metric that fails is undefined."""
    plan = one.plan
    wanted = {q for m in plan.metrics if m.name not in plan.undefined for q in m.quantities}
    table = count(one.rows, plan.task, plan.positive, plan.decided, plan.threshold, wanted, exact)
    if table.n.sum() == 0:
        raise BadInput(f"no row of {one.rows.where} has a decision on label '{one.label}'; its column is empty")
    faults = dict(plan.undefined)
    while True:
        try:
            overall, defined, undefined = overall_of(table, plan, faults)
            attributes = attributes_of(table, plan, defined, one.label, place)
            break
        except MetricFault as fault:
            faults[fault.metric] = str(fault)
    return replace(
        one, table=table, overall=overall, metrics=tuple(defined), undefined=undefined, attributes=tuple(attributes)
    )


def _fill(parts: list[dict[str, Any]], verdicts: list[dict[str, Any]], counted: Sequence[One]) -> None:
    """What each part needs beside its groups: its label's figures over all rows, trends, why a metric is missing."""
    for one in counted:
        mine = [part for part in parts if part.get("label") == one.label]
        trends = trends_of(one.rows, one.plan, one.binnings, list(one.metrics))
        lost = dict(one.undefined or {})
        for part in mine:
            part["overall"] = one.overall
            part["undefined"] = lost
            part["trend"] = trends.get(part["columns"][0]) if len(part["columns"]) == 1 else None
        verdicts += undecided(mine, one.plan, lost)


def _notes(counted: Sequence[One], parts: Sequence[dict[str, Any]]) -> list[str]:
    """The notes of every label; what holds for all of them is said once, without a label."""
    found: dict[str, list[str]] = {}
    for one in counted:
        assert one.table is not None
        mine = [part for part in parts if part.get("label") == one.label]
        notes = notes_of(one.rows, one.table, one.plan, mine, one.undefined or {})
        for note in (*notes, *binning_notes(one.binnings, one.table, one.rows)):
            found.setdefault(note.replace(f"{one.label}: ", "").replace(f"'{one.label}'", "the label"), []).append(
                one.label
            )
    return [note if len(of) == len(counted) else f"{_listed(of)}: {note}" for note, of in found.items()]


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")


def _slices(counted: Sequence[One], asked: Question) -> dict[str, Any] | None:
    """The slices of each label, searched at a share of the doubt that all labels share (Bonferroni)."""
    columns = searched_columns(asked)
    if not asked.slices:
        return None
    each = [(one.label, find_slices(one.rows, _shared(one.plan, len(counted)), columns)) for one in counted]
    found = [_of_label(label, entry, len(counted)) for label, answer in each for entry in answer["found"]]
    strongest = [
        _of_label(label, answer["strongest"], len(counted)) for label, answer in each if answer["strongest"] is not None
    ]
    first = each[0][1]
    return {
        **first,
        "searched": sum(answer["searched"] for _, answer in each),
        "tests": sum(answer["tests"] for _, answer in each),
        "metrics": list(dict.fromkeys(name for _, answer in each for name in answer["metrics"])),
        "correction": f"{first['correction']} Each of the {len(counted)} labels is searched at 1/{len(counted)} of the"
        " level.",
        "found": sorted(found, key=lambda entry: -entry["lower_simultaneous"])[:MOST_LISTED],
        "strongest": None if found else min(strongest, key=lambda entry: entry["p_value"], default=None),
        "notes": list(dict.fromkeys(note for _, answer in each for note in answer["notes"])),
    }


def _shared(plan: Plan, labels: int) -> Plan:
    """The plan with the share of the slices' budget that one of so many labels has."""
    split = {**plan.budget.split, SLICES: plan.budget.of(SLICES) / labels}
    return replace(plan, budget=replace(plan.budget, split=split))


def _of_label(label: str, entry: Mapping[str, Any], labels: int) -> dict[str, Any]:
    """A slice under its label's name, its p-values counting the search of every label."""
    adjusted = {key: min(1.0, entry[key] * labels) for key in ("p_holm", "p_bh")}
    return {
        **entry,
        **adjusted,
        "label": label,
        "name": f"{label}: {entry['name']}",
        "says": f"{label}: {entry['says']}",
    }
