"""What the metrics of two recorded audits mean: built in, given, of the plugin whose recipe ran, or only what is
recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.comparing.sides import Side
from evenhand.errors import BadInput
from evenhand.extending import discovering
from evenhand.extending.discovering import Plugins
from evenhand.predicting.predictions import predictions_of
from evenhand.recorded.finished import MANIFEST, open_run
from evenhand.schema import Schema
from evenhand.statistics.arrays import Floats


@dataclass(frozen=True, slots=True)
class Definitions:
    """The metrics of both audits that mean the same in both, by name.

    computed: those that rows give again. foreign: which of them are a plugin's, and may fail. recorded: those that
    nobody here defines, of which only the recorded numbers are known.
    """

    computed: Mapping[str, GroupMetric]
    foreign: frozenset[str]
    recorded: Mapping[str, GroupMetric]


def with_definitions(
    sides: tuple[Side, Side], given: Sequence[GroupMetric], plugins: Plugins | None, notes: list[str]
) -> tuple[Side, Side]:
    """Both sides with the metrics that are not built in: what is given, and what plugins bring for the recipes of
    runs."""
    one, two = (replace(side, own=tuple(given)) for side in sides)
    lacking = [side for side in (one, two) if side.is_run and side.undefined()]
    if not lacking:
        return one, two
    plugins = plugins or discovering.load()
    found = list(given)
    for side in lacking:
        brought, faults = _brought(side, plugins)
        found += brought
        notes += [fault for fault in faults if fault not in notes]
    return replace(one, own=tuple(found)), replace(two, own=tuple(found))


def _brought(side: Side, plugins: Plugins) -> tuple[list[GroupMetric], list[str]]:
    """(the metrics that plugins bring for the run's recipe and predictions, the faults of those that fail)."""
    run = open_run(side.path)
    recipe, record = run.recipe(), run.stage("predict")
    try:
        predictions = predictions_of(recipe, Schema.model_validate(record["schema"]), record["facts"], side.source)
    except (KeyError, TypeError, ValueError):
        raise BadInput(
            f"{side.path / MANIFEST} is damaged: it does not say what was predicted; run the recipe again"
        ) from None
    answers, faults = plugins.collect(recipe, "audit_bias", recipe=recipe, predictions=predictions)
    return [answer for answer in answers if isinstance(answer, GroupMetric)], faults


def definitions_of(one: Side, two: Side, notes: list[str]) -> Definitions:
    """The metrics that both audits found defined, with the same formula. Raises BadInput where there is none."""
    records = [side.recorded() for side in (one, two)]
    common = [name for name in records[0] if name in records[1] and _same(name, *records)]
    if dropped := sorted({*records[0], *records[1]} - set(common)):
        notes.append(f"Left out, being defined in one audit only, or otherwise there: {', '.join(dropped)}.")
    if not common:
        raise BadInput(f"{one.path} and {two.path} have no metric in common; audit both with the same --metrics")
    first, second = one.metrics(), two.metrics()
    computed = {name: first[name] for name in common if name in first and name in second}
    recorded = {name: as_recorded(records[0][name]) for name in common if name not in computed}
    if recorded:
        notes.append(
            f"Nobody here defines {', '.join(recorded)} as recorded (install the plugin, or name the metrics with"
            " extra=), so they are compared by their recorded intervals, as independent samples."
        )
    return Definitions(computed, frozenset(computed) & one.foreign(), recorded)


def _same(name: str, one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    return bool(one[name]["formula"] == two[name]["formula"])


def as_recorded(about: Mapping[str, Any]) -> GroupMetric:
    """A metric of which only audit.json knows: its numbers can be read there, and not be computed again."""

    def function(counts: Counts) -> Floats:
        return np.full(counts.tp.shape, np.nan)

    return GroupMetric(
        name=about["name"],
        function=function,
        formula=about["formula"],
        better=about["better"],
        unit=about["unit"],
        source=about["source"],
        says=about["says"],
        label=about["label"],
        bounded=about["unit"] == "share",
    )
