"""What credit-default answers to the core's hooks; each answer is one call into the module that knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Adapted, Estimate, Predictions, Recipe, Section, Splits


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """The applications, checked."""
    from evenhand_finance.credit.reading import load

    return load(recipe, source)


def prepare_rows(recipe: Recipe, rows: Any) -> Any:
    """New rows with their amounts as numbers."""
    from evenhand_finance.credit.reading import prepare

    return prepare(recipe, rows)


def finetune(recipe: Recipe, splits: Splits, run: Any, **_: Any) -> Adapted | None:
    """The model, its reasons, and the search for one that is less discriminatory; None for the core's strategies."""
    if recipe.options.get("model") == "backbone":
        return None
    from evenhand_finance.credit.training import train

    return train(recipe, splits, run)


def audit_bias(recipe: Recipe, predictions: Predictions) -> list[Estimate]:
    """Standardised mean differences of the score."""
    from evenhand_finance.credit.differences import standardised

    return standardised(recipe, predictions)


def report_sections(run: Any) -> list[Section]:
    """Alternatives, reasons, proxies."""
    from evenhand_finance.credit.sections import sections

    return sections(run)
