"""Reads a source into Arrow rows: one table, or one for each official split. Roles and splitting come later."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.auditing.read import numbers_from_text, open_source, unreadable
from evenhand.errors import BadInput
from evenhand.rundir import digest
from evenhand.schema import Schema

if TYPE_CHECKING:
    import polars as pl
    from datasets import Dataset

TABLES = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif")
PARTS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "devtest": "test",
}
FILE_COLUMNS = ("filename", "file_name")
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")

Parts = dict[str, "Dataset"]  # "all" for an undivided table, else "train" and perhaps "validation" and "test"


def read(source: Path | str, schema: Schema, modality: str) -> tuple[Parts, str]:
    """(rows by part, sha256 of the source's content). Raises BadInput for anything that is no table of rows."""
    path = Path(source)
    if not path.exists():
        if isinstance(source, str) and HUB_NAME.fullmatch(source) and not source.endswith(TABLES):
            return _from_hub(source)
        raise BadInput(f"{source} does not exist; check the path (--data)")
    if path.is_file():
        return {"all": _rows(path, schema, path.parent if modality == "image" else None)}, digest(path)
    parts = _from_folder(path, schema, modality)
    return parts, digest(path)


def to_rows(columns: dict[str, list[Any]] | pl.DataFrame) -> Dataset:
    """Arrow rows in memory from columns; nothing is written anywhere."""
    import polars as pl
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()  # progress is the run's to show
    frame = columns if isinstance(columns, pl.DataFrame) else pl.DataFrame(columns, strict=False)
    return Dataset(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))


def _from_folder(folder: Path, schema: Schema, modality: str) -> Parts:
    """A folder of one table, of a table (or shards) per split, of images with a metadata table, or of class folders."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.suffix.lower() in TABLES)
    images = folder if modality == "image" else None
    parts: dict[str, list[Path]] = {}
    for file in files:
        name = PARTS.get(re.split(r"[-_.]", file.stem.lower())[0])
        if name:
            parts.setdefault(name, []).append(file)
    if "train" in parts:
        return {name: _together([_rows(file, schema, images) for file in found]) for name, found in parts.items()}
    if len(files) == 1:
        return {"all": _rows(files[0], schema, images)}
    if files:
        names = ", ".join(file.name for file in files[:5])
        raise BadInput(
            f"{folder} holds several tables ({names}) and none is called train; name one file with --data, or call them train and test"
        )
    if modality == "image":
        return {"all": _class_folders(folder, schema)}
    raise BadInput(
        f"{folder} holds no table; put CSV, Parquet or JSON-lines files there, such as train.csv and test.csv"
    )


def _together(shards: list[Dataset]) -> Dataset:
    from datasets import concatenate_datasets

    try:
        return concatenate_datasets(shards) if len(shards) > 1 else shards[0]
    except ValueError as error:
        raise BadInput(
            f"the shards of one split have different columns: {' '.join(str(error).split())[:200]}; write them alike"
        ) from None


def _rows(file: Path, schema: Schema, images: Path | None) -> Dataset:
    """The rows of one file; where `images` is a folder, the column of file names becomes images."""
    import polars as pl

    source = open_source(file)
    lazy = source.frame
    if source.text:
        lazy = numbers_from_text(lazy, [c for c in lazy.collect_schema().names() if c not in schema.input])
    try:
        native: Any = lazy.to_native()
        frame: pl.DataFrame = native.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(file.name, error) from None
    if frame.height == 0:
        raise BadInput(f"{file} has no rows; it needs at least a few dozen to learn from")
    column = next((name for name in FILE_COLUMNS if name in frame.columns), None)
    if images is not None and column is not None:
        frame = frame.with_columns(pl.Series(column, [_image_path(images, str(name), file) for name in frame[column]]))
        return _as_images(to_rows(frame), column)
    rows = to_rows(frame)
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Struct) and {field.name for field in kind.fields} == {"bytes", "path"}:
            rows = _as_images(rows, name)
    return rows


def _as_images(rows: Dataset, column: str) -> Dataset:
    from datasets import Image

    return rows.cast_column(column, Image())


def _image_path(folder: Path, name: str, table: Path) -> str:
    """The image's absolute path, in the folder or its images/; a name that leads out of the folder is refused."""
    root = folder.resolve()
    for place in (root / "images" / name, root / name):
        inside = place.resolve()
        if not inside.is_relative_to(root):
            raise BadInput(
                f"{table.name} names the image '{name}', which is outside {folder}; keep the images in that folder"
            )
        if inside.is_file():
            return str(inside)
    raise BadInput(f"{table.name} names the image '{name}', which is neither in {folder} nor in its images/ folder")


def _class_folders(folder: Path, schema: Schema) -> Dataset:
    """Images in one folder per class: the folder's name is the label."""
    label = schema.label or "label"
    column = schema.input[0] if schema.input else "filename"
    root = folder.resolve()
    found = []
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            file = (Path(place) / name).resolve()
            if file.suffix.lower() in IMAGES and Path(place) != folder:
                if not file.is_relative_to(root):
                    raise BadInput(
                        f"the image '{name}' is a link to {file}, outside {folder}; keep the images in that folder"
                    )
                found.append((str(file), Path(place).name))
    if not found:
        raise BadInput(f"{folder} holds no images; give metadata.csv with a filename column, or one folder per class")
    found.sort()
    return _as_images(to_rows({column: [path for path, _ in found], label: [name for _, name in found]}), column)


def _from_hub(name: str) -> tuple[Parts, str]:
    """A data set of the Hugging Face hub by its name; its fingerprint is that of its Arrow content."""
    import hashlib

    from datasets import load_dataset

    if os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"):
        raise BadInput(f"{name} is no file here and HF_HUB_OFFLINE is set; give a path, or unset it to ask the hub")
    try:
        found = load_dataset(name)
    except Exception as error:
        raise BadInput(
            f"{name} is no file here and the hub does not give it: {' '.join(str(error).split())[:200]}"
        ) from None
    parts = {PARTS.get(part, part): rows for part, rows in found.items()}
    content = "".join(f"{part}:{rows._fingerprint}" for part, rows in sorted(parts.items()))
    parts = parts if "train" in parts else {"all": _together(list(parts.values()))}
    return parts, hashlib.sha256(content.encode()).hexdigest()
