"""The rows of a side, one by one: what the audit's engine makes of each, found with each row as a group of its own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np

from evenhand.auditing.counting.aggregation import Table, count
from evenhand.auditing.counting.projection import project
from evenhand.auditing.evidence import of_plugins
from evenhand.auditing.evidence.estimation import estimate
from evenhand.auditing.question.plan import Plan, make_plan
from evenhand.auditing.question.taking import take_asked
from evenhand.auditing.table.group_names import group_name
from evenhand.auditing.table.rows import Rows, collect
from evenhand.auditing.table.source import Source, open_source
from evenhand.comparing.sides import Side
from evenhand.errors import BadInput
from evenhand.statistics.arrays import Floats, Ints

ROW = "row"
CLOSE = 1e-9  # how far a number may be from the audited one, and still be the same


@dataclass(frozen=True, slots=True)
class SideRows:
    """The rows with a decision, in the order of the file.

    table: one entry per row, without clusters. row: the place of each in the file. cluster, id: names, where such a
    column was used. label, weight: the columns as they are, to see whether rows are the same. count: rows of the file.
    """

    table: Table
    row: Ints
    cluster: list[str] | None
    id: list[str] | None
    label: list[str] | None
    weight: Floats
    count: int

    def take(self, places: Ints) -> SideRows:
        """These rows, in this order."""

        def pick(names: list[str] | None) -> list[str] | None:
            return None if names is None else [names[i] for i in places.tolist()]

        return SideRows(
            taken(self.table, places),
            self.row[places],
            pick(self.cluster),
            pick(self.id),
            pick(self.label),
            self.weight[places],
            self.count,
        )


def taken(table: Table, places: Ints) -> Table:
    """A table of these entries."""
    return replace(
        table,
        groups=table.groups[places],
        outcome=table.outcome[places],
        label=table.label[places],
        level=table.level[places],
        cluster=None if table.cluster is None else table.cluster[places],
        n=table.n[places],
        w=table.w[places],
        w2=table.w2[places],
        moments={name: (a[places], b[places], c[places]) for name, (a, b, c) in table.moments.items()},
    )


def read_rows(side: Side, bins: Mapping[str, Any]) -> SideRows:
    """The rows of an audit, read again. Raises BadInput where they are not what was audited.

    bins: how columns of numbers are cut into groups, as the question of an audit says it.
    """
    opened = open_source(side.source)
    if opened.sha256 is not None and side.sha256 is not None and opened.sha256 != side.sha256:
        raise BadInput(
            f"{opened.where} has changed since it was audited into {side.path}: its sha256 was {side.sha256[:12]}… and"
            f" is {opened.sha256[:12]}…; audit it again, or name the file as it was with data="
        )
    asked = side.asked(bins)
    rows, _, top = take_asked(opened, asked)
    metrics = side.metrics()
    plan = make_plan(rows, asked, extra=[metrics[name] for name in sorted(side.foreign())], top=top)
    found = by_row(rows, plan)
    if opened.sha256 is None or side.sha256 is None:
        _check_audited(side, opened, rows, plan, found)
    return found


def by_row(rows: Rows, plan: Plan) -> SideRows:
    """Count with the row's number in the place of the cluster, so that nothing is added up."""
    eager = collect(rows.frame, rows.where)
    numbered = eager.select(nw.exclude("cluster")) if "cluster" in eager.columns else eager
    alone = replace(rows, frame=numbered.with_row_index("cluster").lazy(), roles=replace(rows.roles, cluster=ROW))
    wanted = {q for m in plan.metrics if m.name not in plan.undefined for q in m.quantities}
    exact = bool(plan.question["exact"])
    table = count(alone, plan.task, plan.positive, plan.decided, plan.threshold, wanted, exact)
    assert table.cluster is not None
    order = np.argsort(table.cluster, kind="stable")
    row = table.cluster[order]
    names = {role: _names(eager, role, row) for role in ("cluster", "id", "label")}
    table = replace(taken(table, order), cluster=None, clusters=0)
    return SideRows(table, row, names["cluster"], names["id"], names["label"], table.w, rows.count)


def _names(frame: nw.DataFrame[Any], role: str, row: Ints) -> list[str] | None:
    if role not in frame.columns:
        return None
    values = _named(frame.get_column(role).to_list())
    return [values[i] for i in row.tolist()]


def _named(values: Iterable[Any]) -> list[str]:
    known: dict[Any, str] = {}
    out = []
    for value in values:
        if value not in known:
            known[value] = group_name(value)
        out.append(known[value])
    return out


def _check_audited(side: Side, opened: Source, rows: Rows, plan: Plan, found: SideRows) -> None:
    """A frame has no digest, so its rows and the numbers that follow from them must be those of the audit."""
    same = rows.count == side.audit["data"]["rows"]
    groups = project(found.table, np.zeros(len(found.row), dtype=np.int64), 1)
    for metric in plan.metrics if same else ():
        before = side.audit["overall"].get(metric.name, {}).get("value")
        estimated = of_plugins.estimated if metric.name in plan.foreign else estimate
        now = float(estimated(metric, groups).value[0])
        both = before is not None and math.isfinite(now)
        same = same and (math.isclose(now, before, rel_tol=CLOSE, abs_tol=CLOSE) if both else before is None)
    if not same:
        raise BadInput(
            f"{opened.where} is not what was audited into {side.path}: the audit saw {side.audit['data']['rows']:,}"
            f" rows and other numbers, and this has {rows.count:,} rows; give the same rows with data=, or make the"
            " audit again"
        )
