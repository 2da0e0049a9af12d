"""Hands a hook of a plugin with several recipes to the module of the recipe that is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenhand.recipe import Recipe


def answer(modules: Mapping[str, str], recipe: Recipe, hook: str, /, **arguments: Any) -> Any:
    """What the function `hook` of the recipe's module makes of the arguments.

    modules: name of a recipe -> the module with its answers, imported when it is first needed. None where the recipe is
    another plugin's or its module has no such function, which leaves the hook to the core.
    """
    if recipe.name not in modules:
        return None
    found = getattr(import_module(modules[recipe.name]), hook, None)
    return found(**arguments) if found else None
