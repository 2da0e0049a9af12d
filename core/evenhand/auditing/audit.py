"""The audit from start to end: open, plan, count, estimate, compare, judge."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.auditing.attributes import attributes_of, compared, entries
from evenhand.auditing.bands import joint_critical
from evenhand.auditing.classes import plain
from evenhand.auditing.counts import MISSING, Table, count
from evenhand.auditing.estimates import estimate, project
from evenhand.auditing.impact import impacts
from evenhand.auditing.metrics import Estimate, GroupMetric
from evenhand.auditing.mitigation import preview
from evenhand.auditing.plan import Plan, make_plan
from evenhand.auditing.policy import Policy, load_policy
from evenhand.auditing.read import open_source
from evenhand.auditing.result import Audit, clean
from evenhand.auditing.roles import Roles, Rows, take_roles
from evenhand.auditing.verdicts import worst
from evenhand.errors import BadInput

if TYPE_CHECKING:
    from evenhand.recipe import AuditRule
    from evenhand.values import Predictions

SLIDER_BINS = 100


def audit(
    source: Any, *, label: str | None = None, score: str | None = None, prediction: str | None = None, sensitive: str | Sequence[str],
    threshold: float | None = None, positive: Any = None, cluster: str | None = None, weight: str | None = None, id: str | None = None,
    task: str | None = None, tolerance: Mapping[str, float] | float | None = None, metrics: Sequence[str] | None = None,
    extra: Sequence[GroupMetric | Estimate] = (), reference: Mapping[str, str] | None = None, intersections: int = 1,
    confidence: float = 0.95, replicates: int = 2000, seed: int = 0, title: str | None = None, policy: str | Path | Policy | None = None,
    on_plan: Callable[[dict[str, Any]], None] | None = None,
) -> Audit:  # fmt: skip
    """Audit predictions by group: rates, gaps, intervals and verdicts.

    source: path of a CSV, Parquet or JSON-lines file, or any frame narwhals knows (pandas, Polars, Arrow, DuckDB).
    label, score, prediction, sensitive, cluster, weight, id: column names. Without a label only selection and score
    rates are audited. `score` is in [0, 1]; positive when score >= threshold (0.5 where none is given).
    tolerance: largest acceptable gap per metric, or one for all rates; without one nothing is judged.
    extra: a plugin's metrics and estimates. reference: column -> group to compare with (else the largest).
    replicates: draws for the simultaneous bands. policy: a shipped profile's name or a TOML file with rules of your own.
    on_plan: called with the plan once it is fixed, before anything is counted. Raises BadInput for what cannot be audited.
    """
    opened = open_source(source)
    columns = (sensitive,) if isinstance(sensitive, str) else tuple(dict.fromkeys(sensitive))
    rows = take_roles(opened, Roles(columns, label, score, prediction, cluster, weight, id))
    plan = make_plan(
        rows, task=task, threshold=threshold, positive=positive, metrics=metrics, extra=[m for m in extra if isinstance(m, GroupMetric)],
        tolerance=tolerance, reference=reference, confidence=confidence, intersections=intersections, replicates=replicates, seed=seed,
        policy=(rules := load_policy(policy)),
    )  # fmt: skip
    if on_plan is not None:
        on_plan({"question": dict(plan.question), "plan_sha256": plan.sha256, "data_sha256": opened.sha256})
    possible = [m for m in plan.metrics if m.name not in plan.undefined]
    table = count(
        rows, plan.task, plan.positive, plan.decided, plan.threshold, {m.mean_of for m in possible if m.mean_of}
    )
    if table.n.sum() == 0:
        raise BadInput(f"no row of {opened.where} has a decision; column '{prediction or score}' is empty throughout")
    overall, defined, undefined = _overall(table, plan, possible)
    attributes = attributes_of(table, plan, defined)
    parts, verdicts = compared(attributes, plan, defined)
    ratios = impacts(rules, table, plan, attributes) if rules is not None else []
    verdicts += [found.verdict for found in ratios if found.verdict is not None]
    histograms = _histograms(table)
    return Audit(
        clean(
            {
                "format": "evenhand-audit", "version": 1, "title": title or f"Audit of {opened.where}",
                "question": plan.question, "plan_sha256": plan.sha256, "data": _data(rows, table, opened.where, opened.sha256),
                "notes": _notes(rows, table, plan, parts, undefined), "metrics": [_about(m, undefined) for m in plan.metrics],
                "overall": overall, "attributes": parts, "impacts": [found.block for found in ratios], "verdicts": verdicts, "verdict": worst([v["verdict"] for v in verdicts]),
                "histograms": histograms, "mitigation": preview(histograms, defined, plan.tolerances, plan.threshold), "estimates": [asdict(e) for e in extra if isinstance(e, Estimate)],
                "sections": [], "versions": _versions(),
            }
        )
    )  # fmt: skip


def audit_predictions(
    predictions: Predictions,
    *,
    rule: AuditRule,
    extra: Sequence[GroupMetric | Estimate] = (),
    seed: int = 0,
    title: str | None = None,
) -> Audit:
    """Audit the predictions of a run by its recipe's audit rule."""
    from evenhand.predicting import positive_class

    roles = predictions.schema
    binary = predictions.task == "binary"
    return audit(
        predictions.table, label=roles.label, score=roles.score, prediction=roles.prediction, sensitive=roles.sensitive,
        threshold=predictions.threshold if binary else None,
        positive=plain(predictions.classes[positive_class(roles, predictions.classes)]) if binary and predictions.classes else None,
        cluster=roles.group_id, weight=roles.weight, id=roles.id, task=predictions.task, tolerance=rule.tolerance or None,
        metrics=rule.metrics or None, extra=extra, intersections=rule.intersections, confidence=rule.confidence, seed=seed, title=title,
    )  # fmt: skip


def _overall(
    table: Table, plan: Plan, possible: list[GroupMetric]
) -> tuple[dict[str, Any], list[GroupMetric], dict[str, str]]:
    """(each metric over all rows, the metrics that exist there, why the others do not)."""
    everyone = project(table, np.zeros(len(table.n), dtype=np.int64), 1)
    found = {m.name: estimate(m, everyone) for m in possible}
    c = joint_critical([], plan.confidence)
    overall = {m.name: entries(m, found[m.name], plan.confidence, c)[0] for m in possible}
    undefined = dict(plan.undefined)
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


def _notes(
    rows: Rows, table: Table, plan: Plan, parts: list[dict[str, Any]], undefined: Mapping[str, str]
) -> list[str]:
    notes = []
    for i, column in enumerate(rows.roles.sensitive):
        if rows.facts[f"g{i} missing"]:
            notes.append(
                f"'{column}' is missing in {rows.facts[f'g{i} missing']:,} rows, which are a group of their own, {MISSING}."
            )
    if rows.roles.label is not None and rows.facts["label missing"]:
        notes.append(
            f"'{rows.roles.label}' is missing in {rows.facts['label missing']:,} rows, which count only where no label is needed."
        )
    if table.dropped:
        notes.append(f"{table.dropped:,} rows have no prediction and were left out.")
    labels = set(table.label[table.label >= 0].tolist())
    if plan.task == "binary" and len(labels) == 1:
        notes.append(
            f"Every label is {'positive' if labels == {1} else 'negative'}: what needs both classes is not defined."
        )
    for name, why in undefined.items():
        notes.append(f"{name} is not defined: {why}.")
    for part in parts:
        single = [group["name"] for group in part["groups"] if group["rows"] == 1]
        if single:
            shown = ", ".join(single[:5]) + (", …" if len(single) > 5 else "")
            notes.append(
                f"By {part['name']}, {len(single)} groups have a single row ({shown}); one row is shown but is no evidence."
            )
    if table.binned:
        notes.append(
            "Scores were counted in 4,096 bins; AUC differs from the exact one by less than 1/4,096 in any usual data."
        )
    if plan.task == "binary" and rows.roles.label is not None and rows.roles.score is None:
        notes.append("No score was given, so there is no curve, no calibration and no threshold to move.")
    return notes


def _histograms(table: Table) -> dict[str, Any] | None:
    """Labelled rows by score in 100 bins for every single column, for the report's threshold slider."""
    if not len(table.scores) or not (table.label >= 0).any():
        return None
    edges = np.arange(SLIDER_BINS + 1) / SLIDER_BINS
    bins = np.clip(np.searchsorted(edges, table.scores + 1e-9, side="right") - 1, 0, SLIDER_BINS - 1)[table.level]
    found: dict[str, Any] = {}
    for i, column in enumerate(table.columns):
        cell = table.groups[:, i] * SLIDER_BINS + bins
        size = len(table.levels[i]) * SLIDER_BINS
        by_label = [
            np.bincount(cell[table.label == y], table.w[table.label == y], size).reshape(-1, SLIDER_BINS)
            for y in (1, 0)
        ]
        found[column] = {
            name: {"positive": by_label[0][g].tolist(), "negative": by_label[1][g].tolist()}
            for g, name in enumerate(table.levels[i])
        }
    return {"edges": edges.tolist(), "attributes": found}


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
