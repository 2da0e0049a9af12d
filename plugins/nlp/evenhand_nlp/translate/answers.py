"""What translate answers to the core's hooks; each answer is one call into the module that knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Adapted, BadInput, GroupMetric, Metric, Predictions, Recipe, Section, Splits


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """Texts and their translations, with what the texts mention."""
    if not recipe.backbone:  # before anything is read
        from evenhand_nlp.writing.needs import needs_backbone

        raise BadInput(needs_backbone(recipe))
    from evenhand_nlp.translate.samples import sentences
    from evenhand_nlp.writing.data import load

    return load(recipe, source, sentences, "simulated sentences")


def prepare_rows(recipe: Recipe, rows: Any) -> Any:
    """New texts with what they mention."""
    from evenhand_nlp.writing.data import prepare

    return prepare(recipe, rows)


def finetune(recipe: Recipe, splits: Splits, backbone: Any, run: Any) -> Adapted:
    """The tuned network, beside the source as it is, and what becomes of women and men."""
    from evenhand_nlp.translate.fitting import fit

    return fit(recipe, splits, backbone, run)


def evaluate(recipe: Recipe, predictions: Predictions) -> list[Metric]:
    """BLEU and chrF."""
    from evenhand_nlp.writing.evaluated import by_field

    return by_field(predictions, ("bleu", "corpus_chrf"))


def audit_bias(recipe: Recipe, predictions: Predictions) -> list[GroupMetric]:
    """Whose texts are translated well."""
    from evenhand_nlp.writing.audited import metrics
    from evenhand_nlp.writing.measures import SAYS, measure_of

    return metrics(SAYS[measure_of(recipe.options)])


def report_sections(run: Any) -> list[Section]:
    """Women and men, how it learnt, and translations to read."""
    from evenhand_nlp.translate.sections import sections

    return sections(run)
