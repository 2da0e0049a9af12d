"""What answer answers to the core's hooks; each answer is one call into the module that knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Adapted, GroupMetric, Metric, Predictions, Recipe, Section, Splits


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """Contexts, questions and answers, with what they mention."""
    from evenhand_nlp.answering.samples import questions
    from evenhand_nlp.writing.data import load

    return load(recipe, source, questions, "simulated records of rooms")


def prepare_rows(recipe: Recipe, rows: Any) -> Any:
    """New contexts and questions with what they mention."""
    from evenhand_nlp.writing.data import prepare

    return prepare(recipe, rows)


def finetune(recipe: Recipe, splits: Splits, backbone: Any, run: Any) -> Adapted:
    """The tuned network, beside the most frequent answer, and what it says where the text does not tell."""
    from evenhand_nlp.answering.fitting import fit

    return fit(recipe, splits, backbone, run)


def evaluate(recipe: Recipe, predictions: Predictions) -> list[Metric]:
    """Exact match and F1."""
    from evenhand_nlp.writing.evaluated import by_field

    return by_field(predictions, ("exact", "f1"))


def audit_bias(recipe: Recipe, predictions: Predictions) -> list[GroupMetric]:
    """Whose questions are answered well."""
    from evenhand_nlp.writing.audited import metrics
    from evenhand_nlp.writing.measures import SAYS, measure_of

    return metrics(SAYS[measure_of(recipe.options)])


def report_sections(run: Any) -> list[Section]:
    """Ambiguous questions, how it learnt, and answers to read."""
    from evenhand_nlp.answering.sections import sections

    return sections(run)
