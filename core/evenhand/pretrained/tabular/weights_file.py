"""The network's weights on disk: config.json says what they are, model.safetensors holds them, no pickle anywhere."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from safetensors.torch import load_file

from evenhand.errors import BadInput
from evenhand.pretrained.tabular.network import Shape, TabularNetwork

EMBEDDED = Path(__file__).parent / "weights"


@lru_cache(maxsize=4)
def load_network(folder: Path = EMBEDDED) -> tuple[TabularNetwork, str]:
    """The network of `folder`, ready to predict, and the sha256 of its weights, which config.json must tell too."""
    file, config = folder / "model.safetensors", folder / "config.json"
    for needed in (file, config):
        if not needed.is_file():
            raise BadInput(f"{needed} is missing; a folder of weights holds model.safetensors and config.json")
    told = json.loads(config.read_text(encoding="utf-8"))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != told.get("sha256"):
        raise BadInput(f"{file} has sha256 {digest}, but config.json says {told.get('sha256')}")
    network = TabularNetwork(Shape(**told["shape"]))
    network.load_state_dict(load_file(file))
    return network.eval().requires_grad_(False), digest
