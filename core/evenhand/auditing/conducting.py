"""The audit from start to end: open, plan, count, estimate, compare, judge."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.auditing.counting.aggregation import Table, count
from evenhand.auditing.counting.projection import project
from evenhand.auditing.evidence.bands import joint_critical
from evenhand.auditing.evidence.histograms import histograms_of
from evenhand.auditing.evidence.of_plugins import MetricFault
from evenhand.auditing.judging.attributes import attributes_of, compared, entries, estimated, undecided
from evenhand.auditing.judging.impact import impacts
from evenhand.auditing.judging.notes import binning_notes, notes_of
from evenhand.auditing.judging.trend import trends_of
from evenhand.auditing.judging.verdicts import worst
from evenhand.auditing.metrics.metric import Estimate, GroupMetric
from evenhand.auditing.metrics.of_plugins import read_extra
from evenhand.auditing.question.plan import Plan, make_plan
from evenhand.auditing.question.policy import Policy, load_policy
from evenhand.auditing.remedies.preview import preview
from evenhand.auditing.result import Audit
from evenhand.auditing.slices.search import find_slices
from evenhand.auditing.table.binning import Bins, bin_columns
from evenhand.auditing.table.checks import take_roles
from evenhand.auditing.table.rows import Roles, Rows, columns_of
from evenhand.auditing.table.source import open_source
from evenhand.auditing.table.top import select_top
from evenhand.errors import BadInput
from evenhand.json_values import json_value


def audit(
    source: Any, *, label: str | None = None, score: str | None = None, prediction: str | None = None, sensitive: str | Sequence[str],
    threshold: float | None = None, positive: Any = None, cluster: str | None = None, weight: str | None = None, id: str | None = None,
    task: str | None = None, tolerance: Mapping[str, float] | float | None = None, metrics: str | Sequence[str] | None = None,
    extra: Sequence[GroupMetric | Estimate] = (), reference: Mapping[str, Any] | None = None, intersections: int = 1,
    confidence: float = 0.95, replicates: int = 2000, seed: int = 0, title: str | None = None, policy: str | Path | Policy | None = None,
    exact: bool = False, mitigation: str = "sweep", bins: Bins = None, top: int | float | None = None, within: str | None = None,
    slices: str | Sequence[str] = (), on_plan: Callable[[dict[str, Any]], None] | None = None,
) -> Audit:  # fmt: skip
    """Audit predictions by group: rates, gaps, intervals and verdicts.

    source: path of a CSV, Parquet or JSON-lines file, or any frame narwhals knows (pandas, Polars, Arrow, DuckDB).
    label, score, prediction, sensitive, cluster, weight, id: column names. Without a label only selection and score
    rates are audited. `score` is in [0, 1]; positive when score >= threshold (0.5 where none is given).
    tolerance: largest acceptable gap per metric, or one for those that a task is usually judged by (selection rate, TPR and
    FPR; accuracy of several classes); without one nothing is judged. exact: count every distinct score, however many.
    extra: a plugin's metrics and estimates. reference: column -> group to compare with (else the largest).
    replicates: draws for the simultaneous bands. policy: a shipped profile's name or a TOML file with rules of your own.
    mitigation: "fairlearn" previews its ThresholdOptimizer beside our own sweep.
    bins: sensitive column of numbers -> how many groups of equal size (4), the edges between them ([30, 50, 65], of which
    each belongs to the group above), or "each" for a group per value; what is not named is cut into quartiles where it has
    many values. top: how many rows, or which share of them, are selected by score in place of a threshold, of all or of
    each list that the column `within` tells apart; ties at the cut are selected together or not at all, and scores need
    not be in [0, 1].
    slices: columns in which to look for groups that nobody named and that fare worse, beside the sensitive ones.
    on_plan: called with the plan once it is fixed, before anything is counted. Raises BadInput for what cannot be audited.
    """
    opened = open_source(source)
    own, told = read_extra(extra)
    searched = columns_of([*columns_of(sensitive), *columns_of(slices)]) if slices else ()
    named = Roles(columns_of(sensitive), label, score, prediction, cluster, weight, id, searched, within)
    rows, binnings = bin_columns(take_roles(opened, named), bins, opened.text)
    rows, chosen = select_top(rows, top, threshold, task)
    rules = load_policy(policy)
    plan = make_plan(
        rows, task=task, threshold=threshold, positive=positive, metrics=metrics, extra=own,
        tolerance=tolerance, reference=reference, confidence=confidence, intersections=intersections, replicates=replicates, seed=seed,
        policy=rules, exact=exact, mitigation=mitigation, bins=binnings, top=chosen,
    )  # fmt: skip
    if on_plan is not None:
        on_plan({"question": dict(plan.question), "plan_sha256": plan.sha256, "data_sha256": opened.sha256})
    wanted = {q for m in plan.metrics if m.name not in plan.undefined for q in m.quantities}
    table = count(rows, plan.task, plan.positive, plan.decided, plan.threshold, wanted, exact)
    if table.n.sum() == 0:
        raise BadInput(f"no row of {opened.where} has a decision; column '{prediction or score}' is empty throughout")
    answer, undefined = _answered(table, plan, rules)
    trends = trends_of(rows, plan, binnings, [m for m in plan.metrics if m.name not in undefined])
    for part in answer["attributes"]:
        part["trend"] = trends.get(part["name"]) if len(part["columns"]) == 1 else None
    notes = notes_of(rows, table, plan, answer["attributes"], undefined)
    notes += [*binning_notes(binnings, table), *(chosen.notes(cluster is not None) if chosen is not None else ())]
    return Audit(
        json_value(
            {
                "format": "evenhand-audit", "version": 1, "title": title or f"Audit of {opened.where}",
                "question": plan.question, "plan_sha256": plan.sha256, "data": _data(rows, table, opened.where, opened.sha256),
                "notes": notes, **answer, "slices": find_slices(rows, plan, searched) if searched else None,
                "verdict": worst([v["verdict"] for v in answer["verdicts"]]),
                "estimates": [asdict(e) for e in told], "sections": [], "versions": _versions(),
            }
        )
    )  # fmt: skip


def _answered(table: Table, plan: Plan, rules: Policy | None) -> tuple[dict[str, Any], dict[str, str]]:
    """(everything that follows from the counts, why metrics are undefined). A plugin's metric that fails is one of these."""
    faults = dict(plan.undefined)
    while True:
        try:
            overall, defined, undefined = _overall(table, plan, faults)
            attributes = attributes_of(table, plan, defined)
            parts, verdicts = compared(attributes, plan, defined)
            break
        except MetricFault as fault:
            faults[fault.metric] = str(fault)
    verdicts += undecided(parts, plan, undefined)
    ratios = impacts(rules, table, plan, attributes) if rules is not None else []
    foreign = [m for m in defined if m.name in plan.foreign]
    histograms = None if plan.ranks_only else histograms_of(table, plan.threshold, plan.decided is None, foreign)
    return {
        "metrics": [_about(m, undefined) for m in plan.metrics],
        "overall": overall,
        "attributes": parts,
        "impacts": [found.block for found in ratios],
        "verdicts": [*verdicts, *(found.verdict for found in ratios if found.verdict is not None)],
        "histograms": histograms,
        "mitigation": preview(
            histograms, defined, plan.tolerances, plan.threshold, plan.question["mitigation"] == "fairlearn"
        ),
    }, undefined


def _overall(
    table: Table, plan: Plan, faults: Mapping[str, str]
) -> tuple[dict[str, Any], list[GroupMetric], dict[str, str]]:
    """(each metric over all rows, the metrics that exist there, why the others do not)."""
    everyone = project(table, np.zeros(len(table.n), dtype=np.int64), 1)
    possible = [m for m in plan.metrics if m.name not in faults]
    found = {m.name: estimated(m, everyone, plan) for m in possible}
    c = joint_critical([], plan.confidence)
    overall = {m.name: entries(m, found[m.name], plan.confidence, c)[0] for m in possible}
    undefined = dict(faults)
    for metric in possible:
        if np.isnan(found[metric.name].value[0]):
            undefined[metric.name] = overall[metric.name]["why"].replace("this group", "the data")
    return overall, [m for m in possible if m.name not in undefined], undefined


def _about(metric: GroupMetric, undefined: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": metric.name, "label": metric.title, "formula": metric.formula, "unit": metric.unit, "better": metric.better,
        "source": metric.source, "says": metric.says, "defined": metric.name not in undefined, "why": undefined.get(metric.name),
    }  # fmt: skip


def _data(rows: Rows, table: Table, where: str, sha256: str | None) -> dict[str, Any]:
    used = rows.count - table.dropped
    return {
        "source": where,
        "sha256": sha256,
        "rows": rows.count,
        "rows_used": used,
        "clusters": table.clusters or None,
    }


def _versions() -> dict[str, str]:
    import narwhals
    import polars

    from evenhand import __version__

    return {
        "evenhand": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "polars": polars.__version__,
        "narwhals": narwhals.__version__,
    }
