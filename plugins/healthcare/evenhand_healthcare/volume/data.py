"""Volumes with their records: read as radiographs are, and fitted slab by slab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Adapted, Backbone, BadInput, Recipe, Splits, splits_from_rows
from evenhand_healthcare import chest_xray

prepare = chest_xray.prepare


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """The source's volumes (None: the simulated sample), with sex, age_band and site as groups.

    A row names a NIfTI file, or any one file of a DICOM series, whose folder holds the others.
    """
    if source is None:
        from evenhand_healthcare.volume.samples import SIMULATED, heads

        bare = chest_xray.without(recipe, ("sensitive",))
        splits = splits_from_rows(bare, heads(recipe.seed), f"simulated heads, {SIMULATED}")
    else:
        splits = chest_xray.read(recipe, source)
    return chest_xray.with_groups(recipe, splits)


def fit(recipe: Recipe, splits: Splits, backbone: Backbone | None, run: Any) -> Adapted:
    """See `volume.fitting`."""
    from evenhand_healthcare.volume import fitting

    if backbone is None:
        raise BadInput("volumes are read by a backbone for pictures; name one with --set backbone=NAME")
    return fitting.fit(recipe, splits, backbone, run)
