"""The folder with a text backbone's weights, whatever its source: as it lies there, or unpacked into the cache."""

from __future__ import annotations

from pathlib import Path

from evenhand.pretrained.gguf import unpacked
from evenhand.pretrained.locate import locate
from evenhand.values import Backbone


def weights_folder(backbone: Backbone) -> Path:
    """A folder in transformers' format with model.safetensors, checked against the backbone's card.

    Raises BadInput where package, folder or file are missing, only pickled weights are there, or they are not the
    card's.
    """
    return unpacked(backbone) if backbone.source.startswith("gguf:") else locate(backbone)
