"""What summarise answers to the core's hooks; each answer is one call into the module that knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Adapted, GroupMetric, Metric, Predictions, Recipe, Section, Splits


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """Texts and their summaries, with what the texts mention."""
    from evenhand_nlp.summarise.samples import letters
    from evenhand_nlp.writing.data import load

    return load(recipe, source, letters, "simulated letters of customers")


def prepare_rows(recipe: Recipe, rows: Any) -> Any:
    """New texts with what they mention."""
    from evenhand_nlp.writing.data import prepare

    return prepare(recipe, rows)


def finetune(recipe: Recipe, splits: Splits, backbone: Any, run: Any) -> Adapted:
    """The tuned network, beside the first sentences."""
    from evenhand_nlp.summarise.leading import baselines
    from evenhand_nlp.writing.fitting import fit

    return fit(recipe, splits, backbone, run, baselines(recipe, splits))


def evaluate(recipe: Recipe, predictions: Predictions) -> list[Metric]:
    """ROUGE and chrF."""
    from evenhand_nlp.writing.evaluated import by_field

    return by_field(predictions, ("rouge1", "rouge2", "rougeL", "corpus_chrf"))


def audit_bias(recipe: Recipe, predictions: Predictions) -> list[GroupMetric]:
    """Whose texts are summarised well."""
    from evenhand_nlp.writing.audited import metrics
    from evenhand_nlp.writing.measures import SAYS, measure_of

    return metrics(SAYS[measure_of(recipe.options)])


def report_sections(run: Any) -> list[Section]:
    """How it learnt, and summaries to read."""
    from evenhand_nlp.writing.sections import of_learning, of_texts

    return [*of_learning(run), *of_texts(run, "Summaries")]
