"""What fraud answers to the core's hooks; each answer is one call into the module that knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Adapted, Estimate, Predictions, Recipe, Section, Splits


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """The stream as days to learn from and days to be tested on."""
    from evenhand_finance.fraud.data import load

    return load(recipe, source)


def prepare_rows(recipe: Recipe, rows: Any) -> Any:
    """New transactions with their features."""
    from evenhand_finance.fraud.data import prepare

    return prepare(recipe, rows)


def finetune(recipe: Recipe, splits: Splits, **_: Any) -> Adapted:
    """Boosted trees of several seeds, beside the handbook's models."""
    from evenhand_finance.fraud.models import fit

    return fit(recipe, splits)


def evaluate(recipe: Recipe, predictions: Predictions) -> list[Estimate]:
    """AUC, average precision and card precision, with intervals clustered by card."""
    from evenhand_finance.fraud.metrics import performance

    return performance(predictions, recipe.options["customer"])


def audit_bias(recipe: Recipe, predictions: Predictions) -> list[Estimate]:
    """Who bears the false alarms."""
    from evenhand_finance.fraud.burden import estimates

    return estimates(predictions, recipe.options["customer"])


def report_sections(run: Any) -> list[Section]:
    """The burden and the alert-budget curve."""
    from evenhand_finance.fraud.report import sections

    return sections(run)
