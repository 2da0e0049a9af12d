"""What lane-following answers to the core's hooks; each answer is one call into the module that knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Adapted, Recipe, Section, Splits


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """Simulated drives, or a log of images and steering."""
    from evenhand_autonomy.lanes.data import load

    return load(recipe, source)


def finetune(recipe: Recipe, splits: Splits, backbone: Any, run: Any) -> Adapted:
    """A small network, taught in one place and adapted to another."""
    from evenhand_autonomy.lanes.fitting import fit

    return fit(recipe, splits, run)


def report_sections(run: Any) -> list[Section]:
    """The settings side by side, and the closed loop."""
    from evenhand_autonomy.lanes.section import sections

    return sections(run)
