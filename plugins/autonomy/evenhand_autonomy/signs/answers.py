"""What traffic-sign answers to the core's hooks; each answer is one call into the module that knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Adapted, Recipe, Section, Splits


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """The pictures of signs, by track."""
    from evenhand_autonomy.signs.data import load

    return load(recipe, source)


def finetune(recipe: Recipe, splits: Splits, backbone: Any, run: Any) -> Adapted:
    """A model in each setting, from simulation only to all labels."""
    from evenhand_autonomy.signs.settings import adapt

    return adapt(recipe, splits, backbone, run)


def report_sections(run: Any) -> list[Section]:
    """The settings beside each other, the contact sheet, the errors."""
    from evenhand_autonomy.signs.section import sections

    return sections(run)
