"""What a mitigation did on the test rows: the model without it and with it, paired row by row, group by group.

It says who gains and who loses, what it costs, where a gap closed only because the better-off group fares worse
(levelling down: Mittelstadt, Wachter & Russell 2023), and whether a group is proven worse off than the recipe allows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.auditing import Estimate, GroupMetric
from evenhand.comparing import Change, Comparison, GapChange, compare
from evenhand.comparing.comparison import WORSE
from evenhand.json_values import json_value
from evenhand.mitigating.constraints import RATES, constraint_of, tolerance_of
from evenhand.mitigating.deciding import UNMITIGATED
from evenhand.predicting.predictions import question_of
from evenhand.recorded.audit_folder import audit_into

if TYPE_CHECKING:
    from evenhand.asking.question import Question
    from evenhand.extending.discovering import Plugins
    from evenhand.recipe import Recipe
    from evenhand.values import Predictions

FORMAT = "evenhand-mitigation"
MAIN = {"regression": "mae"}  # the metric that tells the cost; of all other tasks, accuracy


@dataclass(frozen=True, slots=True)
class Pair:
    """The question of the model without the mitigation and that of the model with it; of which label, if of several."""

    label: str | None
    before: Question
    after: Question


def effect(
    recipe: Recipe, predictions: Predictions, extra: Sequence[GroupMetric | Estimate], plugins: Plugins | None = None
) -> dict[str, Any]:
    """The facts of mitigation.json, from the predictions on disk alone."""
    rule, counted, tolerated = recipe.mitigation, _metrics(recipe), tolerance_of(recipe)
    found: dict[str, Any] = {"changes": [], "gaps": [], "levelling_down": [], "refused": [], "how": ""}
    for pair in _pairs(recipe, predictions, counted):
        comparison = _compared(pair, predictions, extra, plugins)
        main = MAIN.get(recipe.task, "accuracy")
        harms = harmed(comparison, {main, *tolerated}, rule.margin)
        mine = rule.columns or predictions.schema.sensitive[:1]
        down = levelled_down(comparison, mine)
        of = f"{pair.label}: " if pair.label is not None else ""
        largest = [gap for gap in comparison.gaps if gap.kind == "largest"]
        found["changes"] += [{"label": pair.label, **asdict(change)} for change in comparison.changes]
        found["gaps"] += [{"label": pair.label, **asdict(gap)} for gap in largest]
        found["levelling_down"] += [of + says for says in down]
        found["refused"] += [of + says for says in harms]
        found["how"], found["confidence"] = comparison.how, comparison.confidence
    about = {
        "format": FORMAT,
        "version": 1,
        "method": rule.method,
        "columns": list(rule.columns or predictions.schema.sensitive[:1]),
        "constraint": asdict(constraint_of(recipe)) if recipe.task in ("binary", "regression") else None,
        "main": MAIN.get(recipe.task, "accuracy"),
        "margin": rule.margin,
    }
    clean: dict[str, Any] = json_value({**about, **found})
    return clean


def _metrics(recipe: Recipe) -> tuple[str, ...]:
    """What is compared: what was to be even, what the tolerance is about, and what the method costs."""
    main = MAIN.get(recipe.task, "accuracy")
    even = RATES[constraint_of(recipe).name] if recipe.task == "binary" else ()
    return tuple(dict.fromkeys([main, *even, *tolerance_of(recipe)]))


def _pairs(recipe: Recipe, predictions: Predictions, metrics: tuple[str, ...]) -> list[Pair]:
    asked = question_of(recipe, predictions)
    plain: dict[str, Any] = {"metrics": metrics, "slices": (), "intersections": 1, "policy": None}
    plain |= {"favourable": None, "mitigation": "sweep", "tolerance": {}}
    decided, scored = predictions.baselines[UNMITIGATED], predictions.baseline_scores.get(UNMITIGATED)
    if predictions.task == "multilabel":
        return [_of_label(asked.but(**plain), name, predictions) for name in predictions.classes]
    if asked.prediction is not None:
        plain["threshold"] = None  # decisions are given, on both sides
    after = asked.but(**plain)
    before = after.but(
        score=scored if after.score is not None else None,
        prediction=decided if after.prediction is not None else None,
    )
    if predictions.task == "multiclass":
        return [Pair(None, before.but(score=None), after.but(score=None))]
    return [Pair(None, before, after)]


def _of_label(asked: Question, name: str, predictions: Predictions) -> Pair:
    """One label of several, as a question of its own."""
    roles = predictions.schema
    alone = asked.but(labels=(), label=name, task="binary", positive=1, score=None, threshold=None)
    columns = predictions.baselines[UNMITIGATED], str(roles.prediction)
    before, after = (alone.but(prediction=column.replace("{}", name)) for column in columns)
    return Pair(name, before, after)


def _compared(
    pair: Pair, predictions: Predictions, extra: Sequence[GroupMetric | Estimate], plugins: Plugins | None
) -> Comparison:
    """`evenhand compare` of two audits of the same rows."""
    own = [metric for metric in extra if isinstance(metric, GroupMetric) and metric.name in pair.after.metrics]
    with tempfile.TemporaryDirectory(prefix="evenhand-mitigation-") as folder:
        before, after = Path(folder) / "before", Path(folder) / "after"
        for side, question in ((before, pair.before), (after, pair.after)):
            audit_into(side, predictions.table, question=question, extra=own)
        return compare(before, after, extra=own, plugins=plugins)


def harmed(comparison: Comparison, metrics: set[str], margin: float) -> list[str]:
    """A sentence for each group proven to fare worse by more than `margin` in one of `metrics`.

    Of metrics without a bound, such as errors in the label's unit, the margin is a share of what it was before.
    """
    found = []
    for change in comparison.changes:
        limits = change.lower_simultaneous, change.upper_simultaneous
        if change.attribute is None or change.metric not in metrics or change.verdict != WORSE or None in limits:
            continue
        sure = min(abs(float(limit or 0.0)) for limit in limits)  # both on one side of 0
        unit = abs(change.first or 0.0) if change.metric in ("mae", "rmse") else 1.0
        if sure > margin * unit:
            found.append(
                f"{change.group} ({change.attribute}) is proven worse off in {change.metric} by more than the margin"
                f" of {margin:g}: {change.first:.3f} without the mitigation, {change.second:.3f} with it,"
                f" {_limits(change)}"
            )
    return found


def levelled_down(comparison: Comparison, columns: Sequence[str]) -> list[str]:
    """A sentence for each gap by one of `columns` that closed because who was better off fares worse, and who was worse
    off no better."""
    found = []
    for gap in comparison.gaps:
        if gap.kind != "largest" or gap.change >= 0 or gap.attribute not in columns:
            continue
        own = {c.group: c for c in comparison.changes if (c.attribute, c.metric) == (gap.attribute, gap.metric)}
        pair = [own[name] for name in (gap.group, gap.versus) if name in own]
        if len(pair) < 2 or not pair[0].better:
            continue
        sign = 1 if pair[0].better == "higher" else -1
        worse_off, better_off = sorted(pair, key=lambda change: sign * (change.first or 0.0))
        if _sure(better_off, -sign) and not _sure(worse_off, sign):
            found.append(
                f"levelling down: the gap in {gap.metric} by {gap.attribute} went from {gap.first:.3f} to"
                f" {gap.second:.3f} because {better_off.group} fares worse ({better_off.first:.3f} to"
                f" {better_off.second:.3f}), and {worse_off.group} is not proven to fare better ({worse_off.first:.3f}"
                f" to {worse_off.second:.3f})"
            )
    return found


def _sure(change: Change, sign: int) -> bool:
    """Whether the change's own interval lies on that side of 0."""
    lower, upper = change.lower, change.upper
    return lower is not None and upper is not None and (lower > 0 if sign > 0 else upper < 0)


def _limits(change: Change | GapChange) -> str:
    lower, upper = change.lower_simultaneous, change.upper_simultaneous
    return f"change {change.change:+.3f} [{lower:+.3f}, {upper:+.3f}], all comparisons allowed for"
