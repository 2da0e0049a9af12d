"""Trains the lane network: squared error of steering and lane position, pictures mirrored; averaged weights."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor

from evenhand_autonomy.lanes.network import LaneNetwork
from evenhand_autonomy.learning import Average, shuffled

BATCH = 64
Told = Callable[[int, int], None]


def trained(
    network: LaneNetwork,
    contrast: Tensor,
    targets: Tensor,
    steps: int,
    *,
    seed: int,
    peak: float,
    extra: tuple[Tensor, Tensor] | None = None,
    told: Told | None = None,
) -> LaneNetwork:
    """The network after so many steps on contrast [n, 4, high, wide] and targets [n, 2] (NaN: not told).

    extra: (contrast, targets) of a few frames that make up half of every batch.
    """
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    network = deepcopy(network).train().requires_grad_(True)
    chosen = torch.optim.AdamW(network.parameters(), peak, weight_decay=0.02)
    cycle = torch.optim.lr_scheduler.OneCycleLR(chosen, peak, steps, pct_start=0.2, final_div_factor=50)
    average = Average(network, keep=0.98)
    size = BATCH if extra is None else BATCH // 2
    more = None if extra is None else shuffled(len(extra[0]), size, draw)
    for step, rows in zip(range(steps), shuffled(len(contrast), size, draw), strict=False):
        seen, wanted = contrast[rows], targets[rows]
        if extra is not None and more is not None:
            few = next(more)
            seen, wanted = torch.cat([seen, extra[0][few]]), torch.cat([wanted, extra[1][few]])
        seen, wanted = varied(seen, wanted, draw)
        known = ~wanted.isnan()
        error = (network(seen) - wanted.nan_to_num()) ** 2 * known
        loss = error.sum() / known.sum().clamp(min=1)
        chosen.zero_grad()
        loss.backward()
        chosen.step()
        cycle.step()
        average.update(network)
        if told is not None:
            told(step + 1, steps)
    return average.network


def varied(seen: Tensor, wanted: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Half of the frames mirrored, which turns both targets round; all with a little noise."""
    flip = torch.rand(len(seen), generator=draw) < 0.5
    seen = torch.where(flip[:, None, None, None], seen.flip(-1), seen)
    seen = seen + 0.15 * torch.rand(len(seen), 1, 1, 1, generator=draw) * torch.randn(seen.shape, generator=draw)
    return seen, torch.where(flip[:, None], -wanted, wanted)
