"""Reads drives for lane-following: the simulated sample, or a log of images and steering."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from evenhand import BadInput, Recipe, Splits, splits_from_rows
from evenhand_autonomy.lanes.logs import read_log
from evenhand_autonomy.lanes.samples import simulated_drives

NOT_TOLD = "not told"
TOLD = ("road_type", "weather", "time_of_day")


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """The drives as rows of pictures with their steering in degrees; slices that cannot be compared are left out."""
    if source is None:
        table, named, notes = dict(simulated_drives(recipe.seed)), "simulated drives", []
    else:
        path = Path(source)
        if not path.exists():
            raise BadInput(f"{source} is not there; give a drive log (CSV) or its folder")
        unit, lock = str(recipe.options.get("steering_unit")), positive(recipe, "full_lock_degrees")
        table, notes = read_log(path, unit, lock)
        named = str(source)
    rows = len(table["image"])
    for name in TOLD:
        table[name] = [value or NOT_TOLD for value in table.get(name, [None] * rows)]
    table.setdefault("bend", [by_angle(angle) for angle in table["steering"]])
    table.setdefault("lane_offset", [None] * rows)
    kept = tuple(name for name in recipe.schema.sensitive if name not in table or len(set(table[name])) > 1)
    roles: dict[str, Any] = {"sensitive": kept}
    if "split" not in table:
        roles["split"] = None
    bare = recipe.model_copy(update={"schema_": recipe.schema.model_copy(update=roles)})
    splits = splits_from_rows(bare, table, named)
    alike = [name for name in recipe.schema.sensitive if name not in kept]
    if alike:
        notes = [*notes, f"nothing to compare by {', '.join(alike)}: every row says the same, or the log tells it not"]
    return replace(splits, notes=(*splits.notes, *notes))


def by_angle(angle: float) -> str:
    """A bend in words, where only steering is known."""
    return "straight" if abs(angle) < 1 else "wide bend" if abs(angle) < 4 else "tight bend"


def positive(recipe: Recipe, name: str) -> float:
    """A number above zero among the options."""
    value = recipe.options.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise BadInput(f"options.{name} = {value!r}; give a number above 0")
    return float(value)


def counts(recipe: Recipe) -> tuple[int, ...]:
    """How many labelled frames of the new place the settings use, from few to many."""
    value = recipe.options.get("labelled_frames")
    fine = isinstance(value, list) and value and all(isinstance(k, int) and not isinstance(k, bool) for k in value)
    if not fine or sorted(set(value)) != value or value[0] < 0:
        raise BadInput(f"options.labelled_frames = {value!r}; give rising whole numbers, such as [0, 10, 50, 200]")
    return tuple(value)
