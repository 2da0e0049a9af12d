"""The comparison from start to end: open both sides, find the rows that are the same, judge every change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.auditing.evidence.of_plugins import MetricFault
from evenhand.auditing.metrics.metric import Estimate, GroupMetric
from evenhand.auditing.metrics.of_plugins import read_extra
from evenhand.comparing.both_sides import BothSides
from evenhand.comparing.comparison import Change, Comparison, GapChange, verdict_on_change
from evenhand.comparing.counted import both_sides_of, divisions
from evenhand.comparing.definitions import Definitions, definitions_of, with_definitions
from evenhand.comparing.gap_changes import gap_changes
from evenhand.comparing.pairing import INDEPENDENT, Samples, pair
from evenhand.comparing.recorded import recorded_sides
from evenhand.comparing.rows import read_rows
from evenhand.comparing.sides import Side, check_same_question, open_side
from evenhand.comparing.simultaneous import Criticals, criticals
from evenhand.errors import BadInput
from evenhand.extending.discovering import Plugins


def compare(
    first: str | Path,
    second: str | Path,
    data: Sequence[Any] = (None, None),
    paired: bool | None = None,
    extra: Sequence[GroupMetric | Estimate] = (),
    plugins: Plugins | None = None,
) -> Comparison:
    """What changed from the audit in the folder `first` to that in `second`, with intervals and verdicts.

    first, second: folders of `evenhand audit … --out FOLDER`, or directories of finished runs, also one of each.
    data: the audited rows of each side (a path or a frame), where they are no longer where they were.
    paired: None compares pair by pair where the rows are the same (by their id, else where all but the predictions is
    equal), True raises BadInput where they are not, False takes them as independent samples.
    extra: metrics that `audit` was given beside the built-in ones. plugins: where a run's own metrics are defined;
    None: those that are installed. Shares are in [0, 1], changes in [-1, 1], errors of a regression in the label's
    unit.
    Sources: docs/compare.md. Raises BadInput where a folder holds no audit, the audited data has changed, or the two
    answer different questions.
    """
    if isinstance(data, str | Path) or not isinstance(data, Sequence) or len(data) != 2:
        raise BadInput(
            "data names the rows of both sides: data=(of the first, of the second), None where they are known"
        )
    notes: list[str] = []
    sides = open_side(first, data[0]), open_side(second, data[1])
    check_same_question(*sides)
    one, two = with_definitions(sides, read_extra(extra)[0], plugins, notes)
    return replace(compare_sides(one, two, paired, notes), first=str(first), second=str(second))


def compare_sides(one: Side, two: Side, paired: bool | None = None, notes: list[str] | None = None) -> Comparison:
    """The same of two sides that are open, each with the definitions of its own metrics."""
    notes = [] if notes is None else notes
    check_same_question(one, two)
    columns, metrics = _columns(one, two, notes), definitions_of(one, two, notes)
    bins = {**two.question.get("bins", {}), **one.question.get("bins", {})}
    depth = min(side.question.get("intersections", 1) for side in (one, two))
    notes += _favoured_otherwise(one, two)
    confidence = max(one.question["confidence"], two.question["confidence"])
    if one.question["confidence"] != two.question["confidence"]:
        notes.append(f"The audits have different confidences; the intervals here have {confidence * 100:g} %.")
    if paired and not metrics.computed:
        raise BadInput("rows give none of the metrics that both audits have; do not ask for pairs, or give extra=")
    samples = _samples(one, two, columns, paired, bins, notes) if metrics.computed else None
    recorded = metrics.recorded if samples is not None else {**metrics.computed, **metrics.recorded}
    families: list[BothSides] = []
    if samples is not None:
        notes += samples.notes
        families = _counted(samples, one, columns, depth, metrics, notes)
    families += recorded_sides(one, two, [c for c in columns if c not in _cut(one, two, columns)], depth, recorded)
    at = criticals(families, confidence)
    gaps = _gaps(families, at, set(recorded) if _clustered(one, two) else set())
    return Comparison(
        str(one.path),
        str(two.path),
        samples is not None and samples.paired,
        INDEPENDENT if samples is None else samples.how,
        confidence,
        tuple(change for both in families for change in _changes(both, at)),
        tuple(gaps),
        tuple(_verdicts(one, two)),
        tuple(notes),
    )


def _favoured_otherwise(one: Side, two: Side) -> list[str]:
    """A note where the audits' own verdicts on ratios are about two different decisions."""
    found = [(side.question.get("favourable") or {}).get("decision") for side in (one, two)]
    if None in found or found[0] == found[1]:
        return []
    return [
        f"The first audit calls the {found[0]} decision favourable, the second the {found[1]} one: "
        "their verdicts on ratios are not about the same rates."
    ]


def _columns(one: Side, two: Side, notes: list[str]) -> list[str]:
    sensitive = [side.question["sensitive"] for side in (one, two)]
    common = [name for name in sensitive[0] if name in sensitive[1]]
    if dropped := sorted({*sensitive[0], *sensitive[1]} - set(common)):
        notes.append(f"Audited in one of the two only, left out: {', '.join(dropped)}.")
    return common


def _samples(
    one: Side, two: Side, columns: list[str], paired: bool | None, bins: Mapping[str, Any], notes: list[str]
) -> Samples | None:
    """The rows of both sides; None where those of a side are not at hand."""
    away = [str(side.path) for side in (one, two) if side.source is None]
    cut = _cut(one, two, columns)
    if not away:
        if cut:
            notes.append(
                f"The second audit cut {', '.join(cut)} elsewhere; both are compared in the bins of the first."
            )
        return pair(read_rows(one, bins), read_rows(two, bins), columns, paired)
    if cut:
        notes.append(f"The two audits cut {', '.join(cut)} into other bins, so they are left out.")
        columns[:] = [column for column in columns if column not in cut]
    if paired:
        raise BadInput(
            f"the rows of {' and '.join(away)} are not at hand; name them with data=, or do not ask for pairs"
        )
    notes.append(
        f"The rows of {' and '.join(away)} are not at hand, so the two audits are compared by their recorded intervals,"
        " as independent samples; were the rows the same, pairing them would make most intervals narrower. Name the"
        " rows with data=."
    )
    if _clustered(one, two):
        notes.append("Without rows nothing is known of clusters that span groups, so the gaps are not compared.")
    return None


def _cut(one: Side, two: Side, columns: list[str]) -> list[str]:
    """The columns that the two audits cut into other bins."""
    return [c for c in columns if len({str(side.question.get("bins", {}).get(c)) for side in (one, two)}) > 1]


def _clustered(one: Side, two: Side) -> bool:
    return any(side.question.get("cluster") is not None for side in (one, two))


def _counted(
    samples: Samples, one: Side, columns: list[str], depth: int, metrics: Definitions, notes: list[str]
) -> list[BothSides]:
    """Every metric of every attribute, from the rows; a plugin's that fails anywhere is left out."""
    chosen = _changing(samples, metrics, notes)
    references = {part["name"]: part["reference"] for part in one.audit["attributes"]}
    found: list[BothSides] = []
    unknown: dict[str, None] = {}
    for division in divisions(samples, columns, depth):
        for metric in list(chosen.values()):
            reference = None if division.attribute is None else references.get(division.attribute)
            try:
                both = both_sides_of(division, metric, reference, metric.name in metrics.foreign)
            except MetricFault as fault:
                del chosen[metric.name]
                notes.append(f"Not compared: {fault}.")
                continue
            if both is None:
                unknown[metric.name] = None
            else:
                found.append(both)
    if unknown:
        notes.append(
            f"Not compared, because how rows of both audits act on them is not worked out: {', '.join(unknown)}."
        )
    return [both for both in found if both.metric.name in chosen]


def _changing(samples: Samples, metrics: Definitions, notes: list[str]) -> dict[str, GroupMetric]:
    """Those that another model can change, by name."""
    same = samples.paired and samples.one.label == samples.two.label
    notes += [
        f"The {metric.title} is a fact of the rows, which are the same, so it cannot change and is left out."
        for metric in metrics.computed.values()
        if same and metric.of_labels
    ]
    return {name: metric for name, metric in metrics.computed.items() if not (same and metric.of_labels)}


def _changes(both: BothSides, at: Criticals) -> Iterator[Change]:
    """One record per group."""
    one, two, change = both.one, both.two, both.change
    joint = at.overall if both.attribute is None else at.groups
    alone, together = both.limits(at.pointwise), both.limits(joint)
    together = np.minimum(alone[0], together[0]), np.maximum(alone[1], together[1])  # never narrower where MOVER bends
    rows = np.nan_to_num(np.minimum(one.rows, two.rows))
    for i, name in enumerate(both.names):
        lower, upper, least, most = (_number(limit[i]) for limit in (*alone, *together))
        yield Change(
            both.attribute,
            name,
            both.metric.name,
            both.metric.better,
            _number(one.value[i]),
            _number(two.value[i]),
            _number(change[i]),
            lower,
            upper,
            least,
            most,
            round(float(rows[i])),
            verdict_on_change(both.metric.better, together[0][i], together[1][i]),
        )


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _gaps(families: Sequence[BothSides], at: Criticals, without: set[str]) -> Iterator[GapChange]:
    """Of every metric but those `without` what their gaps need."""
    for both, family in zip(families, at.largest, strict=True):
        if both.metric.name not in without:
            yield from gap_changes(both, at.pointwise, family, max(family, at.gaps))


def _verdicts(one: Side, two: Side) -> Iterator[dict[str, Any]]:
    """How the verdicts of the audits went, in the order of the first."""
    found = [{(v["attribute"], v["metric"], v.get("kind")): v for v in side.audit["verdicts"]} for side in (one, two)]
    for key in dict.fromkeys([*found[0], *found[1]]):
        records = [side.get(key) for side in found]
        first, second = (None if record is None else record["verdict"] for record in records)
        tolerances = [None if record is None else record.get("tolerance") for record in records]
        yield {
            "attribute": key[0],
            "metric": key[1],
            "first": first,
            "second": second,
            "tolerance_first": tolerances[0],
            "tolerance_second": tolerances[1],
        }
