"""The lane network: a picture of 80 x 48 pixels to steering and lane position. 0.2 million weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from evenhand_autonomy.obstacles.detector import SceneContrast

WIDE, HIGH = 80, 48
STEERING, OFFSET = 10.0, 0.6  # degrees and metres: the outputs' units
WIDTHS = (16, 24, 32, 48)


class LaneNetwork(nn.Module):
    """Contrast [n, 4, HIGH, WIDE] to [n, 2]: steering and lane position in the outputs' units."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        into = 4
        for out, stride in zip(WIDTHS, (2, 2, 2, 1), strict=True):
            size = 5 if into == 4 else 3
            layers += [nn.Conv2d(into, out, size, stride, size // 2, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            into = out
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.1), nn.Linear(into * (HIGH // 8) * (WIDE // 8), 64), nn.ReLU(), nn.Linear(64, 2)
        )

    def forward(self, contrast: Tensor) -> Tensor:
        found: Tensor = self.head(self.body(contrast))
        return found


@torch.no_grad()
def contrast_of(pictures: np.ndarray) -> Tensor:
    """Pictures [n, HIGH, WIDE, 3] uint8 as the network reads them."""
    reader = SceneContrast()
    parts = [
        reader(torch.from_numpy(pictures[start : start + 64]).permute(0, 3, 1, 2).float() / 255)
        for start in range(0, len(pictures), 64)
    ]
    return torch.cat(parts) if parts else torch.zeros(0, 4, HIGH, WIDE)


@torch.inference_mode()
def told_by(network: LaneNetwork, contrast: Tensor, size: int = 32) -> np.ndarray:
    """[n, 2]: steering in degrees, lane position in metres; in batches of one size, so that no neighbour matters."""
    network.eval()
    found = torch.empty(len(contrast), 2)
    batch = torch.zeros(size, *contrast.shape[1:])
    for start in range(0, len(contrast), size):
        part = contrast[start : start + size]
        batch[: len(part)] = part
        found[start : start + size] = network(batch)[: len(part)]
    values: np.ndarray = found.double().numpy() * np.array([STEERING, OFFSET])
    return values


def write(network: LaneNetwork, file: Path) -> None:
    """The weights as safetensors."""
    from safetensors.torch import save_file

    save_file({name: value.contiguous().clone() for name, value in network.state_dict().items()}, file)


def read(file: Path) -> LaneNetwork:
    """The network that `write` wrote."""
    from safetensors.torch import load_file

    network = LaneNetwork()
    network.load_state_dict(load_file(file))
    return network.eval()
