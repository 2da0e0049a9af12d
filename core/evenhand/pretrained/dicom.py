"""A radiograph from a DICOM file, as a reader of films would see it: windowed, the right way round, its pixels square.

The stored values go through the modality LUT and the VOI LUT or window (PS3.3 C.11.1 and C.11.2), MONOCHROME1 is turned
into dark air and bright bone, pixels that the header says are oblong are made square, and the result is scaled from its
darkest to its brightest. Nothing of the header but what this needs is read: no name, no id, no date leaves this module.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.errors import BadInput

if TYPE_CHECKING:
    from PIL.Image import Image

MARK = (128, b"DICM")  # where a DICOM file says that it is one, and how
OBLONG = 0.01  # pixels whose sides differ by more than this share are made square
MOST_PIXELS = 2**28  # a film of 16,384 x 16,384
GREY, COLOUR = ("MONOCHROME1", "MONOCHROME2"), ("RGB", "YBR_FULL", "YBR_FULL_422", "PALETTE COLOR")


def is_dicom(content: bytes) -> bool:
    """Whether the bytes say that they are a DICOM file."""
    place, mark = MARK
    return content[place : place + len(mark)] == mark


def film(content: bytes, where: str) -> Image:
    """The picture, 8 bits of grey (or of colour as RGB). BadInput, naming `where`, says why there is none."""
    from PIL import Image

    data = _opened(content, where)
    _check(data, where)
    values = _pixels(data, where)
    picture = Image.fromarray(
        _grey(data, values) if data.PhotometricInterpretation in GREY else _coloured(data, values)
    )
    across, down = _spacing(data)
    if abs(across / down - 1) > OBLONG:
        tall = across < down
        size = (picture.width, round(picture.height * down / across))
        size = size if tall else (round(picture.width * across / down), picture.height)
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    return picture


def _opened(content: bytes, where: str) -> Any:
    try:
        import pydicom
    except ImportError:
        raise BadInput(
            f"the image of {where} is a DICOM file, which needs pydicom: pip install 'evenhand[dicom]'"
        ) from None
    try:
        return pydicom.dcmread(io.BytesIO(content))
    except Exception as error:
        raise _unreadable(where, f"its DICOM file is damaged ({type(error).__name__})") from None


def _check(data: Any, where: str) -> None:
    """Raise BadInput for what is no single picture that can be read."""
    if "PixelData" not in data:
        if "EncryptedAttributesSequence" in data:
            raise _unreadable(where, "its DICOM file is encrypted; export it again without")
        kind = getattr(data.get("SOPClassUID"), "name", "") or "a file of another kind"
        raise _unreadable(where, f"its DICOM file holds no picture ({kind})")
    frames = int(data.get("NumberOfFrames") or 1)
    if frames > 1:
        raise _unreadable(where, f"its DICOM file holds {frames} frames, and a radiograph is one; export that one")
    known = data.get("PhotometricInterpretation")
    if known not in (*GREY, *COLOUR):
        raise _unreadable(where, f"its DICOM file has the photometric interpretation {str(known)[:30]!r}")
    if int(data.get("Rows") or 0) * int(data.get("Columns") or 0) > MOST_PIXELS:
        raise _unreadable(where, f"its DICOM file says {data.Rows} x {data.Columns} pixels; no radiograph has as many")


def _pixels(data: Any, where: str) -> np.ndarray:
    """The stored values; BadInput where they are cut off, or compressed as nothing here can undo."""
    try:
        return np.asarray(data.pixel_array)
    except (RuntimeError, NotImplementedError, ImportError):
        syntax = getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", None)
        name = getattr(syntax, "name", "an unknown way")
        raise _unreadable(
            where,
            f"its DICOM file is compressed ({name}) and no decoder for that is installed; pip install pylibjpeg"
            " pylibjpeg-libjpeg pylibjpeg-openjpeg, or export it uncompressed",
        ) from None
    except Exception as error:
        why = " ".join(str(error).split())[:120]
        raise _unreadable(where, f"the pixels of its DICOM file cannot be read ({why})") from None


def _grey(data: Any, values: np.ndarray) -> np.ndarray:
    """Values through both LUTs, inverted where white is zero, as bytes."""
    steps = _steps()
    windowed = np.asarray(steps.apply_voi_lut(steps.apply_modality_lut(values, data), data), dtype=np.float64)
    scaled = as_bytes(windowed)
    return 255 - scaled if data.PhotometricInterpretation == "MONOCHROME1" else scaled


def _coloured(data: Any, values: np.ndarray) -> np.ndarray:
    steps = _steps()
    if data.PhotometricInterpretation == "PALETTE COLOR":
        return as_bytes(np.asarray(steps.apply_color_lut(values, data), dtype=np.float64))
    if data.PhotometricInterpretation != "RGB":
        values = steps.convert_color_space(values, data.PhotometricInterpretation, "RGB")
    return np.asarray(values if values.dtype == np.uint8 else as_bytes(values.astype(np.float64)), dtype=np.uint8)


def _steps() -> Any:
    """pydicom's steps from stored values to what is seen."""
    import pydicom.pixels

    return pydicom.pixels


def as_bytes(values: np.ndarray) -> np.ndarray:
    """Numbers as 0 to 255, from the least to the largest; all alike are 0."""
    least, most = float(values.min()), float(values.max())
    scaled = (values - least) / (most - least) if most > least else np.zeros_like(values)
    return np.asarray(np.rint(255 * scaled), dtype=np.uint8)


def _spacing(data: Any) -> tuple[float, float]:
    """(width, height) of a pixel, in whatever unit; (1, 1) where the header does not say, or says nonsense."""
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"):
        found = data.get(name)
        if found is not None and len(found) == 2:
            down, across = (float(side) for side in found)  # rows first, as DICOM has it
            if down > 0 and across > 0 and 0.1 < across / down < 10:
                return across, down
    return 1.0, 1.0


def _unreadable(where: str, why: str) -> BadInput:
    return BadInput(f"the image of {where} cannot be read: {why}; mend or drop the row")
