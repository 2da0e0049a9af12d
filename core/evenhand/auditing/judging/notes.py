"""What a reader must know beside the numbers, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from evenhand.auditing.counting.aggregation import BINS, Table
from evenhand.auditing.counting.counts import CELLS
from evenhand.auditing.metrics.ranking import AUC, auc_bounds
from evenhand.auditing.question.plan import Plan
from evenhand.auditing.table.binning import EACH, QUARTILES, Binning
from evenhand.auditing.table.group_names import MISSING
from evenhand.auditing.table.labels import plain
from evenhand.auditing.table.rows import Rows
from evenhand.errors import typed
from evenhand.statistics import intervals
from evenhand.statistics.arrays import Floats

SELECTED = (CELLS.index("tp"), CELLS.index("fp"), CELLS.index("selected_unlabelled"))
NO_LABEL = [i for i, cell in enumerate(CELLS) if cell in ("selected_unlabelled", "rejected_unlabelled", "unlabelled")]
CLEAR = 3.5  # standard errors, so that a note on one of many pairs of groups is no accident
SHOWN = 60  # characters of a group's name


def notes_of(
    rows: Rows, table: Table, plan: Plan, parts: list[dict[str, Any]], undefined: Mapping[str, str]
) -> list[str]:
    """Missing values, rows left out, what is not defined and why, groups of one row, what binning leaves open."""
    return [
        *_missing(rows, table),
        *_decisions(rows, table, plan),
        *(f"{name} is not defined: {why}." for name, why in undefined.items()),
        *_small_groups(parts),
        *_binned(table, plan),
        *_impossible(parts, plan),
        *_unlabelled(table, plan),
    ]


def _missing(rows: Rows, table: Table) -> Iterator[str]:
    for i, column in enumerate(rows.roles.sensitive):
        absent = rows.facts[f"g{i} missing"]
        if absent:
            yield f"'{column}' is missing in {absent:,} rows, which are a group of their own, {MISSING}."
    if rows.roles.label is not None and rows.facts["label missing"]:
        yield (
            f"'{rows.roles.label}' is missing in {rows.facts['label missing']:,} rows, which count only where no label"
            " is needed."
        )
    if table.dropped:
        yield f"{table.dropped:,} rows have no prediction and were left out."


def _decisions(rows: Rows, table: Table, plan: Plan) -> Iterator[str]:
    labels = set(table.label[table.label >= 0].tolist())
    if plan.task == "binary" and len(labels) == 1:
        which = "positive" if labels == {1} else "negative"
        yield f"Every label is {which}: what needs both classes is not defined."
    if (
        plan.decided is not None
        and plan.threshold is not None
        and (others := _decided_otherwise(table, plan.threshold))
    ):
        yield (
            f"The decisions are those of column '{rows.roles.prediction}', which in {others:,} rows are not what a"
            f" threshold of {plan.threshold:g} on the score gives; that only places the slider."
        )
    if plan.task == "binary" and rows.roles.label is not None and rows.roles.score is None:
        yield "No score was given, so there is no curve, no calibration and no threshold to move."


def _decided_otherwise(table: Table, threshold: float) -> int:
    """Rows whose decision is on the other side of the threshold than their score; a bin on both sides is left out."""
    if not len(table.scores):
        return 0
    score = table.scores[table.level]
    half = 0.5 / BINS if table.binned else 0.0
    selected = np.isin(table.outcome, SELECTED)
    below, above = score + half <= threshold, score - half >= threshold
    if not half:
        below = ~above
    return int(table.n[(selected & below) | (~selected & above)].sum())


def _small_groups(parts: list[dict[str, Any]]) -> Iterator[str]:
    for part in parts:
        single = [group["name"][:SHOWN] for group in part["groups"] if group["rows"] == 1]
        if single:
            shown = ", ".join(single[:5]) + (", …" if len(single) > 5 else "")
            yield (
                f"By {part['name'][:SHOWN]}, {len(single)} groups have a single row ({shown}); one row is shown but is"
                " no evidence."
            )


def _binned(table: Table, plan: Plan) -> Iterator[str]:
    """With the bounds that binning leaves on AUC, computed: ties inside a bin could all have been won, or all lost."""
    if not table.binned:
        return
    text = f"Scores were counted in {BINS:,} bins of equal width (--exact counts every distinct score)"
    if AUC in plan.metrics and AUC.name not in plan.undefined:
        lower, upper = auc_bounds(table)
        text += f"; over all rows the exact AUC lies between {lower[0]:.6f} and {upper[0]:.6f}"
    yield text + "."


def _impossible(parts: list[dict[str, Any]], plan: Plan) -> Iterator[str]:
    """Groups with different base rates cannot have equal odds and equal predictive values or calibration at once."""
    differ = [part["name"][:SHOWN] for part in parts if _asks_too_much(part["gaps"], plan)]
    if differ:
        yield (
            f"By {', '.join(differ)} the base rates differ, so error rates and predictive values (or calibration)"
            " cannot be equal at once unless the model is perfect (Kleinberg, Mullainathan & Raghavan 2017;"
            " Chouldechova 2017): choose which matters."
        )


def _unlabelled(table: Table, plan: Plan) -> Iterator[str]:
    """Where one group's rows are labelled more often than another's, their rates are of different samples of them."""
    if plan.task == "selection":
        return
    absent = np.isin(table.outcome, NO_LABEL)
    for i, column in enumerate(table.columns):
        names = table.names[i]
        rows, lost = (np.bincount(table.groups[:, i], v, len(names)) for v in (table.n, table.n * absent))
        found = _most_apart(lost, rows)
        if found is not None:
            low, high = found
            yield (
                f"By {column[:SHOWN]} labels are missing in {lost[high] / rows[high]:.1%} of the rows of"
                f" {names[high][:SHOWN]} and in {lost[low] / rows[low]:.1%} of {names[low][:SHOWN]}: where labels come"
                " from selection, the rates of the two are not of like rows."
            )


def _most_apart(lost: Floats, rows: Floats) -> tuple[int, int] | None:
    """The groups with the lowest and the highest share of rows without a label, where chance does not explain it."""
    lower, upper = intervals.far_share(lost, rows, CLEAR)
    low, high = int(np.argmin(lost / rows)), int(np.argmax(lost / rows))
    return (low, high) if lower[high] > upper[low] else None


def _asks_too_much(gaps: list[dict[str, Any]], plan: Plan) -> bool:
    largest = {gap["metric"]: gap for gap in gaps if gap["kind"] == "largest"}
    asked = [metric for metric in plan.metrics if metric.name in {gap["metric"] for gap in gaps}]
    differ = any(m.of_labels and m.name in largest and largest[m.name]["lower_simultaneous"] > 0 for m in asked)
    errors = {frozenset(m.denominator) for m in asked if m.criterion == "separation"}  # one of two alone can be equal
    return differ and len(errors) == 2 and any(m.criterion == "sufficiency" for m in asked)


def binning_notes(found: Mapping[str, Binning], table: Table, rows: Rows) -> list[str]:
    """What was decided for the reader, and bins that hold nobody."""
    seen = dict(zip(table.columns, table.names, strict=True))
    notes = []
    for column, binning in found.items():
        edges = ", ".join(plain(edge) for edge in binning.edges)
        if binning.by == QUARTILES:
            notes.append(
                f"'{column}' holds many different numbers, so it is cut into quartiles at {edges}; choose others with"
                f" {typed('--bins', f'{column}={plain(binning.edges[0])},{plain(binning.edges[-1])}')}, or a group for"
                f" each value with {typed('--bins', f'{column}={EACH}')}."
            )
        elif len(binning.names) < binning.asked:
            notes.append(
                f"'{column}' has so many equal values that {binning.asked} bins of equal size are not possible; there"
                f" are {len(binning.names)}."
            )
        called = rows.called.get(f"g{rows.roles.sensitive.index(column)}", {})
        empty = [name for name in binning.names if called.get(name, name) not in seen[column]]
        if empty:
            notes.append(f"Nobody is in these bins of '{column}': {', '.join(empty)}.")
    return notes
