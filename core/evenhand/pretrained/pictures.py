"""The image column of a table: read, decoded, resized and normalised one by one; never all in memory."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.errors import BadInput
from evenhand.pretrained.dicom import as_bytes, film, is_dicom

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL.Image import Image

    from evenhand.schema import Schema


def pictures(rows: Dataset, schema: Schema) -> Iterator[Image]:
    """The image of each row, RGB. BadInput naming the row whose image cannot be read."""
    return (decode(value, index) for index, value in enumerate(stored_images(rows, schema)))


def decode(value: Any, index: int) -> Image:
    """An image from a path or {"bytes", "path"}, as RGB of 8 bits: a DICOM film, or whatever Pillow reads.

    Grey of more than 8 bits is scaled from its darkest to its brightest, since files of 12 bits in 16 are usual.
    """
    from PIL import Image

    where, content = _name(value, index), content_of(value, index)
    if is_dicom(content):
        return film(content, where).convert("RGB")
    if not content:
        raise BadInput(f"the image of {where} cannot be read: its file is empty; mend or drop the row")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as picture:
                return _one_of_eight_bits(picture, where)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadInput(f"the image of {where} cannot be read: {_why(error)}; mend or drop the row") from None


def _one_of_eight_bits(picture: Any, where: str) -> Image:
    from PIL import Image, ImageOps

    frames = getattr(picture, "n_frames", 1)
    if frames > 1:
        raise BadInput(f"the image of {where} is {frames} pictures in one file; keep the one that is meant")
    if picture.mode.startswith(("I", "F")):
        picture = Image.fromarray(as_bytes(np.nan_to_num(np.asarray(picture, dtype=np.float64))))
    return ImageOps.exif_transpose(picture).convert("RGB")


def _why(error: Exception) -> str:
    """What Pillow's exception means to whoever has the file."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "it is of no kind that is known, or damaged"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "it has more pixels than any picture here; make it smaller"
    if "truncated" in str(error).lower():
        return "its end is missing"
    return f"it is damaged ({type(error).__name__})"


def content_of(value: Any, index: int) -> bytes:
    """The encoded bytes of an image, from a path or {"bytes", "path"}."""
    path = value.get("path") if isinstance(value, dict) else value
    if isinstance(value, dict) and value.get("bytes") is not None:
        return bytes(value["bytes"])
    if isinstance(value, bytes):
        return value
    if not isinstance(path, str):
        raise BadInput(f"row {index} has no image; fill or drop it")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadInput(
            f"the image of row {index} cannot be read: {path} ({error.strerror}); mend the path or drop the row"
        ) from None


def _name(value: Any, index: int) -> str:
    path = value.get("path") if isinstance(value, dict) else value
    return f"row {index} ({path})" if isinstance(path, str) else f"row {index}"


def stored_images(rows: Dataset, schema: Schema) -> Sequence[Any]:
    """The image column as it is stored, not decoded."""
    import datasets

    column = schema.require("input", "an image recipe")
    if len(schema.input) != 1:
        raise BadInput(
            f"an image recipe reads one input column, but schema.input names {', '.join(schema.input)}; keep one"
        )
    if isinstance(rows.features[column], datasets.Image):
        rows = rows.cast_column(column, datasets.Image(decode=False))
    stored: Sequence[Any] = rows[column]
    return stored


class Pictures(Sequence[dict[str, Any]]):
    """Examples of an image column: each is read, resized and normalised when it is asked for."""

    def __init__(self, stored: Sequence[Any], size: int, mean: Sequence[float], deviation: Sequence[float]) -> None:
        self.stored, self.size = stored, size
        self.mean = np.asarray(mean, np.float32).reshape(3, 1, 1)
        self.deviation = np.asarray(deviation, np.float32).reshape(3, 1, 1)

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, index: Any) -> Any:
        from PIL.Image import Resampling

        picture = decode(self.stored[index], index).resize((self.size, self.size), Resampling.BICUBIC)
        values = np.asarray(picture, np.float32).transpose(2, 0, 1) / 255
        return {"pixels": (values - self.mean) / self.deviation}


class Contents(Sequence[bytes]):
    """The encoded bytes of each image of a column; never all in memory."""

    def __init__(self, stored: Sequence[Any]) -> None:
        self.stored = stored

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Contents(self.stored[index])
        return content_of(self.stored[index], index)
