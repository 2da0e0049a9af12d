"""What follows from the counts: metrics over all rows and by group, gaps, verdicts, a preview of other thresholds."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evenhand.auditing.counting.aggregation import Table
from evenhand.auditing.counting.projection import project
from evenhand.auditing.evidence.bands import joint_critical
from evenhand.auditing.evidence.histograms import folds_of, histograms_of
from evenhand.auditing.evidence.of_plugins import MetricFault
from evenhand.auditing.judging.attributes import attributes_of, compared, entries, estimated
from evenhand.auditing.judging.impact import impacts
from evenhand.auditing.judging.verdict_rows import undecided
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.metrics.rates import ACCURACY
from evenhand.auditing.question.plan import Plan
from evenhand.auditing.question.policy import Policy
from evenhand.auditing.remedies.preview import judged_of, preview
from evenhand.auditing.table.rows import Rows


def answered(table: Table, plan: Plan, rules: Policy | None) -> tuple[dict[str, Any], dict[str, str]]:
    """(everything that follows from the counts, why metrics are undefined). A plugin's metric that fails is one of
    these."""
    faults = dict(plan.undefined)
    while True:
        try:
            overall, defined, undefined = overall_of(table, plan, faults)
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
        "metrics": [about(m, undefined) for m in plan.metrics],
        "overall": overall,
        "attributes": parts,
        "impacts": [found.block for found in ratios],
        "verdicts": [*verdicts, *(found.verdict for found in ratios if found.verdict is not None)],
        "histograms": histograms,
        "mitigation": _previewed(table, plan, defined, histograms),
    }, undefined


def _previewed(
    table: Table, plan: Plan, defined: Sequence[GroupMetric], histograms: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """What other thresholds would do, judged on rows that did not choose them."""
    judged = judged_of(defined, plan.tolerances)
    if histograms is None or not judged or plan.threshold is None:
        return []
    folds = folds_of(table, plan.threshold, plan.decided is None, [*judged, ACCURACY], plan.seed)
    by_chance = plan.question["mitigation"] == "fairlearn"
    return preview(histograms, defined, plan.tolerances, plan.threshold, by_chance, folds, plan.confidence)


def overall_of(
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


def about(metric: GroupMetric, undefined: Mapping[str, str]) -> dict[str, Any]:
    """What audit.json says of a metric."""
    return {
        "name": metric.name,
        "label": metric.title,
        "formula": metric.formula,
        "unit": metric.unit,
        "percentage": metric.share,
        "better": metric.better,
        "source": metric.source,
        "says": metric.says,
        "defined": metric.name not in undefined,
        "why": undefined.get(metric.name),
    }


def data_of(rows: Rows, table: Table, where: str, sha256: str | None) -> dict[str, Any]:
    """What audit.json says of the rows."""
    used = rows.count - table.dropped
    return {
        "source": where,
        "sha256": sha256,
        "rows": rows.count,
        "rows_used": used,
        "clusters": table.clusters or None,
    }


def versions() -> dict[str, str]:
    """What decides an audit's numbers beside its data and question."""
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
