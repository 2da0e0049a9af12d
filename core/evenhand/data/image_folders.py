"""Where a table's or a folder's images lie: never outside the folder that was named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from evenhand.errors import BadInput
from evenhand.schema import Schema

if TYPE_CHECKING:
    import polars as pl

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".dcm")
FILE_COLUMNS = ("filename", "file_name")


def image_column(frame: pl.DataFrame, schema: Schema) -> str | None:
    """The column of image file names: the schema's input, or by convention; None where images are in the table."""
    import polars as pl

    wanted = [*schema.input[:1], *FILE_COLUMNS]
    column = next((name for name in wanted if name in frame.columns), None)
    return column if column and frame.schema[column] == pl.String else None


def image_path(folder: Path, name: str | None, table: Path) -> str:
    """The image's absolute path, in the folder or its images/; a name that leads out of the folder is refused."""
    if not name:
        raise BadInput(f"a row of {table} names no image; fill in its file name, or remove the row")
    found = _found(folder, name, table)
    if found is None:
        raise BadInput(f"{table} names the image '{name}', which is neither in {folder} nor in its images/ folder")
    return found


def is_there(folder: Path, name: str, table: Path) -> bool:
    """Whether the image is in the folder or its images/; a name that leads out of the folder is refused."""
    return _found(folder, name, table) is not None


def _found(folder: Path, name: str, table: Path) -> str | None:
    root = folder.resolve()
    outside = BadInput(f"{table} names the image '{name}', which is outside {folder}; keep the images in that folder")
    if Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
        raise outside
    for place in (root / "images" / name, root / name):
        file = place.resolve()
        if not file.is_relative_to(root):
            raise outside
        if file.is_file():
            return str(file)
    return None


def class_folders(folder: Path, schema: Schema) -> pl.DataFrame:
    """One row per image below `folder`: its path as the schema's input, the name of its own folder as the label."""
    import polars as pl

    found: list[tuple[str, str]] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and inside(Path(place) / name, folder))
        for name in names:
            file = Path(place) / name
            if file.suffix.lower() in IMAGES and not name.startswith(".") and Path(place) != folder:
                inside(file, folder)
                found.append((str(file.resolve()), Path(place).name))
    if not found:
        raise BadInput(f"{folder} holds no images; give metadata.csv with a filename column, or one folder per class")
    found.sort()
    column = schema.input[0] if schema.input else FILE_COLUMNS[0]
    columns = {column: [path for path, _ in found], schema.label or "label": [name for _, name in found]}
    return pl.DataFrame(columns)


def inside(path: Path, folder: Path) -> bool:
    """True; BadInput where `path` is a link that leads out of `folder`."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadInput(f"{path} is a link that leads outside {folder}; keep the images in that folder")
    return True
