"""GTSRB as its authors publish it: folders of pictures with a semicolon CSV that tells each sign's box and class."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evenhand import BadInput
from evenhand_autonomy.signs.pictures import LEAST

BOX = ("Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2")
MARGIN = 0.1  # of the box's side that is kept around it, as in the benchmark's own cuts
TEST = ("test",)


def annotation_files(folder: Path) -> list[Path]:
    """The CSV files below `folder` with the benchmark's columns. Raises BadInput where one beside them is empty."""
    found, empty = [], []
    for file in sorted(folder.rglob("*.csv")):
        with file.open(encoding="utf-8-sig", errors="replace") as text:
            first = text.readline()
        if "Filename" in first and ";" in first:
            found.append(file)
        elif not first.strip():
            empty.append(file)
    if found and empty:
        raise BadInput(
            f"{empty[0]} is empty, so the signs of its folder would be missing; fill it in, or remove the file"
        )
    return found


def read_annotations(folder: Path, files: list[Path]) -> dict[str, list[Any]]:
    """Columns image, class_id, sign, split, width, height of every annotated picture. Raises BadInput."""
    table: dict[str, list[Any]] = {name: [] for name in ("image", "class_id", "sign", "split", "width", "height")}
    for file in files:
        rows = 0
        for line, row in _rows(file):
            rows += 1
            picture, wide, high = _cut(folder, file, line, row)
            split = "test" if any(word in str(file.relative_to(folder)).lower() for word in TEST) else "train"
            track = Path(row["Filename"]).stem.split("_")[0]
            sign = f"{row['ClassId']} {track}" if split == "train" and "_" in row["Filename"] else None
            for name, value in zip(table, (picture, row["ClassId"], sign, split, wide, high), strict=True):
                table[name].append(value)
        if not rows:
            raise BadInput(f"{file} names no picture; fill it in, or remove the file")
    return table


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        reader = csv.DictReader(text, delimiter=";")
        for name in ("Filename", "ClassId", *BOX):
            if name not in (reader.fieldnames or ()):
                raise BadInput(
                    f"{file} has no column '{name}'; the benchmark's annotations have Filename, Width, Height, Roi.X1,"
                    " Roi.Y1, Roi.X2, Roi.Y2 and ClassId, divided by semicolons"
                )
        yield from enumerate(reader, start=2)


def _cut(folder: Path, file: Path, line: int, row: dict[str, str]) -> tuple[dict[str, Any], int, int]:
    """(the sign cut from its picture, its width, its height in the camera's pixels)."""
    from PIL import Image, UnidentifiedImageError

    where = f"line {line} of {file}"
    path = (file.parent / (row["Filename"] or "")).resolve()
    if not row["Filename"] or not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise BadInput(f"{where} names the picture '{row['Filename']}', which is not beside it; mend the name")
    try:
        x0, y0, x1, y1 = (int(row[name]) for name in BOX)
    except (TypeError, ValueError):
        raise BadInput(f"{where} has a box that is not four whole numbers; mend {', '.join(BOX)}") from None
    try:
        with Image.open(path) as picture:
            wide, high = picture.size
            if min(wide, high) < LEAST:
                raise BadInput(f"{where}: {path.name} is {wide} x {high} pixels, too few for a sign; drop the row")
            if x1 <= x0 or y1 <= y0:
                raise BadInput(f"{where} has a box from ({x0}, {y0}) to ({x1}, {y1}), which holds nothing; mend it")
            if min(x1 - x0, y1 - y0) < LEAST:
                raise BadInput(f"{where} has a box of {x1 - x0} x {y1 - y0} pixels, too few for a sign; drop the row")
            if x0 < 0 or y0 < 0 or x1 > wide or y1 > high:
                raise BadInput(
                    f"{where} has a box from ({x0}, {y0}) to ({x1}, {y1}), which lies outside the picture of"
                    f" {wide} x {high} pixels; mend it"
                )
            dx, dy = round((x1 - x0) * MARGIN), round((y1 - y0) * MARGIN)
            box = (max(x0 - dx, 0), max(y0 - dy, 0), min(x1 + dx, wide), min(y1 + dy, high))
            kept = io.BytesIO()
            picture.convert("RGB").crop(box).save(kept, "PNG")
    except (UnidentifiedImageError, OSError) as error:
        raise BadInput(f"{where}: {path.name} cannot be read ({type(error).__name__}); mend or drop it") from None
    return {"bytes": kept.getvalue(), "path": None}, x1 - x0, y1 - y0
