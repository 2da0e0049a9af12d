"""What market-direction and market-volatility answer to the core's hooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Adapted, Estimate, Metric, Predictions, Recipe, Section, Splits


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """The bars as days to learn from, to choose by and to be tested on."""
    from evenhand_finance.market.data import load

    return load(recipe, source)


def prepare_rows(recipe: Recipe, rows: Any) -> Any:
    """New bars with their features."""
    from evenhand_finance.market.data import prepare

    return prepare(recipe, rows)


def finetune(recipe: Recipe, splits: Splits, **_: Any) -> Adapted:
    """A forecast that walks forward, beside naive ones."""
    from evenhand_finance.market.models import fit

    return fit(recipe, splits)


def evaluate(recipe: Recipe, predictions: Predictions) -> list[Metric]:
    """Net Sharpe ratios and their deflation, or QLIKE and the Diebold-Mariano test."""
    from evenhand_finance.market.metrics import performance

    return performance(recipe, predictions)


def audit_bias(recipe: Recipe, predictions: Predictions) -> list[Estimate]:
    """The same numbers by instrument and regime."""
    from evenhand_finance.market.groups import estimates

    return estimates(recipe, predictions)


def report_sections(run: Any) -> list[Section]:
    """Whether there is an edge, and the walk forward as a plot."""
    from evenhand_finance.market.report import sections

    return sections(run)
