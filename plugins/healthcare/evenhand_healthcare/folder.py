"""A folder of films beside its table: rows whose film is not there, and films that no row names, are listed.

options.rows_without_image   refuse (as the recipes have it) or skip: such rows are left out, and counted in the report
options.images_without_row   skip (they are counted in the report) or refuse

Names stand in the sentence of a refusal, which whoever has the files reads, and never in a report.
"""

from __future__ import annotations

import os
from pathlib import Path

from evenhand import BadInput, Recipe, Schema, Splits, read_splits

FILMS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".dcm", ".nii", ".nii.gz")
ANSWERS = ("refuse", "skip")
LISTED = 10


def read(recipe: Recipe, source: Path | str) -> tuple[Splits, list[str]]:
    """(the source's rows that have a film, what was left out in words). BadInput lists what the options refuse."""
    lacking: list[str] = []
    splits = read_splits(recipe, source, lacking)
    notes = []
    if lacking:
        if _answer(recipe, "rows_without_image", "refuse") == "refuse":
            raise BadInput(
                f"{len(lacking):,} rows of {source} name an image that is neither in the folder nor in its images/"
                f" folder: {_listed(lacking)}; put them there, or leave those rows out with --set"
                " options.rows_without_image=skip"
            )
        notes.append(f"left out, as their image is not there: {len(lacking):,} rows")
    spare = unnamed(Path(source), recipe.schema)
    if spare:
        if _answer(recipe, "images_without_row", "skip") == "refuse":
            raise BadInput(
                f"{len(spare):,} images of {source} have no row in its table: {_listed(spare)}; add the rows, take the"
                " images away, or let them be with --set options.images_without_row=skip"
            )
        notes.append(f"images that no row names, and that are not used: {len(spare):,}")
    return splits, notes


def _answer(recipe: Recipe, option: str, usual: str) -> str:
    said = recipe.options.get(option, usual)
    if said not in ANSWERS:
        raise BadInput(f"options.{option} is {said!r}; say {' or '.join(ANSWERS)}")
    return str(said)


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:LISTED])
    return f"{shown} and {len(names) - LISTED:,} more" if len(names) > LISTED else shown


def unnamed(folder: Path, schema: Schema) -> list[str]:
    """Films below a folder with metadata.csv that no row of it names; of a DICOM series one file stands for all."""
    import polars as pl

    table = folder / "metadata.csv"
    if not table.is_file():
        return []
    frame = pl.read_csv(table, infer_schema=False)
    column = next((name for name in (*schema.input, "filename", "file_name") if name in frame.columns), None)
    if column is None:
        return []
    root = folder.resolve()
    named = {(place / name).resolve() for name in frame[column].drop_nulls() for place in (root, root / "images")}
    series = {path.parent for path in named if path.suffix.lower() == ".dcm"} - {root, root / "images"}
    spare = []
    for place, _, names in os.walk(root):
        for name in names:
            path = Path(place) / name
            if name.lower().endswith(FILMS) and path not in named and path.parent not in series:
                spare.append(path.relative_to(root).as_posix())
    return sorted(spare)
