"""Trains the detector: AdamW, one cycle of the step size, pictures mirrored and lit anew."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.models.detection import FCOS

from evenhand_autonomy.learning import Average, shuffled

Told = Callable[[int, int], None]
Boxes = tuple[Tensor, Tensor]  # [k, 4] left, top, right, bottom in pixels; [k] classes
BATCH, PEAK = 8, 4e-3


def trained(
    network: FCOS,
    pictures: Tensor,
    boxes: list[Boxes],
    steps: int,
    *,
    seed: int,
    peak: float = PEAK,
    told: Told | None = None,
) -> FCOS:
    """The detector after so many steps on pictures [n, 3, high, wide] uint8: its averaged weights."""
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    chosen = torch.optim.AdamW(network.parameters(), peak, weight_decay=0.01)
    cycle = torch.optim.lr_scheduler.OneCycleLR(chosen, peak, steps, pct_start=0.15, final_div_factor=50)
    average = Average(network, keep=0.99)
    network.train()
    for step, rows in zip(range(steps), shuffled(len(pictures), BATCH, draw), strict=False):
        seen, told_of = varied(pictures[rows], [boxes[i] for i in rows.tolist()], draw)
        with torch.autocast("cpu", torch.bfloat16):
            losses = network(list(seen), [{"boxes": b, "labels": c} for b, c in told_of])
        loss = sum(losses.values())
        chosen.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        chosen.step()
        cycle.step()
        average.update(network)
        if told is not None:
            told(step + 1, steps)
    return average.network


def varied(pictures: Tensor, boxes: list[Boxes], draw: torch.Generator) -> tuple[Tensor, list[Boxes]]:
    """Half of the pictures mirrored; each with its own exposure and noise. In [0, 1]."""
    n, wide = len(pictures), pictures.shape[-1]
    seen = pictures.float() / 255
    seen = seen * (1 + 0.25 * (torch.rand(n, 1, 1, 1, generator=draw) - 0.5))
    seen = (seen + 0.02 * torch.rand(n, 1, 1, 1, generator=draw) * torch.randn(seen.shape, generator=draw)).clamp(0, 1)
    flip = torch.rand(n, generator=draw) < 0.5
    seen = torch.where(flip[:, None, None, None], seen.flip(-1), seen)
    found = []
    for mirrored, (box, classes) in zip(flip.tolist(), boxes, strict=True):
        turned = torch.stack([wide - box[:, 2], box[:, 1], wide - box[:, 0], box[:, 3]], 1) if mirrored else box
        found.append((turned, classes))
    return seen, found
