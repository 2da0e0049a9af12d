"""What legal-clauses answers to the core's hooks; each answer is one call into the module that knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Adapted, Recipe, Section, Splits


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """The sentences or documents, with how they are worded."""
    from evenhand_nlp.legal.data import load

    return load(recipe, source)


def prepare_rows(recipe: Recipe, rows: Any) -> Any:
    """New sentences with how they are worded."""
    from evenhand_nlp.legal.data import prepare

    return prepare(recipe, rows)


def finetune(recipe: Recipe, splits: Splits, backbone: Any, run: Any) -> Adapted | None:
    """The core's strategy, and the sentences that decided."""
    if backbone is None:
        return None
    from evenhand_nlp.legal.deciding import fit

    return fit(recipe, splits, backbone, run)


def report_sections(run: Any) -> list[Section]:
    """Thresholds, and the sentences that decided."""
    from evenhand_nlp.legal.sections import sections

    return sections(run)
