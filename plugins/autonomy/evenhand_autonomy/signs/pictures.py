"""The pictures of a table's image column as one array, each brought to the backbone's side; what cannot be is named."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import BadInput

SIDE = 48
LEAST = 6  # pixels; of less no sign can be told


def pictures_of(rows: Any, column: str) -> np.ndarray:
    """uint8 [rows, SIDE, SIDE, 3] of the column of a `datasets.Dataset`. BadInput naming the row that is not one."""
    return stacked(stored(rows, column))


def stored(rows: Any, column: str) -> list[Any]:
    """The column as it is kept: paths, bytes, or {"bytes", "path"}."""
    import datasets

    if isinstance(rows.features[column], datasets.Image):
        rows = rows.cast_column(column, datasets.Image(decode=False))
    return list(rows[column])


def stacked(values: Iterable[Any]) -> np.ndarray:
    """The same from stored values."""
    found = [decoded(value, f"row {index}") for index, value in enumerate(values)]
    return np.stack(found) if found else np.empty((0, SIDE, SIDE, 3), np.uint8)


def decoded(value: Any, where: str) -> np.ndarray:
    """One picture [SIDE, SIDE, 3]; pictures of other sizes and shapes are stretched to the square."""
    from PIL import Image, UnidentifiedImageError

    path = value.get("path") if isinstance(value, dict) else value
    content = value.get("bytes") if isinstance(value, dict) else value if isinstance(value, bytes) else None
    name = f"{where} ({path})" if isinstance(path, str) else where
    try:
        if content is None and not isinstance(path, str):
            raise BadInput(f"{where} has no image; fill or drop the row")
        with Image.open(io.BytesIO(content if content is not None else Path(path).read_bytes())) as picture:
            wide, high = picture.size
            if min(wide, high) < LEAST:
                raise BadInput(
                    f"the image of {name} is {wide} x {high} pixels; a sign needs {LEAST} or more a side: drop the row,"
                    " or cut the sign from the larger picture again"
                )
            square = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadInput(f"the image of {name} cannot be read ({type(error).__name__}); mend or drop the row") from None
    return np.asarray(square)


def png(picture: np.ndarray) -> bytes:
    """The picture as a PNG file."""
    from PIL import Image

    kept = io.BytesIO()
    Image.fromarray(picture).save(kept, "PNG")
    return kept.getvalue()
