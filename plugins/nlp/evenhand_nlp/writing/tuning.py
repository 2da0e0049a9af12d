"""LoRA on pairs: low-rank updates learn to write the target after its prompt; nothing else of the network changes.

The loss is that of the target alone, averaged over its tokens. Batches hold pairs of like length. Training stops where
the loss on validation pairs no longer falls, and the best updates are kept.
"""

from __future__ import annotations

import copy
import math
import re
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from evenhand_nlp.writing.decoding import padded
from evenhand_nlp.writing.network import Network

IGNORED = -100
LAYER = re.compile(r"\.(\d+)\.")  # in a module's name: which layer it is in
Told = Callable[[int, int, float], None]  # (steps done, steps in all, validation loss so far)


@dataclass(frozen=True, slots=True)
class Pair:
    """Token numbers of a prompt, and of what should follow, which ends with the network's own end."""

    prompt: list[int]
    target: list[int]


@dataclass(frozen=True, slots=True)
class Shape:
    """The rank of updates, and the share of a causal network's layers, the last ones, that get them.

    With fewer layers nothing flows back through the others, which saves time.
    """

    rank: int
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Course:
    """How long and how fast it learns, and how much of it. patience: epochs without a lower validation loss before it
    stops. bf16: forward passes compute in it."""

    epochs: int
    peak: float
    batch: int
    shape: Shape
    decay: float = 0.01
    warmup: float = 0.1
    seed: int = 0
    patience: int = 1
    bf16: bool = False


@dataclass(frozen=True, slots=True)
class Updates:
    """What was learnt: tensors by name, their shape, and the losses on validation pairs, before and after epochs."""

    tensors: dict[str, Any]
    shape: Shape
    losses: tuple[float, ...]
    tokens: int
    seconds: float


def pairs_of(network: Network, numbers: Sequence[Sequence[int]], targets: Sequence[str], most: int) -> list[Pair]:
    """Each prompt with its target, cut after `most` tokens."""
    made = []
    for prompt, target in zip(numbers, targets, strict=True):
        if network.causal:
            found = network.tokenizer(target, add_special_tokens=False)["input_ids"]
        else:
            found = network.tokenizer(text_target=target)["input_ids"]
            found = found[:-1] if found and found[-1] == network.end else found
        made.append(Pair(list(prompt), [*found[: max(1, most - 1)], network.end]))
    return made


def batch_of(network: Network, some: Sequence[Pair]) -> dict[str, Any]:
    """A batch as the network takes it; `labels` hold the target alone, IGNORED elsewhere."""
    if not network.causal:
        inputs, mask = padded(network, [pair.prompt for pair in some])
        longest = max(len(pair.target) for pair in some)
        labels = torch.full((len(some), longest), IGNORED, dtype=torch.long)
        for row, pair in enumerate(some):
            labels[row, : len(pair.target)] = torch.tensor(pair.target)
        return {"input_ids": inputs, "attention_mask": mask, "labels": labels}
    inputs, mask = padded(network, [[*pair.prompt, *pair.target] for pair in some])
    labels = torch.full_like(inputs, IGNORED)
    for row, pair in enumerate(some):
        labels[row, -len(pair.target) :] = torch.tensor(pair.target)
    return {"input_ids": inputs, "attention_mask": mask, "labels": labels}


def loss_of(network: Network, model: Any, batch: dict[str, Any]) -> tuple[Any, int]:
    """(summed loss of the targets' tokens, their number). A causal network computes no logits before the targets."""
    device = next(model.parameters()).device
    batch = {name: value.to(device) for name, value in batch.items()}
    labels = batch.pop("labels")
    if not network.causal:
        logits = model(**batch, labels=labels).logits
    else:
        longest = int((labels != IGNORED).sum(1).max())
        places = (batch["attention_mask"].cumsum(1) - 1).clamp(min=0)
        logits = model(**batch, position_ids=places, logits_to_keep=longest + 1).logits[:, -longest - 1 : -1]
        labels = labels[:, -longest:]
    total = functional.cross_entropy(
        logits.float().reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=IGNORED, reduction="sum"
    )
    return total, int((labels != IGNORED).sum())


def bucketed(sizes: Sequence[int], batch: int, rng: np.random.Generator) -> list[list[int]]:
    """Places in batches of like size, in random order."""
    order = sorted(range(len(sizes)), key=lambda i: (sizes[i], rng.random()))
    batches = [order[start : start + batch] for start in range(0, len(order), batch)]
    return [batches[i] for i in rng.permutation(len(batches))]


def targets_of(network: Network, share: float) -> list[str]:
    """The linear modules that get updates: all but the one that chooses words, in the last `share` of the layers."""
    head = network.model.get_output_embeddings()
    found = [name for name, one in network.model.named_modules() if isinstance(one, nn.Linear) and one is not head]
    if not network.causal or share >= 1:
        return found
    layers = {name: int(match[1]) for name in found if (match := LAYER.search(name))}
    first = round((max(layers.values(), default=0) + 1) * (1 - share))
    return [name for name in found if layers.get(name, -1) >= first]


def with_updates(network: Network, shape: Shape) -> Any:
    """A copy of the network with fresh low-rank updates."""
    from peft import LoraConfig, TaskType, get_peft_model

    kind = TaskType.CAUSAL_LM if network.causal else TaskType.SEQ_2_SEQ_LM
    config = LoraConfig(
        task_type=kind,
        r=shape.rank,
        lora_alpha=2 * shape.rank,
        lora_dropout=0.0,
        target_modules=targets_of(network, shape.share),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of one library about the other's words
        return get_peft_model(copy.deepcopy(network.model), config)


def tuned(
    network: Network, train: Sequence[Pair], validation: Sequence[Pair], course: Course, told: Told | None = None
) -> Updates:
    """Learns from `train`, is stopped by `validation`. The same on one machine with one number of threads."""
    import time

    from accelerate import Accelerator
    from peft import get_peft_model_state_dict

    began = time.monotonic()
    torch.manual_seed(course.seed)
    rng = np.random.default_rng(course.seed)
    accelerator = Accelerator()
    model = with_updates(network, course.shape)
    learnt = [one for one in model.parameters() if one.requires_grad]
    step_size = torch.optim.AdamW(learnt, lr=course.peak, weight_decay=course.decay)
    model, optimizer = accelerator.prepare(model, step_size)
    sizes = [len(pair.prompt) + len(pair.target) for pair in train]
    each = math.ceil(len(train) / course.batch)
    total, done, tokens = each * course.epochs, 0, 0
    losses = [measured(network, model, validation, course.batch)]
    best, kept, worse = losses[0], None, 0
    for _ in range(course.epochs):
        model.train()
        for mine in bucketed(sizes, course.batch, rng):
            share = max(1, total * course.warmup)
            rate = course.peak * min((done + 1) / share, max(0.0, (total - done) / max(1.0, total - share)))
            for group in optimizer.param_groups:
                group["lr"] = rate
            here = mine[accelerator.process_index :: accelerator.num_processes] or mine[:1]
            with computing(course.bf16):
                loss, count = loss_of(network, model, batch_of(network, [train[i] for i in here]))
            accelerator.backward(loss / count)
            accelerator.clip_grad_norm_(learnt, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            done, tokens = done + 1, tokens + sum(sizes[i] for i in mine)
            if told is not None:
                told(done, total, losses[-1])
        losses.append(measured(network, model, validation, course.batch))
        if losses[-1] < best or kept is None:
            best, worse = losses[-1], 0
            found = get_peft_model_state_dict(accelerator.unwrap_model(model))
            kept = {name: value.detach().cpu().clone().contiguous() for name, value in found.items()}
        else:
            worse += 1
        if worse >= course.patience:
            break
    assert kept is not None
    return Updates(kept, course.shape, tuple(losses), tokens, time.monotonic() - began)


def computing(bf16: bool) -> Any:
    """The context in which forward passes compute in bf16, or as they are."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.autocast(device, dtype=torch.bfloat16) if bf16 else nullcontext()


def measured(network: Network, model: Any, pairs: Sequence[Pair], batch: int) -> float:
    """Mean loss of a token of the targets."""
    model.eval()
    total, count = 0.0, 0
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i].prompt) + len(pairs[i].target))
    with torch.no_grad():
        for start in range(0, len(order), batch):
            some = [pairs[i] for i in order[start : start + batch]]
            loss, tokens = loss_of(network, model, batch_of(network, some))
            total, count = total + float(loss), count + tokens
    return total / max(1, count)


def merged(network: Network, tensors: dict[str, Any], shape: Shape) -> Any:
    """A copy of the network with the updates worked into its weights."""
    from peft import set_peft_model_state_dict

    model = with_updates(network, shape)
    told = set_peft_model_state_dict(model, dict(tensors))
    if told.unexpected_keys:
        raise ValueError(f"the updates are of another network: {told.unexpected_keys[0]}")
    return model.merge_and_unload().eval()
