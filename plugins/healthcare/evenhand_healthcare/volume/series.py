"""A DICOM series: the files of one folder that share a series with the one that is named, ordered by where they lie.

Order and spacing come from the position of each plane, never from names or numbers. Nothing of a header but what this
needs is read: no name, id or date leaves this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from evenhand_healthcare.volume.stored import Planes, finite, unreadable

UNEVEN = 0.1  # of the distance between planes: a larger deviation means that a plane is missing, or twice there
LEAST = 2
TAGS = (
    "SeriesInstanceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "NumberOfFrames",
)


def read(file: Path, where: str) -> Planes:
    """The volume whose planes are `file` and the files beside it of the same series."""
    first = _header(file)
    if first is None:
        raise unreadable(where, "its DICOM file is damaged")
    if int(first.get("NumberOfFrames") or 1) > 1:
        raise unreadable(where, "it is many frames in one DICOM file; export them as one file for each plane")
    headers = [(path, found) for path, found in _beside(file) if found.get(TAGS[0]) == first.get(TAGS[0])]
    for tag in TAGS[1:6]:
        if any(tag not in header for _, header in headers):
            raise unreadable(where, f"a file of its DICOM series does not say its {tag}")
    right, down = _directions(first, where)
    normal = np.cross(right, down)
    placed = sorted(headers, key=lambda one: float(np.dot(_numbers(one[1], "ImagePositionPatient"), normal)))
    _check(placed, first, normal, where)
    positions = [_numbers(header, "ImagePositionPatient") for _, header in placed]
    between = (positions[-1] - positions[0]) / (len(placed) - 1)
    rows, columns = _numbers(first, "PixelSpacing")
    affine = np.eye(4)
    affine[:3, :3] = np.stack([down * rows, right * columns, between], axis=1)
    affine[:3, 3] = positions[0]
    affine[:2] *= -1  # DICOM's axes point to the left and the back
    shape = (int(first.Rows), int(first.Columns), len(placed))
    return Planes(shape, affine, _planes([path for path, _ in placed], where), where)


def parts(file: Path) -> list[Path]:
    """The files that a volume's content lies in: those of its series, or the file alone where it is no DICOM file."""
    first = _header(file)
    if first is None:
        return [file]
    return [path for path, found in _beside(file) if found.get(TAGS[0]) == first.get(TAGS[0])]


def _header(file: Path) -> Any:
    """The tags that place a plane; None where the file is no DICOM file."""
    import pydicom

    try:
        with file.open("rb") as content:
            if content.read(132)[128:] != b"DICM":
                return None
        return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(TAGS))
    except Exception:  # whatever a damaged header makes pydicom raise
        return None


def _beside(file: Path) -> Iterator[tuple[Path, Any]]:
    folder = file.parent.resolve()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.resolve().parent == folder:  # no link leads out
            header = _header(path)
            if header is not None:
                yield path, header


def _numbers(header: Any, tag: str) -> np.ndarray:
    return np.array([float(value) for value in header[tag].value])


def _directions(header: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors along which columns and rows are counted."""
    both = _numbers(header, "ImageOrientationPatient")
    if both.shape != (6,) or not np.allclose(
        [both[:3] @ both[:3], both[3:] @ both[3:], both[:3] @ both[3:]], [1, 1, 0], atol=0.01
    ):
        raise unreadable(where, "its ImageOrientationPatient gives no two directions at right angles")
    return both[:3], both[3:]


def _check(placed: list[tuple[Path, Any]], first: Any, normal: np.ndarray, where: str) -> None:
    """BadInput where the planes are not alike, or not at even distances."""
    if len(placed) < LEAST:
        raise unreadable(where, "its DICOM series is one plane; the others belong in the same folder")
    for tag in ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient"):
        if any(not np.allclose(_any(header, tag), _any(first, tag), atol=1e-3) for _, header in placed):
            raise unreadable(where, f"the planes of its DICOM series differ in their {tag}")
    along = np.array([_numbers(header, "ImagePositionPatient") @ normal for _, header in placed])
    steps = np.diff(along)
    if steps.min() <= 0 or np.abs(steps - np.median(steps)).max() > UNEVEN * np.median(steps):
        raise unreadable(
            where,
            f"the planes of its DICOM series lie {steps.min():.2f} to {steps.max():.2f} mm apart, so one is missing or"
            " twice there",
        )


def _any(header: Any, tag: str) -> np.ndarray:
    value = header[tag].value
    return np.atleast_1d(np.array(value, dtype=np.float64))


def _planes(files: list[Path], where: str) -> Iterator[np.ndarray]:
    import pydicom
    from pydicom.pixels import apply_modality_lut

    for file in files:
        try:
            data = pydicom.dcmread(file)
            values = np.asarray(apply_modality_lut(data.pixel_array, data), dtype=np.float32)
        except (RuntimeError, NotImplementedError, ImportError):
            raise unreadable(
                where, "it is compressed, and no decoder for that is installed; pip install pylibjpeg pylibjpeg-libjpeg"
            ) from None
        except Exception as error:
            why = " ".join(str(error).split())[:120]
            raise unreadable(where, f"the pixels of one of its planes cannot be read ({why})") from None
        if values.ndim != 2:
            raise unreadable(where, "its planes are in colour, and grey values belong there")
        yield finite(values, where)
