"""Reads scenes for obstacle: the simulated sample, or COCO's format; held-out scene families go to the test alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from evenhand import BadInput, Recipe, Splits, splits_from_rows
from evenhand_autonomy.obstacles.coco import read_coco
from evenhand_autonomy.obstacles.detector import HIGH
from evenhand_autonomy.obstacles.frames import NOT_APPLICABLE, table_of
from evenhand_autonomy.obstacles.samples import obstacle_scenes
from evenhand_autonomy.scenes.facts import CATEGORIES


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """The scenes as rows: one per object, and some per picture for false alarms."""
    held_out = texts(recipe, "hold_out")
    if source is None:
        frames: Any = obstacle_scenes(recipe.seed, recipe.options.get("planted", True) is not False)
        named = "simulated road scenes"
    else:
        if not Path(source).exists():
            raise BadInput(f"{source} is not there; give a folder with COCO's annotations/*.json and images/")
        frames, named = read_coco(Path(source), _called(recipe)), str(source)
    table = table_of(frames, HIGH)
    kept = tuple(name for name in recipe.schema.sensitive if name not in table or _comparable(table[name]))
    roles: dict[str, Any] = {"sensitive": kept}
    if not all(frame.split for frame in frames):
        roles["split"] = None
    rule = recipe.model_copy(update={"schema_": recipe.schema.model_copy(update=roles)})
    splits = _without(splits_from_rows(rule, table, named), held_out)
    alike = [name for name in recipe.schema.sensitive if name not in kept]
    if not alike:
        return splits
    note = f"nothing to compare by {', '.join(alike)}: the annotations tell it not, or all say the same"
    return replace(splits, notes=(*splits.notes, note))


def _comparable(values: list[Any]) -> bool:
    """Whether a column tells groups apart."""
    return len({*values} - {None, NOT_APPLICABLE}) > 1


def texts(recipe: Recipe, name: str) -> tuple[str, ...]:
    """A list of texts among the options."""
    value = recipe.options.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadInput(f'options.{name} = {value!r} is no list of texts; such as ["road works"], or [] for none')
    return tuple(value)


def _called(recipe: Recipe) -> dict[str, str]:
    """What the user's categories are called here."""
    told = recipe.options.get("categories", {})
    if not isinstance(told, dict) or any(ours and ours not in CATEGORIES for ours in told.values()):
        raise BadInput(
            f"options.categories = {told!r} should say which of {', '.join(CATEGORIES)} each of your categories is, or"
            ' "" to leave it out; such as {"person on bike" = "pedestrian"}'
        )
    return {str(name): str(ours) for name, ours in told.items()}


def _without(splits: Splits, families: tuple[str, ...]) -> Splits:
    """Train and validation without the pictures of these scene families."""
    if not families:
        return splits
    parts, gone = {}, 0
    for name in ("train", "validation"):
        rows = getattr(splits, name)
        kept = [place for place, family in enumerate(rows["family"]) if family not in families]
        gone += len(rows) - len(kept)
        parts[name] = rows.select(kept) if len(kept) < len(rows) else rows
    note = f"held out of training, to see what is done with the unforeseen: {', '.join(families)}"
    if gone:
        note += f" ({gone} rows of train and validation)"
    return replace(splits, **parts, notes=(*splits.notes, note))
