"""What toxicity answers to the core's hooks; each answer is one call into the module that knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Adapted, Recipe, Section, Splits


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """The posts, with what they mention."""
    from evenhand_nlp.toxicity.data import load

    return load(recipe, source)


def prepare_rows(recipe: Recipe, rows: Any) -> Any:
    """New posts with what they mention."""
    from evenhand_nlp.toxicity.data import prepare

    return prepare(recipe, rows)


def finetune(recipe: Recipe, splits: Splits, backbone: Any, run: Any) -> Adapted | None:
    """The model, mitigated where the recipe says so, and what it makes of exchanged groups."""
    if backbone is None:
        return None
    from evenhand_nlp.toxicity.fitting import fit

    return fit(recipe, splits, backbone, run)


def report_sections(run: Any) -> list[Section]:
    """The identity audit."""
    from evenhand_nlp.toxicity.sections import sections

    return sections(run)
