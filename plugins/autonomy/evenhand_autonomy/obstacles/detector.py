"""The detector: torchvision's FCOS (Tian et al. 2019, ICCV) on the driving backbone, for pictures of 160 x 96."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.ops import FeaturePyramidNetwork

from evenhand_autonomy.network import DrivingNetwork
from evenhand_autonomy.scenes.facts import CATEGORIES

WIDE, HIGH = 160, 96
CHANNELS = 32  # of the pyramid and the heads
REACH = (3, 6, 12)  # FCOS's unit of length on strides 4, 8 and 16, which says boxes of what size each level answers for
MOST = 20  # detections in one picture
LEAST = 0.1  # confidence


class SceneContrast(nn.Module):
    """Pictures [n, 3, high, wide] in [0, 1] as the driving backbone reads them: contrast, and local contrast."""

    box: Tensor

    def __init__(self) -> None:
        super().__init__()
        near = torch.exp(-0.5 * (torch.arange(-6, 7) / 3.0) ** 2)
        self.register_buffer("box", near / near.sum(), persistent=False)

    @torch.no_grad()
    def forward(self, pictures: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return self._seen(pictures.float())

    def _seen(self, pictures: Tensor) -> Tensor:
        mean = pictures.mean((1, 2, 3), keepdim=True)
        spread = pictures.std((1, 2, 3), keepdim=True)
        grey = pictures.mean(1, keepdim=True)
        around = self._near(grey)
        local = self._near((grey - around) ** 2).clamp(min=0).sqrt()
        sharp = (grey - around) / (local + 0.1 * spread + 0.004)
        return torch.cat([((pictures - mean) / (spread + 0.008)).clamp(-4, 4), sharp.clamp(-4, 4)], 1)

    def _near(self, grey: Tensor) -> Tensor:
        padded = functional.pad(grey, (6, 6, 6, 6), mode="reflect")
        down = functional.conv2d(padded, self.box.view(1, 1, -1, 1))
        return functional.conv2d(down, self.box.view(1, 1, 1, -1))


class SceneBackbone(nn.Module):
    """The driving network's body as a pyramid of three levels, a quarter to a sixteenth of the picture's sides.

    Its middle block is divided, its second half one level lower than where it was taught: half the work, little lost.
    """

    def __init__(self, start: DrivingNetwork) -> None:
        super().__init__()
        layers = list(start.body)
        first, second, third = (place for place, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d))
        middle = (first + second) // 2 + 1  # between the two convolutions of the second block
        self.contrast = SceneContrast()
        self.quarter = nn.Sequential(*layers[:middle])
        self.eighth = nn.Sequential(layers[second], *layers[middle:second])
        self.sixteenth = nn.Sequential(*layers[second:third])
        widths = [_width(part) for part in (self.quarter, self.eighth, self.sixteenth)]
        self.out_channels = CHANNELS
        self.pyramid = FeaturePyramidNetwork(widths, CHANNELS)

    def forward(self, pictures: Tensor) -> OrderedDict[str, Tensor]:
        levels = self.levels(pictures)
        self.pooled = torch.cat([level.detach().mean((2, 3)) for level in levels], 1)
        found = self.pyramid(OrderedDict(zip("012", levels, strict=True)))
        return OrderedDict((name, level.contiguous()) for name, level in found.items())  # group norm is quicker on it

    def levels(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features at a quarter, an eighth and a sixteenth of the picture's sides."""
        quarter = self.quarter(self.contrast(pictures).contiguous(memory_format=torch.channels_last))
        eighth = self.eighth(quarter)
        return quarter, eighth, self.sixteenth(eighth)


def _width(layers: nn.Sequential) -> int:
    return next(layer.out_channels for layer in reversed(layers) if isinstance(layer, nn.Conv2d))


def detector(start: DrivingNetwork, seed: int = 0) -> FCOS:
    """An untrained head on a driving network's body. Classes are CATEGORIES, in order, from 0."""
    torch.manual_seed(seed)
    anchors = AnchorGenerator(tuple((size,) for size in REACH), ((1.0,),) * len(REACH))
    backbone = SceneBackbone(start)
    head = FCOSHead(CHANNELS, 1, len(CATEGORIES), num_convs=2)
    return FCOS(
        backbone,
        len(CATEGORIES),
        min_size=HIGH,
        max_size=WIDE,
        image_mean=[0.0] * 3,
        image_std=[1.0] * 3,
        anchor_generator=anchors,
        head=head,
        score_thresh=LEAST,
        nms_thresh=0.5,
        detections_per_img=MOST,
        topk_candidates=200,
        _skip_resize=True,
        size_divisible=16,
    )


def write(network: FCOS, file: Path) -> None:
    """The weights as safetensors."""
    from safetensors.torch import save_file

    save_file({name: value.contiguous().clone() for name, value in network.state_dict().items()}, file)


def read(file: Path) -> FCOS:
    """The detector that `write` wrote."""
    from safetensors.torch import load_file

    from evenhand_autonomy.simulator.classes import CLASSES

    network = detector(DrivingNetwork(CLASSES))
    network.load_state_dict(load_file(file))
    return network.eval()


@torch.inference_mode()
def detected(network: FCOS, pictures: Tensor) -> list[tuple[np.ndarray, ...]]:
    """(boxes [k, 4], classes [k], confidences [k], features) of each picture [n, 3, HIGH, WIDE] uint8, surest first.

    One picture at a time, so that what is found in it does not depend on its neighbours.
    """
    network.eval()
    found = []
    for picture in pictures:
        (one,) = network([picture.float() / 255])
        order = one["scores"].argsort(descending=True, stable=True)
        parts = (one["boxes"][order], one["labels"][order], one["scores"][order].double(), network.backbone.pooled[0])
        found.append(tuple(part.numpy() for part in parts))
    return found
