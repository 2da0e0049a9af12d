"""Pretrained networks: found, checked and turned into an encoder that yields features or trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from evenhand.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    import torch
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.schema import Schema
    from evenhand.values import Backbone

__all__ = ["Encoder", "load_encoder"]


class Encoder(Protocol):
    """A loaded backbone: rows in, features out; or a module with a head, ready for training."""

    identity: str  # sha256 of the weights and of everything done to a row before them: the cache key
    width: int  # length of one feature vector
    modality: str
    variant: str  # which of its weights' variants this is, in words; "" where there is one

    def variants(self) -> Sequence[Encoder]:
        """Encoders of the same weights among which validation may choose; itself alone where there is no choice."""
        ...

    def contents(self, rows: Dataset, schema: Schema) -> Sequence[bytes]:
        """What of each row the features depend on, as bytes to hash."""
        ...

    def examples(self, rows: Dataset, schema: Schema) -> Sequence[dict[str, Any]]:
        """Each row as `collate` takes it; images are read only when an example is asked for."""
        ...

    def collate(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """One batch: padded tensors, with `labels` when the examples have them."""
        ...

    def features(self, rows: Dataset, schema: Schema) -> np.ndarray:
        """Features of the frozen network, float32 of shape [rows, width]. Dropout is off."""
        ...

    def together(self, variants: Sequence[Any], rows: Dataset, schema: Schema) -> list[np.ndarray]:
        """The features of each of these variants, in one pass over the rows."""
        ...

    def module(self, n_out: int, task: str = "multiclass", label_smoothing: float = 0.0) -> torch.nn.Module:
        """A copy of the network with a fresh linear head of `n_out` outputs; see `network.Network`."""
        ...


def load_encoder(backbone: Backbone, recipe: Recipe) -> Encoder:
    """Find the weights of `backbone`, check them, load them.

    Raises BadInput where they are missing, differ from the card's sha256, hold pickled code, or are of a
    modality that the recipe does not have.
    """
    if backbone.modality != recipe.modality:
        raise BadInput(
            f"backbone '{backbone.name}' reads {backbone.modality}, but recipe '{recipe.full_name}' is about "
            f"{recipe.modality}; choose another with --set backbone=NAME (`evenhand backbones` lists them)"
        )
    if backbone.modality == "text":
        from evenhand.pretrained.text import load_text

        return load_text(backbone, recipe)
    if backbone.modality == "image":
        from evenhand.pretrained.image import load_image

        return load_image(backbone, recipe)
    raise BadInput(f"backbone '{backbone.name}' reads whole tables with their labels; it has no features of one row")
