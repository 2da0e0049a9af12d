"""The driving backbone: a small convolutional network that reads 48-pixel pictures as a camera would see contrast.

A picture is first brought to its own brightness and contrast, weighed towards the middle, so that a dark sign before a
bright sky looks like any other; a fourth channel tells local contrast (Jarrett et al. 2009, ICCV).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = 48
WIDTHS = (24, 40, 80, 160)
FEATURES = 192


class Contrast(nn.Module):
    """Pictures [n, 3, side, side] in [0, 255] as four channels of their own contrast."""

    window: Tensor
    box: Tensor

    def __init__(self) -> None:
        super().__init__()
        places = torch.linspace(-1, 1, SIDE)
        bell = torch.exp(-0.5 * (places / 0.45) ** 2)
        window = bell[:, None] * bell[None, :]
        self.register_buffer("window", (window / window.sum())[None, None], persistent=False)
        near = torch.exp(-0.5 * (torch.arange(-6, 7) / 3.0) ** 2)
        self.register_buffer("box", near / near.sum(), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        values = pictures.float() / 255
        mean = (values * self.window).sum((1, 2, 3), keepdim=True) / 3
        spread = (((values - mean) ** 2 * self.window).sum((1, 2, 3), keepdim=True) / 3).sqrt()
        grey = values.mean(1, keepdim=True)
        around = self._near(grey)
        local = self._near((grey - around) ** 2).clamp(min=0).sqrt()
        sharp = (grey - around) / (local + 0.1 * spread + 0.004)
        return torch.cat([((values - mean) / (spread + 0.008)).clamp(-4, 4), sharp.clamp(-4, 4)], 1)

    def _near(self, grey: Tensor) -> Tensor:
        padded = functional.pad(grey, (6, 6, 6, 6), mode="reflect")
        down = functional.conv2d(padded, self.box.view(1, 1, -1, 1))
        return functional.conv2d(down, self.box.view(1, 1, 1, -1))


def _layer(into: int, out: int, size: int = 3, stride: int = 1) -> Iterator[nn.Module]:
    yield nn.Conv2d(into, out, size, stride, size // 2, bias=False)
    yield nn.BatchNorm2d(out)
    yield nn.ReLU(inplace=True)


class DrivingNetwork(nn.Module):
    """Pictures [n, 3, 48, 48] in [0, 255] to logits [n, classes]; `features` are what the head reads."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.contrast = Contrast()
        self.body = nn.Sequential(
            *_layer(4, a, 5, 2),
            *_layer(a, b),
            nn.MaxPool2d(2),
            *_layer(b, c),
            *_layer(c, c),
            nn.MaxPool2d(2),
            *_layer(c, d),
            *_layer(d, d),
            nn.MaxPool2d(2),
        )
        self.gather = nn.Sequential(nn.Linear(9 * d, FEATURES, bias=False), nn.BatchNorm1d(FEATURES), nn.ReLU())
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(FEATURES, classes)

    def features(self, pictures: Tensor) -> Tensor:
        """Features [n, FEATURES]."""
        seen = self.contrast(pictures).contiguous(memory_format=torch.channels_last)
        return self.gather(self.body(seen).flatten(1))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(self.drop(self.features(pictures)))
