"""What is installed, from Python: the same answers as `evenhand plugins`, `recipes`, `backbones`, `show` and
`doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evenhand.extending.discovering import load
from evenhand.recipe import Recipe
from evenhand.values import Backbone


def plugins() -> list[dict[str, str]]:
    """The installed plugins as {plugin, distribution, state}; a broken one is quarantined, with the reason in its
    state."""
    loaded = load()
    rows = [{"plugin": name, "distribution": about, "state": "works"} for name, about in loaded.names()]
    broken = [
        {"plugin": name, "distribution": loaded.about(name), "state": f"quarantined: {why}"}
        for name, why in sorted(loaded.faults.items())
    ]
    return rows + broken


def recipes() -> dict[str, Recipe]:
    """The jobs that can be run, by full name."""
    return load().recipes()


def backbones() -> dict[str, Backbone]:
    """The pretrained networks, by name; each has a card."""
    return load().backbones()


def backbone(name: str) -> Backbone:
    """The pretrained network of this name; also `local:DIR`, `hf:DIR`, `hf:OWNER/NAME`. Raises BadInput."""
    return load().backbone(name)


def show(recipe: str, settings: Sequence[str] = ()) -> list[dict[str, Any]]:
    """A recipe's values as {key, value, origin}, with settings such as "finetune.epochs=3" in place. Raises
    BadInput."""
    resolved = load().recipe(recipe).with_settings(list(settings)).resolved()
    return [{"key": key, "value": value, "origin": origin} for key, value, origin in resolved]


def doctor() -> list[dict[str, str]]:
    """This machine as {check, state, found}; the state is fine, absent or, where a run would fail, broken."""
    from evenhand.extending.doctor_checks import examine

    return [{"check": check, "state": state, "found": found} for check, state, found in examine(load())]
