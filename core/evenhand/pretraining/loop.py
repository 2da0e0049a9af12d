"""The training loop: plain, and exact to resume, since a step depends on the seed and its number alone.

Batches, augmentation and dropout are drawn anew for each step from (seed, step); the rest of what a run is made of is
in one file, weights, buffers and the optimiser's moments, which is replaced whole. So a run that was killed and started
again by the same command ends with the same bytes. On one processor, GPU or several processes it is the same code.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import DataLoader, Dataset

from evenhand.errors import BadInput
from evenhand.files import atomic
from evenhand.pretrained.processor import autocast, device

Tensors = dict[str, torch.Tensor]
MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # what AdamW keeps of a parameter
ENDS_AT = 0.01  # share of the largest step size that is left at the end
Report = Callable[[int, float], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast. identity: of everything that decides the result; a checkpoint of another is refused."""

    steps: int
    seed: int
    learning_rate: float
    weight_decay: float
    warmup: float
    number_format: str
    checkpoint: Path
    checkpoint_every: int
    identity: str
    rank: int = 0
    world_size: int = 1
    workers: int = 0


def learn(network: nn.Module, batch: Callable[[int], Tensors], plan: Plan, report: Report) -> nn.Module:
    """Train `network`, whose forward gives the loss of one batch, from where the checkpoint stopped; in place.

    `batch(step)` is this process's share of the batch of a step. Returns the network on the processor.
    """
    where = device()
    network = network.to(where).train()
    optimiser = _optimiser(network, plan)
    start = _restore(network, optimiser, plan, where)
    shared = _shared(network, where) if plan.world_size > 1 else network
    parameters = [p for p in network.parameters() if p.requires_grad]
    for step, inputs in _stream(batch, start, plan):
        torch.manual_seed(_seed(plan, step))
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, plan)
        with autocast(plan.number_format):
            loss = shared(**{name: value.to(where) for name, value in inputs.items()})
        _check(loss, step)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        done = step + 1
        report(done, float(loss.detach()))
        if plan.rank == 0 and (done % plan.checkpoint_every == 0 or done == plan.steps):
            _keep(network, optimiser, plan, done)
    return network.to("cpu").eval()


def rate_at(step: int, plan: Plan) -> float:
    """Learning rate: up in a line during the warm-up, then down in half a cosine."""
    warm = int(plan.warmup * plan.steps)
    if step < warm:
        return plan.learning_rate * (step + 1) / warm
    share = (step - warm) / max(1, plan.steps - warm)
    return plan.learning_rate * (ENDS_AT + (1 - ENDS_AT) * (1 + math.cos(math.pi * share)) / 2)


def _seed(plan: Plan, step: int) -> int:
    """Of dropout in this step of this process."""
    return (plan.seed * 1_000_003 + step * plan.world_size + plan.rank) % 2**63


def _check(loss: torch.Tensor, step: int) -> None:
    if not torch.isfinite(loss.detach()):
        raise BadInput(f"the loss is no finite number at step {step + 1}; lower --set pretrain.learning_rate")


def _optimiser(network: nn.Module, plan: Plan) -> torch.optim.AdamW:
    """AdamW; biases and norms are not decayed."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": plan.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, plan.learning_rate, betas=(0.9, 0.98))


def _shared(network: nn.Module, where: torch.device) -> nn.Module:
    """The network with gradients that are the mean over all processes; parts may be left unused, as BERT's pooler."""
    ids = [where.index or torch.cuda.current_device()] if where.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(network, ids, find_unused_parameters=True)


class _Steps(Dataset[tuple[int, Tensors]]):
    """The batches of the steps that are left."""

    def __init__(self, batch: Callable[[int], Tensors], start: int, stop: int) -> None:
        self.batch, self.start, self.stop = batch, start, stop

    def __len__(self) -> int:
        return max(0, self.stop - self.start)

    def __getitem__(self, place: int) -> tuple[int, Tensors]:
        return self.start + place, self.batch(self.start + place)


def _stream(batch: Callable[[int], Tensors], start: int, plan: Plan) -> Iterator[tuple[int, Tensors]]:
    """(step, batch) from `start` on, in order, made ahead by `workers` processes."""
    left = _Steps(batch, start, plan.steps)
    if not plan.workers:
        return (left[place] for place in range(len(left)))
    return iter(
        DataLoader(left, batch_size=None, num_workers=plan.workers, prefetch_factor=4, multiprocessing_context="fork")
    )


def _state(network: nn.Module, optimiser: torch.optim.Optimizer) -> Tensors:
    """Weights, buffers and moments by name; tied weights once."""
    found: Tensors = {f"buffer.{name}": value for name, value in network.named_buffers()}
    for name, parameter in network.named_parameters():
        found[f"network.{name}"] = parameter.detach()
        for key, value in optimiser.state.get(parameter, {}).items():
            found[f"optimiser.{key}.{name}"] = value
    return {name: value.detach().cpu().contiguous().clone() for name, value in found.items()}


def _keep(network: nn.Module, optimiser: torch.optim.Optimizer, plan: Plan, step: int) -> None:
    with atomic(plan.checkpoint) as temporary:
        save_file(_state(network, optimiser), temporary, {"step": str(step), "identity": plan.identity})


def _restore(network: nn.Module, optimiser: torch.optim.Optimizer, plan: Plan, where: torch.device) -> int:
    """The step to go on with, after what the checkpoint holds was put back; 0 where there is none."""
    if not plan.checkpoint.is_file():
        return 0
    try:
        with safe_open(plan.checkpoint, framework="pt", device=str(where)) as file:
            told = file.metadata() or {}
            if told.get("identity") != plan.identity:
                raise BadInput(f"{plan.checkpoint} belongs to another pretraining; remove it, or give another --out")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        with torch.no_grad():
            for name, buffer in network.named_buffers():
                buffer.copy_(tensors[f"buffer.{name}"])
            for name, parameter in network.named_parameters():
                parameter.copy_(tensors[f"network.{name}"])
                _restore_moments(optimiser, name, parameter, tensors)
        return int(told["step"])
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        why = " ".join(str(error).split())[:100]
        raise BadInput(f"{plan.checkpoint} cannot be gone on from ({why}); remove it to begin anew") from None


def _restore_moments(optimiser: torch.optim.Optimizer, name: str, parameter: nn.Parameter, tensors: Tensors) -> None:
    moments: dict[str, Any] = {}
    for key in MOMENTS:
        with contextlib.suppress(KeyError):  # a parameter that no step has reached has none
            value = tensors[f"optimiser.{key}.{name}"]
            moments[key] = value.cpu() if key == "step" else value
    if moments:
        optimiser.state[parameter] = moments
