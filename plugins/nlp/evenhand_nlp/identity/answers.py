"""What recipes with an identity audit answer to the core's hooks; each is one call into another module."""

from __future__ import annotations

from typing import Any

from evenhand import Adapted, Recipe, Section, Splits


def prepare_rows(recipe: Recipe, rows: Any) -> Any:
    """New texts with what they mention."""
    from evenhand_nlp.identity.posts import prepare

    return prepare(recipe, rows)


def finetune(recipe: Recipe, splits: Splits, backbone: Any, run: Any) -> Adapted | None:
    """The core's model, and what it makes of exchanged groups."""
    if backbone is None:
        return None
    from evenhand_nlp.identity.fitting import fit

    return fit(recipe, splits, backbone, run)


def augment(recipe: Recipe, rows: Any, columns: list[str]) -> Any:
    """Texts about the other groups of the axes that they name."""
    from evenhand_nlp.identity.augmenting import about_others

    return about_others(recipe, rows, columns)


def report_sections(run: Any) -> list[Section]:
    """The identity audit."""
    from evenhand_nlp.identity.sections import sections

    return sections(run)
