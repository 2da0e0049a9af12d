"""A stored volume as its file has it: where its voxels lie in millimetres, and its planes one after another.

Nothing holds the whole volume: a plane is read, used and forgotten, however large the file is. Voxel indices become
millimetres by `affine`, whose axes point to the patient's right, front and head (RAS+), as NIfTI has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import BadInput, Schema

MOST_VOXELS = 2**31  # 1,024 x 1,024 x 2,048
CLOSEST, FARTHEST = 0.01, 100.0  # mm between voxels, as any scanner of people has them


@dataclass(frozen=True, slots=True)
class Planes:
    """planes: float32 [shape[0], shape[1]], one for each place of the third axis, in order; to be walked once."""

    shape: tuple[int, int, int]
    affine: np.ndarray
    planes: Iterator[np.ndarray]
    where: str


def opened(value: Any, row: int) -> Planes:
    """The volume of a path or of {"bytes", "path"}: NIfTI, or a DICOM series that lies in the folder of the file.

    BadInput, naming the row, for what is no volume of this kind, or one that cannot be placed in millimetres.
    """
    from evenhand_healthcare.volume import nifti, series

    path, content = _source(value, row)
    where = f"row {row} ({path})" if path else f"row {row}"
    first = content[:132] if content is not None else _first(Path(path), where)
    if first[128:132] == b"DICM":
        if content is not None:
            raise unreadable(where, "one DICOM file is no volume; name a file of the series, in its folder")
        return checked(series.read(Path(path), where))
    if first[:2] == b"\x1f\x8b" or nifti.is_header(first):
        return checked(nifti.read(content if content is not None else Path(path), where))
    raise unreadable(where, "it is neither NIfTI (.nii, .nii.gz) nor DICOM" if first else "its file is empty")


def _source(value: Any, row: int) -> tuple[str, bytes | None]:
    path = value.get("path") if isinstance(value, dict) else value
    content = value.get("bytes") if isinstance(value, dict) else None
    if content is None and not isinstance(path, str):
        raise BadInput(f"row {row} names no volume; fill or drop it")
    return str(path or ""), content


def _first(path: Path, where: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(348)
    except OSError as error:
        raise unreadable(where, str(error.strerror)) from None


def checked(found: Planes) -> Planes:
    """The same; BadInput where its size or its place in millimetres cannot be."""
    if min(found.shape) < 1 or np.prod(found.shape, dtype=float) > MOST_VOXELS:
        raise unreadable(found.where, f"it says {_times(found.shape)} voxels, which no scanner makes")
    sides = spacing(found.affine)
    if not np.isfinite(found.affine).all() or (sides < CLOSEST).any() or (sides > FARTHEST).any():
        said = " x ".join(f"{side:g}" for side in sides)
        raise unreadable(found.where, f"its voxels are {said} mm apart, so its size is not known; mend the header")
    if abs(np.linalg.det(found.affine[:3, :3] / sides)) < 0.5:
        raise unreadable(found.where, "its axes are not at right angles, so it cannot be laid straight")
    return found


def spacing(affine: np.ndarray) -> np.ndarray:
    """Millimetres between neighbouring voxels, along each axis of the file."""
    return np.sqrt((affine[:3, :3] ** 2).sum(axis=0))


def finite(plane: np.ndarray, where: str) -> np.ndarray:
    """The plane; BadInput where a voxel of it is no number."""
    bad = int((~np.isfinite(plane)).sum())
    if bad:
        raise unreadable(
            where, f"{bad:,} voxels of one of its planes are no numbers (NaN or infinite); write them anew"
        )
    return plane


def _times(shape: Sequence[int]) -> str:
    return " x ".join(f"{side:,}" for side in shape)


def unreadable(where: str, why: str) -> BadInput:
    """The sentence about a volume that is not read."""
    return BadInput(f"the volume of {where} cannot be read: {why}; mend or drop the row")


def volumes(rows: Any, schema: Schema) -> Sequence[Any]:
    """The volume column as it is stored: paths, or structures of bytes and path."""
    import datasets

    if len(schema.input) != 1:
        raise BadInput(f"a volume recipe reads one input column, but schema.input names {', '.join(schema.input)}")
    column = schema.input[0]
    if isinstance(rows.features[column], datasets.Image):
        rows = rows.cast_column(column, datasets.Image(decode=False))
    stored: Sequence[Any] = rows[column]
    return stored
