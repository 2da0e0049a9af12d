"""Train the tabular backbone on synthetic tables:   python -m evenhand.pretraining.tabular --out DIR --steps N --seed 0

One file, DIR/checkpoint.safetensors, holds everything a run is made of and is replaced whole; a killed run started
again by the same command ends with the same weights. What ships is the moving average of the weights:
DIR/model.safetensors.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional

from evenhand.errors import BadInput
from evenhand.pretrained.tabular.network import Shape, TabularNetwork
from evenhand.pretraining.batches import Batch, Sizes, stream

RATE = 1.5e-3  # peak learning rate
WARMUP = 150  # steps
FALL = 0.25  # share of the steps, at the end, over which the rate falls
DECAY = 0.01  # of weights, AdamW
KEEP = 0.998  # of the moving average, per step
Report = Callable[[int, float], None]


class Run:
    """Network, optimiser and moving average of a pretraining, as far as they have come."""

    def __init__(self, steps: int, seed: int, shape: Shape) -> None:
        torch.manual_seed(seed)
        self.network = TabularNetwork(shape)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(self.network.parameters(), RATE, (0.9, 0.98), weight_decay=DECAY)
        self.steps, self.step = steps, 0

    def learn(self, batch: Batch) -> float:
        """One step down the log loss of the rows to predict; returns the loss."""
        cells, rows, known, asked = batch
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.step, self.steps)
        with torch.autocast("cpu", torch.bfloat16):
            answer = self.network(cells, rows, known)
        loss = functional.binary_cross_entropy_with_logits(answer, asked)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        keep = min(KEEP, 1 - 1 / (1 + self.step / 4))  # an average over the last quarter of a young run
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
        return float(loss.detach())

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything but the step, by name."""
        found = {f"average.{k}": v for k, v in self.average.items()}
        for name, parameter in self.network.named_parameters():
            found[f"network.{name}"] = parameter.detach()
            for key, value in self.optimiser.state[parameter].items():
                found[f"optimiser.{key}.{name}"] = value
        return found

    def restore(self, tensors: dict[str, torch.Tensor], step: int) -> None:
        """The state that `tensors` describes."""
        self.step = step
        self.average = {k: tensors[f"average.{k}"] for k in self.average}
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                parameter.copy_(tensors[f"network.{name}"])
                keys = ("step", "exp_avg", "exp_avg_sq")
                self.optimiser.state[parameter] = {key: tensors[f"optimiser.{key}.{name}"] for key in keys}


def rate_at(step: int, steps: int) -> float:
    """Learning rate: up in a line, level, down in a line (Hu et al. 2024, arXiv 2404.06395).

    Until the fall begins it does not depend on `steps`, so a run may be given more or fewer until then.
    """
    if step < fall_begins(steps):
        return RATE * min((step + 1) / WARMUP, 1.0)
    return RATE * min((step + 1) / WARMUP, max((steps - step) / (steps - fall_begins(steps)), 0.01))


def fall_begins(steps: int) -> int:
    """The first step whose learning rate depends on the number of steps."""
    return steps - int(FALL * steps)


def pretrain_tabular(
    out: Path,
    steps: int,
    seed: int = 0,
    *,
    shape: Shape | None = None,
    sizes: Sizes | None = None,
    workers: int = 1,
    checkpoint_every: int = 100,
    report: Report | None = None,
) -> Path:
    """Train for `steps` steps, or go on where DIR's checkpoint stopped, and write model.safetensors and config.json.

    `report` is called with step and loss after every step. Returns the path of the weights.
    """
    shape, sizes = shape or Shape(), sizes or Sizes()
    plan = {"seed": seed, "shape": shape.as_dict(), "sizes": asdict(sizes)}
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / "checkpoint.safetensors"
    run = Run(steps, seed, shape)
    if checkpoint.exists():
        resume(run, checkpoint, plan)
    for batch in stream(seed, run.step, steps, sizes, workers):
        loss = run.learn(batch)
        if report is not None:
            report(run.step, loss)
        if run.step % checkpoint_every == 0 or run.step == steps:
            write(checkpoint, run.tensors(), marks(run, plan))
    weights = out / "model.safetensors"
    write(weights, {k: v.contiguous() for k, v in run.average.items()}, {})
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    (out / "config.json").write_text(
        json.dumps({"sha256": digest, "steps": steps, **plan}, indent=2) + "\n", encoding="utf-8"
    )
    return weights


def marks(run: Run, plan: dict[str, object]) -> dict[str, str]:
    """What a checkpoint says about itself."""
    return {"step": str(run.step), "steps": str(run.steps), "plan": json.dumps(plan, sort_keys=True)}


def resume(run: Run, checkpoint: Path, plan: dict[str, object]) -> None:
    """Bring `run` to where `checkpoint` was written, if a run of this plan would have come by there."""
    with safe_open(checkpoint, framework="pt") as file:
        told = file.metadata()
        step, steps = int(told["step"]), int(told["steps"])
        apart = steps != run.steps and step > min(fall_begins(steps), fall_begins(run.steps))
        if apart or json.loads(told["plan"]) != plan:
            raise BadInput(
                f"{checkpoint} belongs to another plan: {steps} steps, {told['plan']}; choose another folder  (--out)"
            )
        run.restore({name: file.get_tensor(name) for name in file.keys()}, step)  # noqa: SIM118


def write(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Replace `path` whole, so that a kill leaves the old file or the new."""
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata)
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def lines(every: int) -> Report:
    """A report that prints the mean loss of every so many steps and the time they took."""
    losses: list[float] = []
    started = time.monotonic()

    def told(step: int, loss: float) -> None:
        losses.append(loss)
        if step % every == 0:
            print(f"step {step}  loss {sum(losses) / len(losses):.4f}  {time.monotonic() - started:.0f} s", flush=True)
            losses.clear()

    return told


def main() -> None:
    """Parse and train."""
    parser = argparse.ArgumentParser(prog="python -m evenhand.pretraining.tabular", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the weights")
    parser.add_argument("--steps", type=int, required=True, help="batches to train on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw tables")
    parser.add_argument("--threads", type=int, default=1, help="of torch; another number may round otherwise")
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    pretrain_tabular(told.out, told.steps, told.seed, workers=told.workers, report=lines(20))


if __name__ == "__main__":
    main()
