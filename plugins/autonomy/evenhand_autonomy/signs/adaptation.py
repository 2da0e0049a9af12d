"""From simulation to real pictures without their labels, with a few, or with all: one loop for the three.

Batch statistics are taken from the real pictures (Li et al. 2018, Pattern Recognition: AdaBN), each domain normalised
apart (French et al. 2018, ICLR). A teacher, the average of the student's weights (Tarvainen & Valpola 2017, NeurIPS),
names the real pictures that have no label; its answers are pooled over the photographs of one physical sign, and the
surest share of each class is learnt from under strong variation, a growing share as it goes on (Zou et al. 2018, ECCV:
class-balanced self-training). No choice in here looks at a label that was not given.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from evenhand_autonomy.learning import Average, Told, logits_of, optimiser, shuffled, varied
from evenhand_autonomy.network import DrivingNetwork

UNKNOWN = -1
FRAMES = 8  # photographs of a sign that are asked when it is named
LEAST_SHARE, MOST_SHARE = 0.5, 0.95  # of each named class, from the first naming to the last
NAMINGS = 8
MOMENTUM = 0.1  # of running statistics, torch's own


@dataclass(frozen=True, slots=True)
class Simulated:
    """Simulated pictures [n, 3, side, side] uint8 and their classes."""

    pictures: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True)
class Real:
    """Real pictures, which physical sign each shows (0 …), and the class of each, UNKNOWN where it was not given."""

    pictures: Tensor
    signs: np.ndarray
    known: Tensor


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how fast to adapt."""

    steps: int
    seed: int
    peak: float = 1e-3
    real: int = 96  # pictures in one step
    simulated: int = 32  # and simulated ones beside them; 0: none
    variation: float = 1.0  # of the real pictures


def with_statistics(network: DrivingNetwork, pictures: Tensor, most: int = 4096) -> DrivingNetwork:
    """The network with the means and deviations of these pictures in its normalising layers; its weights stay."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # type: ignore[assignment]  # torch: the plain mean over all batches
    network.train()
    rows = torch.linspace(0, len(pictures) - 1, min(most, len(pictures))).long()
    with torch.no_grad():
        for part in rows.split(256):
            if len(part) > 1:
                network(pictures[part])
    for layer in layers:
        layer.momentum = MOMENTUM
    return network.eval()


def named(network: DrivingNetwork, real: Real, share: float) -> Tensor:
    """The class of every real picture as far as it is known or the network is sure of it; UNKNOWN elsewhere."""
    if bool((real.known >= 0).all()):
        return real.known
    asked = _some_of_each(real.signs)
    chance = torch.softmax(logits_of(network, real.pictures[torch.from_numpy(asked)]), 1).numpy()
    signs = int(real.signs.max()) + 1
    pooled = np.zeros((signs, chance.shape[1]))
    np.add.at(pooled, real.signs[asked], chance)
    pooled /= np.maximum(np.bincount(real.signs[asked], minlength=signs), 1)[:, None]
    found = torch.from_numpy(_surest(pooled, share)[real.signs])
    # one labelled photograph tells what the others of the same sign show
    given = torch.full((signs,), UNKNOWN)
    mine = real.known >= 0
    given[torch.from_numpy(real.signs)[mine]] = real.known[mine]
    spread = given[torch.from_numpy(real.signs)]
    return torch.where(spread >= 0, spread, found)


def _surest(pooled: np.ndarray, share: float) -> np.ndarray:
    """Each sign's likeliest class where it is among the surest `share` of that class, else UNKNOWN."""
    best, sure = pooled.argmax(1), pooled.max(1)
    found = np.full(len(pooled), UNKNOWN, np.int64)
    for number in np.unique(best):
        mine = np.flatnonzero(best == number)
        kept = mine[np.argsort(-sure[mine], kind="stable")[: max(1, round(share * len(mine)))]]
        found[kept] = number
    return found


def _some_of_each(signs: np.ndarray) -> np.ndarray:
    """Row numbers of at most FRAMES photographs of each sign, spread over its track."""
    order = np.argsort(signs, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(signs[order]) != 0])
    lengths = np.diff(np.r_[starts, len(order)])
    return np.concatenate(
        [
            order[start + np.unique(np.linspace(0, length - 1, min(length, FRAMES)).round().astype(int))]
            for start, length in zip(starts, lengths, strict=True)
        ]
    )


def adapted(
    network: DrivingNetwork, simulated: Simulated, real: Real, pace: Pace, told: Told | None = None
) -> DrivingNetwork:
    """The network adapted to the real pictures; `network` itself is changed on the way."""
    torch.manual_seed(pace.seed)
    draw = torch.Generator().manual_seed(pace.seed)
    chosen, cycle = optimiser(network, pace.steps, pace.peak)
    teacher = Average(network, keep=0.99)
    every = max(1, pace.steps // NAMINGS)
    drawn = shuffled(len(simulated.pictures), pace.simulated, draw)
    for step in range(pace.steps):
        if step % every == 0:
            share = LEAST_SHARE + (MOST_SHARE - LEAST_SHARE) * step / max(pace.steps - every, 1)
            targets = named(teacher.network, real, min(share, MOST_SHARE))
            pool = _batches(real, targets, pace.real, draw)
            network.train()
        rows, others = next(pool), next(drawn)
        with torch.autocast("cpu", torch.bfloat16):
            loss = _loss(network, varied(real.pictures[rows], draw, pace.variation), targets[rows])
            if pace.simulated:
                with _apart(network):
                    seen = varied(simulated.pictures[others], draw)
                    loss = loss + 0.5 * _loss(network, seen, simulated.labels[others])
        chosen.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        chosen.step()
        cycle.step()  # type: ignore[attr-defined]  # torch's schedulers share no typed base
        teacher.update(network)
        if told is not None:
            told(step + 1, pace.steps)
    return teacher.network


def _batches(real: Real, targets: Tensor, size: int, draw: torch.Generator) -> Iterator[Tensor]:
    """Endless batches of named rows; where only some labels were given, a quarter of each batch is of those."""
    rows = torch.nonzero(targets >= 0).flatten()
    given = torch.nonzero(real.known >= 0).flatten()
    few = 0 if len(given) in (0, len(real.known)) else size // 4
    most, some = shuffled(len(rows), size - few, draw), shuffled(max(len(given), 1), few, draw)
    while True:
        batch = rows[next(most)]
        yield torch.cat([batch, given[next(some)]]) if few else batch


def _loss(network: DrivingNetwork, pictures: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(network(pictures).float(), targets, label_smoothing=0.05)


@contextmanager
def _apart(network: DrivingNetwork) -> Iterator[None]:
    """While it lasts, batches are normalised by themselves and leave no trace in the running statistics."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    for layer in layers:
        layer.momentum = 0.0
    yield
    for layer in layers:
        layer.momentum = MOMENTUM
