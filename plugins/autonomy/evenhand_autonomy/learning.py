"""The training loop of the driving backbone: AdamW, one cycle of the step size, averaged weights at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from evenhand_autonomy.network import SIDE, DrivingNetwork

Told = Callable[[int, int], None]


def tensor(pictures: np.ndarray) -> Tensor:
    """uint8 pictures [n, SIDE, SIDE, 3] as [n, 3, SIDE, SIDE], still uint8."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()


def varied(pictures: Tensor, draw: torch.Generator, strength: float = 1.0) -> Tensor:
    """Pictures seen a little differently: moved, scaled, turned, lit anew, with a patch missing; above 1 softer too."""
    n = len(pictures)

    def uniform(size: tuple[int, ...], reach: float) -> Tensor:
        return (torch.rand(size, generator=draw) * 2 - 1) * reach * strength

    turn, grow = uniform((n,), 0.12), 1 + uniform((n, 2), 0.1)
    rows = torch.zeros(n, 2, 3)
    rows[:, 0, 0], rows[:, 0, 1], rows[:, 0, 2] = grow[:, 0] * turn.cos(), -turn.sin(), uniform((n,), 0.08)
    rows[:, 1, 0], rows[:, 1, 1], rows[:, 1, 2] = turn.sin(), grow[:, 1] * turn.cos(), uniform((n,), 0.08)
    grid = functional.affine_grid(rows, [n, 3, SIDE, SIDE], align_corners=False)
    seen = functional.grid_sample(pictures.float(), grid, padding_mode="reflection", align_corners=False)
    if strength > 1:
        softer = functional.avg_pool2d(functional.pad(seen, (1, 1, 1, 1), mode="replicate"), 3, 1)
        seen = seen.lerp(softer, (torch.rand(n, 1, 1, 1, generator=draw) * 2 - 1).clamp(min=0))
    seen = seen * (1 + uniform((n, 3, 1, 1), 0.15)) + uniform((n, 1, 1, 1), 12.0)
    seen = seen + torch.randn(seen.shape, generator=draw) * (torch.rand(n, 1, 1, 1, generator=draw) * 5 * strength)
    return _with_patch(seen.clamp(0, 255), draw)


def _with_patch(seen: Tensor, draw: torch.Generator) -> Tensor:
    """A grey rectangle somewhere in every third picture (Zhong et al. 2020, AAAI: random erasing)."""
    n = len(seen)
    middle = torch.rand(n, 2, generator=draw) * SIDE
    half = torch.rand(n, 2, generator=draw) * 6 + 2
    half[torch.rand(n, generator=draw) > 0.33] = 0
    places = torch.arange(SIDE) + 0.5
    down = (places[None] - middle[:, :1]).abs() < half[:, :1]
    across = (places[None] - middle[:, 1:]).abs() < half[:, 1:]
    patch = (down[:, :, None] & across[:, None, :])[:, None]
    return torch.where(patch, torch.rand(n, 3, 1, 1, generator=draw) * 255, seen)


def shuffled(n: int, size: int, draw: torch.Generator) -> Iterator[Tensor]:
    """Endless batches of row numbers, every row once per pass."""
    rest = torch.empty(0, dtype=torch.long)
    while True:
        while len(rest) < size:
            rest = torch.cat([rest, torch.randperm(n, generator=draw)])
        yield rest[:size]
        rest = rest[size:]


def optimiser(network: DrivingNetwork, steps: int, peak: float) -> tuple[torch.optim.Optimizer, object]:
    """AdamW and its one cycle of step sizes."""
    chosen = torch.optim.AdamW(network.parameters(), peak, weight_decay=0.02)
    return chosen, torch.optim.lr_scheduler.OneCycleLR(chosen, peak, steps, pct_start=0.15, final_div_factor=50)


class Average:
    """The mean of a network's weights over its last steps, which is steadier than the last (Polyak 1992)."""

    def __init__(self, network: DrivingNetwork, keep: float = 0.998) -> None:
        self.network, self.keep, self.steps = deepcopy(network).eval(), keep, 0
        for weight in self.network.parameters():
            weight.requires_grad_(False)

    @torch.no_grad()
    def update(self, network: DrivingNetwork) -> None:
        """Move a little towards the network as it is now."""
        self.steps += 1
        keep = min(self.keep, self.steps / (self.steps + 10))
        for mine, other in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(other, 1 - keep)
            else:
                mine.copy_(other)


def supervised(
    network: DrivingNetwork,
    pictures: Tensor,
    labels: Tensor,
    steps: int,
    *,
    seed: int,
    peak: float = 4e-3,
    size: int = 128,
    told: Told | None = None,
) -> DrivingNetwork:
    """The network trained on labelled pictures for so many steps: its averaged weights."""
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    chosen, cycle = optimiser(network, steps, peak)
    network.train()
    average = Average(network)
    for step, rows in zip(range(steps), shuffled(len(pictures), size, draw), strict=False):
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(varied(pictures[rows], draw)).float()
            loss = functional.cross_entropy(logits, labels[rows], label_smoothing=0.05)
        chosen.zero_grad()
        loss.backward()
        chosen.step()
        cycle.step()  # type: ignore[attr-defined]  # torch's schedulers share no typed base
        average.update(network)
        if told is not None:
            told(step + 1, steps)
    return average.network


@torch.inference_mode()
def logits_of(network: DrivingNetwork, pictures: Tensor, size: int = 64) -> Tensor:
    """Logits [n, classes], in batches of always the same size so that a row's never depend on how many there are."""
    network.eval()
    found = torch.empty(len(pictures), network.head.out_features)
    batch = torch.zeros(size, *pictures.shape[1:], dtype=pictures.dtype)
    for start in range(0, len(pictures), size):
        part = pictures[start : start + size]
        batch[: len(part)] = part
        found[start : start + size] = network(batch)[: len(part)]
    return found
