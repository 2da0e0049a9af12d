"""Image backbones: timm's networks without their classifier, from a local folder, a package, the hub, or random."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from evenhand.errors import BadInput, did_you_mean
from evenhand.pretrained.conversion import converted
from evenhand.pretrained.locate import WEIGHTS, locate
from evenhand.pretrained.network import Network, identity_of, run_batches, with_head
from evenhand.pretrained.pictures import Contents, Pictures, stored_images
from evenhand.pretrained.processor import precision

HEAD = "head"  # the layer that the network itself ends with
OURS = ("architecture", "layers")  # a backbone's options that timm does not get

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.schema import Schema
    from evenhand.values import Backbone


class Vision(nn.Module):
    """A timm network without its classifier: [batch, 3, size, size] to [batch, width].

    layers: names of the network's modules whose outputs, averaged over the picture, are the features side by side;
    HEAD is what the network itself ends with. Middle layers can serve better where pictures are unlike photographs.
    """

    def __init__(self, model: nn.Module, layers: Sequence[str] = (HEAD,)) -> None:
        super().__init__()
        self.model, self.layers = model, tuple(layers)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        seen: dict[str, torch.Tensor] = {}
        inside = [layer for layer in self.layers if layer != HEAD]
        hooks = [self.model.get_submodule(layer).register_forward_hook(partial(_keep, seen, layer)) for layer in inside]
        try:
            seen[HEAD] = self.model(pixels)
        finally:
            for hook in hooks:
                hook.remove()
        return torch.cat([_pooled(seen[layer]) for layer in self.layers], dim=-1)


def _keep(seen: dict[str, torch.Tensor], layer: str, _module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
    seen[layer] = output


def _pooled(output: torch.Tensor) -> torch.Tensor:
    """[batch, channels] of a map [batch, channels, height, width] or of tokens [batch, token, channels]."""
    if output.ndim == 4:
        return output.mean(dim=(2, 3))
    return output.mean(dim=1) if output.ndim == 3 else output


class ImageEncoder:
    """See `evenhand.pretrained.Encoder`."""

    modality = "image"

    def __init__(
        self,
        body: Vision,
        size: int,
        number_format: str,
        choices: Sequence[str] = (),
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.body, self.size, self.number_format, self.choices = body, size, number_format, tuple(choices)
        self.arguments = dict(arguments or {})  # what timm made the network with, besides its architecture
        self.variant = "+".join(body.layers)
        with torch.inference_mode():
            self.width = int(body.eval()(torch.zeros(1, 3, size, size)).shape[-1])
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
        if body.layers != (HEAD,):
            preprocessing["layers"] = body.layers
        self.identity = identity_of(body, preprocessing)

    def variants(self) -> list[ImageEncoder]:
        """One encoder for each layer that validation may choose, on the same weights; itself where nothing is to
        choose."""
        if not self.choices:
            return [self]
        return [
            ImageEncoder(Vision(self.body.model, (layer,)), self.size, self.number_format, (), self.arguments)
            for layer in self.choices
        ]

    def contents(self, rows: Dataset, schema: Schema) -> Sequence[bytes]:
        """The encoded bytes of each image, read when asked for."""
        return Contents(stored_images(rows, schema))

    def examples(self, rows: Dataset, schema: Schema) -> Sequence[dict[str, Any]]:
        """`pixels` of each row, float32 of shape [3, size, size]."""
        return Pictures(stored_images(rows, schema), self.size, self.mean, self.deviation)

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

    def together(self, variants: Sequence[Any], rows: Dataset, schema: Schema) -> list[np.ndarray]:
        """The features of each of these variants, in one pass over the rows: the network is walked once for all."""
        layers = [layer for one in variants for layer in one.body.layers]
        whole = ImageEncoder(Vision(self.body.model, layers), self.size, self.number_format).features(rows, schema)
        return np.split(whole, np.cumsum([one.width for one in variants])[:-1], axis=1)

    def module(self, n_out: int, task: str = "multiclass", label_smoothing: float = 0.0) -> Network:
        """A trainable copy with a fresh head."""
        return with_head(self.body, self.width, n_out, task, label_smoothing)


def load_image(backbone: Backbone, recipe: Recipe) -> ImageEncoder:
    """The network that the backbone's source names; BadInput where timm does not know it or the weights do not fit."""
    kind, _, name = backbone.source.partition(":")
    torch.manual_seed(recipe.seed)  # timm:ARCHITECTURE has random weights
    if kind == "timm":
        model = _create(backbone, name, {})
    else:
        folder = converted(backbone) if kind == "torch" else locate(backbone)
        described = _config(backbone, folder)
        model = _create(backbone, str(described.get("architecture", "")), described.get("pretrained_cfg") or {})
        _fill(backbone, model, folder)
    layers, choices = _layers(backbone, recipe, model)
    try:
        size = recipe.finetune.image_size
        return ImageEncoder(Vision(model, layers), size, precision(recipe), choices, _arguments(backbone))
    except (RuntimeError, AssertionError) as error:
        raise BadInput(
            f"backbone '{backbone.name}' does not take images of {recipe.finetune.image_size} pixels ({error}); "
            "set finetune.image_size"
        ) from None


def _layers(backbone: Backbone, recipe: Recipe, model: nn.Module) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(the layers that are pooled, those of which validation chooses one); BadInput for a layer that is not there."""
    if recipe.finetune.layers == "auto":
        offered = tuple(backbone.options.get("layers", ()))
        if recipe.finetune.strategy not in ("auto", "probe"):
            raise BadInput(
                "finetune.layers = auto chooses by probes alone; name the layer with this strategy, or take"
                " finetune.strategy = probe"
            )
        if not offered:
            raise BadInput(
                f"backbone '{backbone.name}' offers no layers to choose from; name some in finetune.layers, "
                "such as blocks.5, or leave it at head"
            )
        return (HEAD,), offered
    layers = tuple(recipe.finetune.layers.split("+"))
    known = dict(model.named_modules())
    for layer in layers:
        if layer != HEAD and (not layer or layer not in known):
            hint = did_you_mean(layer, [HEAD, *known])
            raise BadInput(f"backbone '{backbone.name}' has no layer '{layer}' (finetune.layers).{hint}")
    return layers, ()


def _create(backbone: Backbone, architecture: str, described: dict[str, Any]) -> Any:
    import timm

    if not timm.is_model(architecture):
        hint = did_you_mean(architecture, timm.list_models())
        raise BadInput(f"backbone '{backbone.name}': timm has no architecture '{architecture}'.{hint}")
    options = _arguments(backbone)
    try:
        model: Any = timm.create_model(architecture, pretrained=False, num_classes=0, **options)
    except TypeError as error:
        raise BadInput(
            f"backbone '{backbone.name}': timm's {architecture} does not take the options {sorted(options)}: {error}"
        ) from None
    for key in ("mean", "std"):
        if key in described:
            model.pretrained_cfg[key] = described[key]
    return model


def _arguments(backbone: Backbone) -> dict[str, Any]:
    """What timm gets of the backbone's options."""
    return {key: value for key, value in backbone.options.items() if key not in OURS}


def _config(backbone: Backbone, folder: Path) -> dict[str, Any]:
    try:
        described: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise BadInput(
            f"backbone '{backbone.name}': {folder} has no readable config.json that names timm's \"architecture\";"
            " a plugin's own kind of network is read by that plugin's recipes alone"
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
    except SafetensorError as error:
        raise BadInput(
            f"backbone '{backbone.name}': {folder / WEIGHTS} is cut off or damaged ({error}); put the whole file there"
        ) from None
    except RuntimeError as error:
        reason = str(error).strip().split("\n")[-1].strip()
        raise BadInput(
            f"backbone '{backbone.name}': the weights in {folder / WEIGHTS} do not fit its architecture: {reason}"
        ) from None
