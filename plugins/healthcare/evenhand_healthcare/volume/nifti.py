"""NIfTI, compressed or not: nibabel reads the header, the planes follow as they lie in the file."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from evenhand_healthcare.volume.stored import Planes, finite, unreadable

SIZES = (348, 540)  # of the header of NIfTI-1 and of NIfTI-2, in their first four bytes
MILLIMETRES = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}


def is_header(first: bytes) -> bool:
    """Whether these are the first bytes of a NIfTI header."""
    return any(first[:4] == size.to_bytes(4, order) for size in SIZES for order in ("little", "big"))


def read(source: Path | bytes, where: str) -> Planes:
    """The volume of a file or its content."""
    stream: Any = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    if stream.read(2) == b"\x1f\x8b":
        stream.seek(0)
        stream = gzip.GzipFile(fileobj=stream)
    stream.seek(0)
    header = _header(stream, where)
    shape = _shape(header, where)
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise unreadable(where, f"its voxels are of the type {dtype}, and grey values belong there")
    affine = np.array(header.get_best_affine(), dtype=np.float64)
    affine[:3] *= MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)
    return Planes(shape, affine, _planes(stream, header, shape, where), where)


def _header(stream: Any, where: str) -> Any:
    import nibabel
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    try:
        first = stream.read(4)
        if not is_header(first):
            raise unreadable(where, "it is compressed, and no NIfTI is inside")
        stream.seek(0)
        kind: Any = nibabel.Nifti1Header if 348 in (int.from_bytes(first, o) for o in ("little", "big")) else None
        header = (kind or nibabel.Nifti2Header).from_fileobj(stream, check=False)
        magic = bytes(header["magic"]).rstrip(b"\0")
        if not magic.startswith(b"n+"):
            raise unreadable(where, "it is one half of a pair of files (.hdr and .img); save it as one .nii file")
        sides = header["pixdim"][1:4]
        if not (np.isfinite(sides).all() and (sides > 0).all()):
            said = " x ".join(f"{side:g}" for side in sides)
            raise unreadable(where, f"its header says that its voxels are {said} mm apart; mend the header")
        header.get_data_dtype(), header.get_best_affine(), header.get_slope_inter()
    except (OSError, EOFError, ValueError, KeyError, zlib.error, HeaderDataError, WrapStructError) as error:
        raise unreadable(where, f"its header is damaged ({type(error).__name__})") from None
    return header


def _shape(header: Any, where: str) -> tuple[int, int, int]:
    shape = tuple(int(side) for side in header.get_data_shape())
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        said = "a series of volumes in one file; keep the one that is meant" if len(shape) > 3 else "a plane, no volume"
        raise unreadable(where, f"it has {len(shape)} dimensions: {said}")
    return shape[0], shape[1], shape[2]


def _planes(stream: Any, header: Any, shape: tuple[int, int, int], where: str) -> Iterator[np.ndarray]:
    dtype, (slope, offset) = header.get_data_dtype(), header.get_slope_inter()
    size = shape[0] * shape[1] * dtype.itemsize
    with stream:
        try:
            stream.seek(header.get_data_offset())
            for place in range(shape[2]):
                content = stream.read(size)
                if len(content) < size:
                    raise unreadable(where, f"its end is missing: {place} of {shape[2]} planes are there")
                plane = np.frombuffer(content, dtype).reshape(shape[:2], order="F").astype(np.float32)
                if slope is not None and (slope, offset) != (1.0, 0.0):
                    plane = plane * np.float32(slope) + np.float32(offset)
                yield finite(plane, where)
        except (OSError, EOFError, zlib.error) as error:
            raise unreadable(where, f"it is damaged or its end is missing ({type(error).__name__})") from None
