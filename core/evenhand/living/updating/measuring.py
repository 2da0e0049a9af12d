"""What the test rows of both periods say of the champion and of every strategy: audits of the same rows, paired."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from evenhand.auditing import GroupMetric
from evenhand.comparing import Comparison
from evenhand.comparing.side_by_side import compare_sides
from evenhand.comparing.sides import Side
from evenhand.errors import BadInput
from evenhand.files import digest
from evenhand.living.tuning.gap import gap_of
from evenhand.predicting.predictions import audit_of, predictions_of, predictions_table
from evenhand.values import Adapted, Splits

if TYPE_CHECKING:
    from evenhand.extending.discovering import Plugins
    from evenhand.recipe import Recipe

MERIT = {"binary": "auc", "multiclass": "accuracy"}
PERIODS = ("old", "new")
CHAMPION = "champion"


def knowing_nothing(recipe: Recipe, classes: int) -> float:
    """The merit of a model that has learnt nothing: an AUC of a half, or one class in so many right."""
    return 0.5 if recipe.task == "binary" else 1 / classes


def audited(
    recipe: Recipe, splits: Splits, model: Adapted, plugins: Plugins, folder: Path, name: str
) -> tuple[dict[str, Any], list[str]]:
    """(the audit of the model on the test rows of `splits`, faults of plugins); its files go into `folder`."""
    recipe = asked_shortly(recipe)
    table, facts = predictions_table(recipe, splits, replace(model, baselines={}))
    file = folder / f"{name}.parquet"
    pl.DataFrame(table, strict=False).write_parquet(file)
    (folder / f"{name}.facts.json").write_text(json.dumps(facts, default=str) + "\n", "utf-8")
    predictions = predictions_of(recipe, splits.schema, facts, file)
    extra, faults = plugins.collect(recipe, "audit_bias", recipe=recipe, predictions=predictions)
    audit = audit_of(recipe, predictions, extra)
    (folder / f"{name}.json").write_text(audit.to_json(), "utf-8")
    return dict(audit.data), faults


def asked_shortly(recipe: Recipe) -> Recipe:
    """The recipe without what takes long and is compared by nobody (slices, other thresholds), with the figure that
    strategies are told by."""
    asked = recipe.audit.but(slices=(), mitigation="sweep")
    if asked.metrics and MERIT[recipe.task] not in asked.metrics:
        asked = asked.but(metrics=(*asked.metrics, MERIT[recipe.task]))
    return recipe.model_copy(update={"audit": asked})


def paired(
    recipe: Recipe, splits: Splits, folder: Path, period: str, name: str, plugins: Plugins
) -> tuple[Comparison, dict[str, Any]]:
    """(champion and strategy on the same test rows of a period, the same as plain values)."""
    sides = [_side(recipe, splits, folder, f"{period}-{model}", plugins) for model in (CHAMPION, name)]
    found = compare_sides(sides[0], sides[1], paired=True)
    return found, {"changes": [asdict(c) for c in found.changes], "gaps": [asdict(g) for g in found.gaps]}


def _side(recipe: Recipe, splits: Splits, folder: Path, name: str, plugins: Plugins) -> Side:
    file = folder / f"{name}.parquet"
    audit = json.loads((folder / f"{name}.json").read_text("utf-8"))
    positive = (audit["question"].get("positive") or [None])[0]
    facts = json.loads((folder / f"{name}.facts.json").read_text("utf-8"))
    about = predictions_of(recipe, splits.schema, facts, file)
    answers, _ = plugins.collect(recipe, "audit_bias", recipe=recipe, predictions=about)
    own = tuple(answer for answer in answers if isinstance(answer, GroupMetric))
    return Side(folder / name, audit, file, digest(file), positive, own)


def transfers(
    recipe: Recipe, audits: Mapping[str, Mapping[str, Any]], compared: Mapping[str, Any], name: str, classes: int
) -> dict[str, Any]:
    """What learning the new period did to both, after Lopez-Paz & Ranzato 2017 (NeurIPS), for merit and gap alike.

    backward: the strategy minus the champion on the old test rows; forward: the champion on the new test rows before it
    learnt them, minus a model that has learnt nothing (for the gap: minus its gap on the old rows); gained: the
    strategy minus the champion on the new test rows. Limits are at the audit's confidence, for one figure alone.
    """
    metric = MERIT[recipe.task]
    gap = gap_asked(recipe, audits["old-champion"])
    before = {period: value_of(audits[f"{period}-{CHAMPION}"], metric) for period in PERIODS}
    wide = {period: gap_value(recipe, audits[f"{period}-{CHAMPION}"], gap) for period in PERIODS}
    found: dict[str, Any] = {"forward": {"merit": _minus(before["new"], knowing_nothing(recipe, classes))}}
    found["forward"]["gap"] = _minus(wide["new"], wide["old"])
    for period, word in zip(PERIODS, ("backward", "gained"), strict=True):
        found[word] = {"merit": _overall(compared[period][name], metric), "gap": _gap(compared[period][name], gap)}
    return found


def gap_asked(recipe: Recipe, audit: Mapping[str, Any]) -> tuple[str, str] | None:
    """(metric, attribute) whose gap is followed: the champion's largest in the old period; None without groups."""
    try:
        found = gap_of(audit, recipe.tune.constraints.gap)
    except BadInput:
        return None
    return found.metric, found.attribute


def gap_value(recipe: Recipe, audit: Mapping[str, Any], gap: tuple[str, str] | None) -> float | None:
    """The largest gap of that metric by that attribute."""
    if gap is None:
        return None
    rule = recipe.tune.constraints.gap.model_copy(update={"metric": gap[0], "attribute": gap[1]})
    try:
        return gap_of(audit, rule).value
    except BadInput:
        return None


def value_of(audit: Mapping[str, Any], metric: str) -> float | None:
    """The audit's figure over all rows."""
    entry = audit["overall"].get(metric)
    return None if entry is None or entry["value"] is None else float(entry["value"])


def _minus(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other


def _overall(compared: Mapping[str, Any], metric: str) -> dict[str, Any] | None:
    change = next((c for c in compared["changes"] if c["attribute"] is None and c["metric"] == metric), None)
    return change and {key: change[key] for key in ("first", "second", "change", "lower", "upper", "verdict")}


def _gap(compared: Mapping[str, Any], gap: tuple[str, str] | None) -> dict[str, Any] | None:
    kinds = [g for g in compared["gaps"] if g["kind"] == "largest" and (g["metric"], g["attribute"]) == gap]
    keys = ("first", "second", "change", "lower", "upper", "verdict", "group_second", "versus_second")
    return {key: kinds[0][key] for key in keys} if kinds else None


def finite(value: Any) -> bool:
    """Whether there is a number."""
    return value is not None and bool(np.isfinite(value))
