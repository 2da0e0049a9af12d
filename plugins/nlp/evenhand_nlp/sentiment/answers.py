"""What sentiment answers to the core's hooks; the audit of groups is shared with every recipe about such texts."""

from __future__ import annotations

from pathlib import Path

from evenhand import Recipe, Splits
from evenhand_nlp.identity.answers import augment, finetune, prepare_rows, report_sections

__all__ = ["augment", "finetune", "load_data", "prepare_rows", "report_sections"]


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """The reviews, with what they mention."""
    from evenhand_nlp.identity.posts import Task, load
    from evenhand_nlp.sentiment.samples import reviews

    return load(recipe, source, Task("praise", "negative", reviews, "simulated reviews"))
