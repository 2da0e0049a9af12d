"""What labels prove, at whatever time they come: limits that hold at every look, against the run's own figures.

Each share (accuracy, of everybody and of each group; true and false positive rates of each group) has limits over the
whole history and over each window. Labels that come later to a window only narrow its limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from evenhand.living.monitoring.judging import LEVEL, level_of
from evenhand.living.monitoring.reference import Reference
from evenhand.living.monitoring.sequences import limits
from evenhand.living.monitoring.windows import TIME

# of the half of the level that is for labels: what the run's own figures may be by the rows that they were counted on
# takes the first, the whole history the second, all windows together the third
RUN, HISTORY, WINDOWS = LEVEL / 4, LEVEL / 8, LEVEL / 8
EVERYBODY = "everybody"
SAME_GAP = {"fnr": "tpr", "tnr": "fpr", "error_rate": "accuracy"}


Counts = Mapping[tuple[str, str, str], tuple[int, int]]  # (metric, column, group) -> (events, rows)


@dataclass(frozen=True, slots=True)
class Share:
    """A metric of a group: events of rows, limits at every time at once; `was`: the run's, with its limits."""

    metric: str
    column: str
    group: str
    events: int
    rows: int
    lower: float
    upper: float
    was: float | None
    was_lower: float
    was_upper: float

    @property
    def value(self) -> float | None:
        """The share itself."""
        return self.events / self.rows if self.rows else None


@dataclass(frozen=True, slots=True)
class Rule:
    """The largest gap of a metric that the recipe tolerates."""

    metric: str
    largest: float


def counted(rows: pl.DataFrame, positive: int | None) -> dict[tuple[str, str, str], tuple[int, int]]:
    """(metric, column, group) -> (events, rows). rows: prediction, label (null without one), selected, cluster,
    group:COLUMN. One row of each cluster counts, a labelled one where there is one: the limits are for news."""
    rows = rows.sort(pl.col("label").is_null(), maintain_order=True).unique(
        "cluster", keep="first", maintain_order=True
    )
    right = (pl.col("prediction") == pl.col("label")).alias("right")
    rows = rows.with_columns(right, (pl.col("label") == pl.lit(positive, dtype=pl.Int64)).alias("truly"))
    found = {}
    parts = [("", EVERYBODY, rows)]
    for name in [n for n in rows.columns if n.startswith("group:")]:
        parts += [
            (name.removeprefix("group:"), str(g), part) for (g,), part in sorted(rows.drop_nulls(name).group_by(name))
        ]
    for column, group, part in parts:
        if positive is not None:
            found["selection_rate", column, group] = int(part["selected"].sum()), part.height
        part = part.drop_nulls("label")
        found["accuracy", column, group] = int(part["right"].sum()), part.height
        if positive is not None:
            for metric, truly in (("tpr", True), ("fpr", False)):
                among = part.filter(pl.col("truly") == truly)
                found[metric, column, group] = int(among["selected"].sum()), among.height
    return found


def shares(rows: pl.DataFrame, reference: Counts, positive: int | None, level: float) -> list[Share]:
    """Every share of these labelled rows; `level` is for all of them together. reference: what `counted` says of it."""
    found = counted(rows, positive)
    many = max(len(set(found) | set(reference)), 1)
    out = []
    for key, (events, height) in found.items():
        events_then, then = reference.get(key, (0, 0))
        was = events_then / then if then else None
        now, before = limits(events, height, level / many), limits(events_then, then, RUN / many)
        out.append(Share(*key, events, height, *now, was, *before))
    return out


def of_reference(reference: Reference, positive: int | None) -> dict[tuple[str, str, str], tuple[int, int]]:
    """The run's own counts."""
    groups = reference.groups.select(pl.col(name).alias(f"group:{name}") for name in reference.attributes)
    label = pl.Series("label", [None if target < 0 else int(target) for target in reference.targets], dtype=pl.Int64)
    return counted(pl.concat([reference.known, groups, label.to_frame()], how="horizontal"), positive)


def alarms(found: Sequence[Share], rules: Sequence[Rule], when: str) -> list[dict[str, Any]]:
    """What these shares prove. rules: gaps that are tolerated; without one of a metric, the run's own limits count."""
    out = []
    for one in found:
        worse = one.upper < one.was_lower if one.metric in ("accuracy", "tpr") else one.lower > one.was_upper
        if one.metric != "selection_rate" and one.was is not None and one.rows and worse:
            who = "" if one.group == EVERYBODY else f" of {one.group} ({one.column})"
            says = (
                f"{one.metric}{who} is proven worse than the run's {one.was:.3f}: {one.value:.3f}, between"
                f" {one.lower:.3f} and {one.upper:.3f} at every look{when}"
            )
            out.append(
                {"kind": "performance" if not who else "group performance", "what": f"{one.metric}{who}", "says": says}
            )
    for rule in rules:
        out += _beyond(found, rule, when)
    return out


def _beyond(found: Sequence[Share], rule: Rule, when: str) -> list[dict[str, Any]]:
    name = SAME_GAP.get(rule.metric, rule.metric)
    out = []
    for column in dict.fromkeys(one.column for one in found if one.column):
        part = [one for one in found if one.column == column and one.metric == name and one.rows]
        if len(part) < 2:
            continue
        high, low = max(part, key=lambda one: one.lower), min(part, key=lambda one: one.upper)
        if high.lower - low.upper > rule.largest:
            says = (
                f"the {rule.metric} gap by {column} is proven beyond {rule.largest:g}: {high.group} and {low.group} lie"
                f" at least {high.lower - low.upper:.3f} apart{when}"
            )
            out.append({"kind": "gap", "what": f"{rule.metric} by {column}", "says": says})
    return out


def of_window(
    rows: pl.DataFrame, reference: Counts, positive: int | None, rules: Sequence[Rule], number: int, name: str
) -> dict[str, Any]:
    """What a window's labels say. rows: all of its rows, label null where there is none, known: when it came."""
    there = rows.drop_nulls("label")
    delay = None
    if TIME in rows.columns and there["known"].count():
        seconds = (there["known"] - there[TIME]).dt.total_seconds().drop_nulls().to_numpy()
        delay = float(np.median(seconds)) / 86_400
    found = shares(rows, reference, positive, level_of(number, WINDOWS)) if there.height else []
    return {
        "name": name,
        "rows": rows.height,
        "labelled": there.height,
        "delay_days": delay,
        "shares": [asdict(one) for one in found],
        "alarms": alarms(found, rules, f" (window {name})"),
    }


def together(
    rows: pl.DataFrame | None, reference: Counts, positive: int | None, rules: Sequence[Rule]
) -> dict[str, Any]:
    """What the labels of all windows say as one."""
    if rows is None or not rows["label"].count():
        return {"labelled": 0, "shares": [], "alarms": []}
    found = shares(rows, reference, positive, HISTORY)
    said = alarms(found, rules, "")
    return {"labelled": int(rows["label"].count()), "shares": [asdict(one) for one in found], "alarms": said}
