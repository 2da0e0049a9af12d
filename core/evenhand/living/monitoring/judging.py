"""One window against the reference: every question asked of it, and which answers are alarms.

The level is spent: half on windows, of which the k-th has 6 / (pi k)^2 of it for all its questions together (Holm), so
that in any number of windows any false alarm is as rare as the level says; the other half is for labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from evenhand.data.reading import to_rows
from evenhand.living.monitoring.drift import drifts
from evenhand.living.monitoring.estimating import Calibrated, by_confidence, by_weights
from evenhand.living.monitoring.groups import GroupDrift, group_drifts, grouped
from evenhand.living.monitoring.measuring import caching, facts, measures, outputs
from evenhand.living.monitoring.reference import Reference
from evenhand.living.monitoring.windows import KEY, TIME, Window
from evenhand.living.sites.place import clusters_of
from evenhand.scoring.scorer import Scorer
from evenhand.statistics.multiplicity import holm

LEVEL = 0.05  # of any false alarm at all, over the whole history
LEAST = 20  # rows below which a window is kept and not judged


@dataclass(frozen=True, slots=True)
class Seen:
    """A window, ready to compare: what is compared of its rows, and what is kept of them."""

    inputs: pl.DataFrame
    outputs: pl.DataFrame
    groups: pl.DataFrame
    known: pl.DataFrame


def level_of(number: int, whole: float = LEVEL / 2) -> float:
    """What the k-th window may spend of the level.

    >>> round(sum(level_of(k) for k in range(1, 100_000)), 4)
    0.025
    """
    return whole * 6 / (math.pi * number) ** 2


def seen(scorer: Scorer, reference: Reference, window: Window, scored: bool, where: str) -> Seen:
    """What the window's rows are and what the model says of them; it is asked where they do not bring it."""
    rows, recipe = window.rows, scorer.recipe
    readable = all(name in rows.columns for name in recipe.schema.input)
    scorer = caching(scorer)
    said = rows if scored else scorer.scored(rows)
    clusters = pl.Series("cluster", clusters_of(rows, recipe.schema.group_id))
    known = facts(scorer, said, where).with_columns(clusters)
    inputs = pl.DataFrame()
    if readable and reference.inputs.width:
        inputs = measures(scorer, to_rows(rows.select(recipe.schema.input)), reference.axes)
    groups = known.select("selected", "score").with_columns(
        pl.Series(name, grouped(rows[name], reference.edges[name]))
        for name in reference.attributes
        if name in rows.columns and rows[name].count()  # a column without a value was not brought
    )
    return Seen(inputs, outputs(scorer, said, known), groups, known)


def judged(reference: Reference, here: Seen, number: int, calibrated: Calibrated | None, seed: int) -> dict[str, Any]:
    """Everything that is told of the window, as JSON holds it. number: the how-manieth it is, from 1."""
    height = here.known.height
    if height < LEAST:
        return {"judged": False, "columns": [], "groups": [], "estimated": [], "alarms": []}
    old, new = (pl.Series(first_of_each(side["cluster"])) for side in (reference.known, here.known))
    columns = drifts(reference.inputs.filter(old), here.inputs.filter(new)) if here.inputs.width else []
    columns += drifts(reference.outputs.filter(old), here.outputs.filter(new))
    groups = _groups(reference, here, old, new)
    adjusted = holm(np.array([d.p for d in columns] + [p for g in groups for p in (g.share_p, g.rate_p)]))
    level = level_of(number)
    of_columns = [asdict(d) | {"adjusted": float(p)} for d, p in zip(columns, adjusted, strict=False)]
    pairs = adjusted[len(columns) :].reshape(-1, 2)
    of_groups = [_group(g, *map(float, pair)) for g, pair in zip(groups, pairs, strict=True)]
    estimates = [
        by_confidence(calibrated, here.known["confidence"].to_numpy()) if calibrated else None,
        by_weights(_joined(reference), reference.right, _joined(here), seed),
    ]
    return {
        "judged": True,
        "level": level,
        "columns": of_columns,
        "groups": of_groups,
        "estimated": [asdict(e) for e in estimates if e is not None],
        "alarms": [*_column_alarms(of_columns, level, set(here.outputs.columns)), *_group_alarms(of_groups, level)],
    }


def first_of_each(clusters: pl.Series) -> np.ndarray:
    """Whether a row is the first of its cluster: tests count one row of a patient or customer, as rows of one person
    are not news one by one.

    >>> first_of_each(pl.Series([4, 4, 1, 4])).tolist()
    [True, False, True, False]
    """
    return np.asarray(clusters.is_first_distinct().to_numpy())


def _groups(reference: Reference, here: Seen, old: pl.Series, new: pl.Series) -> list[GroupDrift]:
    """Figures of all rows, p-values of one row of each cluster."""
    attributes = [name for name in reference.attributes if name in here.groups.columns]
    found = group_drifts(reference.groups, here.groups, attributes)
    tested = group_drifts(reference.groups.filter(old), here.groups.filter(new), attributes)
    p = {(one.column, one.group): (one.share_p, one.rate_p) for one in tested}
    pairs = [p.get((one.column, one.group), (1.0, 1.0)) for one in found]
    return [replace(one, share_p=share, rate_p=rate) for one, (share, rate) in zip(found, pairs, strict=True)]


def _joined(side: Reference | Seen) -> pl.DataFrame:
    return pl.concat([side.inputs, side.outputs], how="horizontal") if side.inputs.width else side.outputs


def _group(found: GroupDrift, share: float, rate: float) -> dict[str, Any]:
    return asdict(found) | {"state": found.state, "share_adjusted": share, "rate_adjusted": rate}


def _column_alarms(columns: list[dict[str, Any]], level: float, said: set[str]) -> list[dict[str, Any]]:
    found = []
    for one in columns:
        if one["adjusted"] <= level:
            kind = "score" if one["column"] in said else "input"
            means = (
                f", mean {one['before']:.4g} → {one['now']:.4g}"
                if one["kind"] == "number" and one["now"] is not None
                else ""
            )
            says = f"{one['column']} has drifted (distance {one['distance']:.2f}{means})"
            found.append({"kind": kind, "what": one["column"], "says": says})
    return found


def _means(one: Mapping[str, Any]) -> str:
    there = one["kind"] == "number" and one["now"] is not None
    return f", mean {one['before']:.4g} → {one['now']:.4g}" if there else ""


def _group_alarms(groups: list[dict[str, Any]], level: float) -> list[dict[str, Any]]:
    found = []
    for one in groups:
        who = f"{one['group']} ({one['column']})"
        if one["share_adjusted"] <= level:
            if one["state"] == "missing":
                says = f"{who} is missing: none of the rows, {one['was_share']:.1%} of the run's"
            elif one["state"] == "new":
                says = f"{who} is new: {one['share']:.1%} of the rows, none of the run's"
            else:
                says = f"{who} is {one['share']:.1%} of the rows, and was {one['was_share']:.1%}"
            found.append({"kind": "group", "what": who, "says": says})
        if one["rate_adjusted"] <= level:
            says = f"{who} is selected at {one['rate']:.1%}, and was at {one['was_rate']:.1%}"
            found.append({"kind": "selection", "what": who, "says": says})
    return found


def kept(window: Window, here: Seen) -> pl.DataFrame:
    """What stays of the window's rows for labels to come: no input, and groups only where the rows bring them."""
    names = [KEY] + ([TIME] if TIME in window.rows.columns else [])
    attributes = here.groups.drop("selected", "score").rename(lambda name: f"group:{name}")
    return pl.concat([window.rows.select(names), here.known, attributes], how="horizontal")


def window_facts(window: Window, number: int) -> Mapping[str, Any]:
    """What a window is, beside what is judged of it."""
    return {"name": window.name, "number": number, "start": window.start, "end": window.end, "rows": window.rows.height}
