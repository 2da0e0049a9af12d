"""Image backbones: timm's networks without their classifier, from a local folder, a package, the hub, or random."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from evenhand.errors import BadInput, did_you_mean
from evenhand.pretrained.locate import WEIGHTS, locate
from evenhand.pretrained.network import Network, identity_of, run_batches, with_head
from evenhand.pretrained.processor import precision

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL.Image import Image

    from evenhand.recipe import Recipe
    from evenhand.schema import Schema
    from evenhand.values import Backbone


def pictures(rows: Dataset, schema: Schema) -> Iterator[Image]:
    """The image of each row, RGB. BadInput naming the row whose image cannot be read."""
    return (decode(value, index) for index, value in enumerate(_stored(rows, schema)))


def decode(value: Any, index: int) -> Image:
    """An image from a path or {"bytes", "path"}."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content_of(value, index))) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadInput(
            f"the image of {_name(value, index)} cannot be read ({type(error).__name__}); mend or drop the row"
        ) from None


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


def _stored(rows: Dataset, schema: Schema) -> Sequence[Any]:
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


class Vision(nn.Module):
    """A timm network without its classifier: [batch, 3, size, size] to [batch, width]."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.model(pixels)
        return features


class ImageEncoder:
    """See `evenhand.pretrained.Encoder`."""

    modality = "image"

    def __init__(self, body: Vision, width: int, size: int, number_format: str) -> None:
        self.body, self.width, self.size, self.number_format = body, width, size, number_format
        described: Any = getattr(body.model, "pretrained_cfg", None) or {}
        self.mean = tuple(described.get("mean") or (0.485, 0.456, 0.406))
        self.deviation = tuple(described.get("std") or (0.229, 0.224, 0.225))
        preprocessing = {
            "size": size,
            "mean": self.mean,
            "std": self.deviation,
            "resize": "bicubic",
            "format": number_format,
        }
        self.identity = identity_of(body, preprocessing)

    def contents(self, rows: Dataset, schema: Schema) -> Sequence[bytes]:
        """The encoded bytes of each image, read when asked for."""
        return Contents(_stored(rows, schema))

    def examples(self, rows: Dataset, schema: Schema) -> Sequence[dict[str, Any]]:
        """`pixels` of each row, float32 of shape [3, size, size]."""
        return Pictures(_stored(rows, schema), self.size, self.mean, self.deviation)

    def sizes(self, examples: Sequence[dict[str, Any]]) -> list[int]:
        """All alike."""
        return [self.size] * len(examples)

    def collate(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Pixels of shape [batch, 3, size, size]."""
        batch = {"pixels": torch.from_numpy(np.stack([example["pixels"] for example in examples]))}
        if "labels" in examples[0]:
            batch["labels"] = torch.tensor([example["labels"] for example in examples])
        return batch

    def features(self, rows: Dataset, schema: Schema) -> np.ndarray:
        """float32 of shape [rows, width]."""
        if not len(rows):
            return np.empty((0, self.width), np.float32)
        return run_batches(self.body, self, self.examples(rows, schema), self.number_format)

    def module(self, n_out: int, task: str = "multiclass", label_smoothing: float = 0.0) -> Network:
        """A trainable copy with a fresh head."""
        return with_head(self.body, self.width, n_out, task, label_smoothing)


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


def load_image(backbone: Backbone, recipe: Recipe) -> ImageEncoder:
    """The network that the backbone's source names; BadInput where timm does not know it or the weights do not fit."""
    kind, _, name = backbone.source.partition(":")
    torch.manual_seed(recipe.seed)  # timm:ARCHITECTURE has random weights
    if kind == "timm":
        model = _create(backbone, name, {})
    else:
        folder = locate(backbone)
        described = _config(backbone, folder)
        model = _create(backbone, str(described.get("architecture", "")), described.get("pretrained_cfg") or {})
        _fill(backbone, model, folder)
    size = recipe.finetune.image_size
    with torch.inference_mode():
        try:
            width = int(model.eval()(torch.zeros(1, 3, size, size)).shape[-1])
        except (RuntimeError, AssertionError) as error:
            raise BadInput(
                f"backbone '{backbone.name}' does not take images of {size} pixels ({error}); set finetune.image_size"
            ) from None
    return ImageEncoder(Vision(model), width, size, precision(recipe))


def _create(backbone: Backbone, architecture: str, described: dict[str, Any]) -> Any:
    import timm

    if not timm.is_model(architecture):
        hint = did_you_mean(architecture, timm.list_models())
        raise BadInput(f"backbone '{backbone.name}': timm has no architecture '{architecture}'.{hint}")
    model: Any = timm.create_model(architecture, pretrained=False, num_classes=0, **dict(backbone.options))
    for key in ("mean", "std"):
        if key in described:
            model.pretrained_cfg[key] = described[key]
    return model


def _config(backbone: Backbone, folder: Path) -> dict[str, Any]:
    try:
        described: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise BadInput(
            f"backbone '{backbone.name}': {folder} has no readable config.json; it must name timm's \"architecture\""
        ) from None
    return described


def _fill(backbone: Backbone, model: nn.Module, folder: Path) -> None:
    """Load the weights, leaving out the classifier's; every other weight must be there and fit."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    wanted = model.state_dict()
    try:
        found = {name: value for name, value in load_file(folder / WEIGHTS).items() if name in wanted}
        model.load_state_dict(found)
    except (RuntimeError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[-1].strip()
        raise BadInput(
            f"backbone '{backbone.name}': the weights in {folder / WEIGHTS} do not fit its architecture: {reason}"
        ) from None
