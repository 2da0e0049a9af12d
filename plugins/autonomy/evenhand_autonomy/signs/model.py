"""The model that traffic-sign stores: the driving network, and a sheet of the pictures it was adapted on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from evenhand import Portable
from evenhand_autonomy.learning import logits_of, tensor
from evenhand_autonomy.network import DrivingNetwork
from evenhand_autonomy.signs.pictures import SIDE, pictures_of
from evenhand_autonomy.weights import read, write

SEEN = "seen.jpg"  # a sheet of simulated beside real pictures, for the report


class Named(nn.Module):
    """The network from pictures to probabilities."""

    def __init__(self, network: DrivingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.softmax(self.network(pictures), 1)


class SignModel:
    """Class probabilities of sign pictures."""

    def __init__(self, network: DrivingNetwork, column: str, seen: bytes = b"", classes: Sequence[int] = ()) -> None:
        self.network, self.column = network.eval(), column
        self.seen, self.seen_classes = seen, tuple(classes)  # the sheet, and the class of each of its rows

    def scores(self, rows: Any) -> np.ndarray:
        """Probabilities [rows, classes]."""
        logits = logits_of(self.network, tensor(pictures_of(rows, self.column)))
        found: np.ndarray = torch.softmax(logits.double(), 1).numpy()
        return found

    def portable(self) -> Portable:
        """The network with its softmax, for `evenhand export`; pictures reach it as 0 to 255."""
        reads = {"kind": "image", "column": self.column, "size": SIDE, "mean": [0.0] * 3, "deviation": [1 / 255] * 3}
        return Portable(reads, Named(self.network))

    def save(self, folder: Path) -> None:
        """Weights as safetensors, the rest as JSON."""
        write(self.network, folder / "model.safetensors")
        about = {"column": self.column, "classes": self.network.head.out_features, "seen": self.seen_classes}
        (folder / "sign-model.json").write_text(json.dumps(about), "utf-8")
        if self.seen:
            (folder / SEEN).write_bytes(self.seen)

    @classmethod
    def load(cls, folder: Path) -> SignModel:
        """What `save` wrote."""
        about = json.loads((folder / "sign-model.json").read_text("utf-8"))
        network = read(folder / "model.safetensors", int(about["classes"]))
        seen = folder / SEEN
        return cls(network, str(about["column"]), seen.read_bytes() if seen.is_file() else b"", about.get("seen", ()))
