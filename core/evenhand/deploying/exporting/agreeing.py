"""Whether the exported model says the same as the original on real rows: the largest difference, and every decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from evenhand.adapting import scores
from evenhand.predicting.predictions import decide, label_scores, left_open
from evenhand.predicting.thresholds import given_labels, label_columns_of
from evenhand.scoring.scorer import Scorer

if TYPE_CHECKING:
    from datasets import Dataset

TOLERANCE = 1e-4  # of a probability; of a regression's value, as a share of the largest one


@dataclass(frozen=True, slots=True)
class Said:
    """What a model says of rows. scores: [rows, classes] or [rows]; columns: of the predictions table, by name."""

    scores: np.ndarray
    columns: Mapping[str, list[Any]]


def said_by_original(scorer: Scorer, rows: Dataset, facts: Mapping[str, Any]) -> Said:
    """Through the stages of a run."""
    adapted, schema = scorer.adapted, scorer.recipe.schema
    found = np.asarray(scores(adapted.model, rows, schema), dtype=np.float64)
    return Said(found, _columns(scorer, facts, found, left_open(adapted, rows, schema, found, ())))


def said_by_export(scorer: Any, frame: pl.DataFrame, facts: Mapping[str, Any]) -> Said:
    """By the exported files alone."""
    from evenhand.deploying.loading import ExportedScorer

    if not isinstance(scorer, ExportedScorer):
        from evenhand.data.reading import to_rows

        return said_by_original(scorer, to_rows(frame), facts)
    found, features = scorer.adapted.model.run(frame)
    outside = scorer.adapted.scope
    strange = {} if outside is None else {"none_of_these": outside.of(found, features)}
    if outside is not None:
        strange["abstained"] = strange["none_of_these"] > outside.threshold
    return Said(found, _columns(scorer, facts, found, strange))


def _columns(
    scorer: Scorer, facts: Mapping[str, Any], found: np.ndarray, strange: Mapping[str, np.ndarray]
) -> dict[str, list[Any]]:
    """The decisions and scores under the names that the run's predictions have for them."""
    adapted, recipe = scorer.adapted, scorer.recipe
    if recipe.task == "multilabel":
        scored = label_scores(adapted, found)
        pair = facts["prediction"], facts["score"]
        made = label_columns_of(given_labels(scored, adapted.labelled), scored, tuple(adapted.classes), pair)
        return {name: list(values) for name, values in made.items()}
    decided, probability = decide(recipe, adapted, found)
    columns: dict[str, list[Any]] = {facts["prediction"]: decided}
    if probability is not None and facts["score"] is not None:
        columns[facts["score"]] = probability
    named = [*facts.get("abstaining", ())]
    for name, values in zip(named, strange.values(), strict=True):
        columns[name] = values.tolist()
    return columns


def decisions_of(scorer: Scorer, facts: Mapping[str, Any], columns: Mapping[str, list[Any]]) -> np.ndarray:
    """What is decided of each row, as text [rows]; a regression decides nothing."""
    if scorer.recipe.task == "regression":
        return np.zeros(len(next(iter(columns.values()))), dtype=str)
    if scorer.recipe.task == "multilabel":
        names = [facts["prediction"].replace("{}", str(label)) for label in scorer.adapted.classes]
    else:
        names = [facts["prediction"], *list(facts.get("abstaining", ()))[1:]]
    return np.array(["\x1f".join(str(columns[name][row]) for name in names) for row in range(len(columns[names[0]]))])


def largest(one: np.ndarray, other: np.ndarray, task: str) -> float:
    """The largest difference; of a regression as a share of the largest value.

    >>> largest(np.array([1.0, 4.0]), np.array([1.0, 3.0]), "regression")
    0.25
    """
    apart = float(np.abs(one - other).max()) if one.size else 0.0
    return apart / max(float(np.abs(one).max()), 1e-12) if task == "regression" and one.size else apart


def agreement(
    scorer: Scorer,
    facts: Mapping[str, Any],
    original: Said,
    exported: Said,
    recorded: Mapping[str, list[Any]],
    number_format: str,
) -> dict[str, Any]:
    """What agreement.json holds. recorded: the run's own columns of the same rows, computed in `number_format`."""
    task = scorer.recipe.task
    mine = decisions_of(scorer, facts, exported.columns)
    score = facts["score"]
    shown = [name for name in exported.columns if score is not None and name in _score_names(scorer, score)]
    before, after = ([np.asarray(side[name], dtype=float) for name in shown] for side in (recorded, exported.columns))
    apart = [largest(a, b, task) for a, b in zip(before, after, strict=True)]
    differ = decisions_of(scorer, facts, original.columns) != mine
    found = largest(original.scores, exported.scores, task)
    return {
        "rows": len(mine),
        "tolerance": TOLERANCE,
        "largest": found,
        "decisions_differ": int(differ.sum()),
        "number_format": number_format,
        "run_largest": max(apart, default=0.0),
        "run_decisions_differ": int((decisions_of(scorer, facts, recorded) != mine).sum()),
        "agrees": bool(found <= TOLERANCE and not differ.any()),
    }


def _score_names(scorer: Scorer, pattern: str) -> set[str]:
    if scorer.recipe.task != "multilabel":
        return {pattern}
    return {pattern.replace("{}", str(label)) for label in scorer.adapted.classes}


def sentences(told: Mapping[str, Any]) -> list[str]:
    """What agreement.json says, for people."""
    rows = f"{told['rows']:,} test rows"
    verdict = "agrees with" if told["agrees"] else "DOES NOT AGREE with"
    said = [
        f"the exported model {verdict} the original on {rows}: largest difference {told['largest']:.2g}"
        f" (tolerance {told['tolerance']:g}), {told['decisions_differ']:,} decisions differ"
    ]
    if told["number_format"] != "fp32":
        said.append(
            f"the run itself was computed in {told['number_format']}, the export is in fp32:"
            f" {told['run_decisions_differ']:,} of {rows} are decided otherwise than in the run, by scores that move up"
            f" to {told['run_largest']:.2g}"
        )
    return said
