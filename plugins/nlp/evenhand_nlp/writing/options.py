"""Settings of the recipes that write texts, read or refused in one sentence."""

from __future__ import annotations

from evenhand import BadInput, Recipe


def share(recipe: Recipe, name: str) -> float:
    """A share in (0, 1]."""
    value = recipe.options.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise BadInput(f"options.{name} = {value!r} is no share; give a number above 0 and up to 1")
    return float(value)


def whole(recipe: Recipe, name: str, least: int = 1) -> int:
    """A whole number."""
    value = recipe.options.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadInput(f"options.{name} = {value!r}; give a whole number of {least} or more")
    return value


def acceptable_from(recipe: Recipe) -> float:
    """The quality from which a text is acceptable."""
    return 0.5 if recipe.audit.threshold is None else float(recipe.audit.threshold)
