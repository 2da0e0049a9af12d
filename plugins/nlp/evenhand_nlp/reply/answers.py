"""What support-reply answers to the core's hooks; each answer is one call into the module that knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Adapted, GroupMetric, Metric, Predictions, Recipe, Section, Splits


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """Messages and their replies, with what the messages mention."""
    from evenhand_nlp.reply.samples import cases
    from evenhand_nlp.writing.data import load

    return load(recipe, source, cases, "simulated cases of a support desk")


def prepare_rows(recipe: Recipe, rows: Any) -> Any:
    """New messages with what they mention."""
    from evenhand_nlp.writing.data import prepare

    return prepare(recipe, rows)


def finetune(recipe: Recipe, splits: Splits, backbone: Any, run: Any) -> Adapted | None:
    """The nearest accepted reply."""
    if backbone is None:
        return None
    from evenhand_nlp.reply.fitting import fit

    return fit(recipe, splits, backbone, run)


def evaluate(recipe: Recipe, predictions: Predictions) -> list[Metric]:
    """How many messages get a reply, and how good those are."""
    from evenhand_nlp.writing.evaluated import of_given

    return of_given(predictions)


def audit_bias(recipe: Recipe, predictions: Predictions) -> list[GroupMetric]:
    """Who gets an acceptable reply."""
    from evenhand_nlp.writing.audited import metrics
    from evenhand_nlp.writing.measures import SAYS, measure_of

    return metrics(SAYS[measure_of(recipe.options)])


def report_sections(run: Any) -> list[Section]:
    """Abstention, exchanged groups, replies to read."""
    from evenhand_nlp.reply.sections import sections

    return sections(run)
