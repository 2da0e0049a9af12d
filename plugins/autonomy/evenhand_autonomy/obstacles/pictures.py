"""Pictures as the detector reads them; what is none, or too small, is named."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import BadInput
from evenhand_autonomy.obstacles.detector import HIGH, WIDE

LEAST = 32  # pixels a side; of less no road can be told


def stored(rows: Any, column: str) -> list[Any]:
    """The column as it is kept: paths, bytes, or {"bytes", "path"}."""
    import datasets

    if isinstance(rows.features[column], datasets.Image):
        rows = rows.cast_column(column, datasets.Image(decode=False))
    return list(rows[column])


def key_of(value: Any) -> str:
    """What tells one stored picture from another: its path, else its content."""
    content = value.get("bytes") if isinstance(value, dict) else value
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    return str(value.get("path") if isinstance(value, dict) else value)


def opened(value: Any) -> Any:
    """The stored picture as PIL's, in colour. BadInput where it is none."""
    from PIL import Image, UnidentifiedImageError

    content = value.get("bytes") if isinstance(value, dict) else value
    path = value.get("path") if isinstance(value, dict) else value
    where = f"the image {path}" if isinstance(path, str) else "an image"
    if not isinstance(content, bytes) and not isinstance(path, str):
        raise BadInput("an image is missing; fill or drop the row")
    try:
        with Image.open(io.BytesIO(content) if isinstance(content, bytes) else Path(str(path))) as picture:
            if min(picture.size) < LEAST:
                wide, high = picture.size
                raise BadInput(
                    f"{where} is {wide} x {high} pixels; a road scene needs {LEAST} or more a side: drop it and its"
                    " annotations"
                )
            return picture.convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise BadInput(f"{where} cannot be read ({type(error).__name__}); mend or drop it") from None


def pixels_of(value: Any) -> np.ndarray:
    """uint8 [3, HIGH, WIDE]; pictures of other sizes are stretched to it, and boxes are told as shares, so they fit."""
    picture = opened(value)
    if picture.size != (WIDE, HIGH):
        from PIL import Image

        picture = picture.resize(
            (WIDE, HIGH), Image.Resampling.BOX if picture.width > WIDE else Image.Resampling.BILINEAR
        )
    return np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1))
