"""Tunes a sentence encoder by contrast: texts of one class near each other, look-alike classes apart.

The loss is supervised contrastive (Khosla et al. 2020, NeurIPS, arXiv 2004.11362) on vectors of length 1, over batches
in which the nearest classes meet (`mining`). A head is fitted on the tuned vectors afterwards: trained along with the
body by cross-entropy, both learnt ten labels a class by heart (BANKING77: 2 points less on rows kept apart). Lower
layers can stay as they are: what they make of a text is then computed once, and a pass costs what the others cost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from evenhand.adapting.few.mining import mined
from evenhand.pretrained.layers import collate_outputs, depth, outputs_below, upper
from evenhand.pretrained.network import Network
from evenhand.pretrained.processor import autocast, device

if TYPE_CHECKING:
    from evenhand.adapting.few.labelled import Few

TEMPERATURE = 0.1  # of the contrast
PACE = 0.3  # its largest step size, in multiples of the recipe's, which is for all weights under cross-entropy
BATCHES = 2  # texts in one step, in multiples of the recipe's: a text learns from all the others in its batch


def tuned(few: Few, rows: np.ndarray, what: str) -> Network:
    """A copy of the encoder, tuned on these rows; its head is still a random one."""
    setting, rule = few.setting, few.setting.recipe.finetune
    targets, where = few.targets[rows], device()
    rng = np.random.default_rng([setting.recipe.seed, 11])
    torch.manual_seed(setting.recipe.seed)
    network: Network = few.encoder.module(setting.labels.n_out, setting.labels.task)  # type: ignore[assignment]
    whole: Any = network.body
    examples, collate, body = _above(few, rows, whole)
    body.to(where).train()
    optimiser = _optimiser(body, PACE * rule.learning_rate, rule.weight_decay)
    features = few.features[rows]
    passes = [mined(targets, features, BATCHES * rule.batch_size, rng) for _ in range(rule.epochs)]
    steps = [batch for one in passes for batch in one]
    for done, batch in enumerate(steps):
        _pace(optimiser, done, len(steps), rule.warmup)
        inputs = {name: value.to(where) for name, value in collate([examples[i] for i in batch]).items()}
        with autocast(few.encoder.number_format):  # type: ignore[attr-defined]
            pooled = body(**inputs)
        vectors = functional.normalize(pooled.float(), dim=-1)
        loss: Any = contrast(vectors, torch.from_numpy(targets[batch]).to(where), TEMPERATURE)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in body.parameters() if p.grad is not None], 1.0)
        optimiser.step()
        setting.run.progress(done + 1, len(steps), what)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network.to("cpu").eval()


def contrast(vectors: torch.Tensor, targets: torch.Tensor, temperature: float) -> torch.Tensor:
    """Minus the mean log chance of a text's own class among all others of the batch; 0 where no two are of one class.

    vectors: [batch, width] of length 1.
    """
    mine = torch.eye(len(targets), dtype=torch.bool, device=targets.device)
    alike = (vectors @ vectors.T / temperature).masked_fill(mine, -torch.inf)
    same = (targets[:, None] == targets[None, :]) & ~mine
    pairs = same.sum(1)
    if not bool(pairs.any()):
        return vectors.sum() * 0
    chances = alike.log_softmax(dim=1).masked_fill(~same, 0.0)
    return -(chances.sum(1)[pairs > 0] / pairs[pairs > 0]).mean()


def _above(few: Few, rows: np.ndarray, body: Any) -> tuple[Sequence[dict[str, Any]], Any, Any]:
    """(examples, what makes a batch of them, the body that takes it): above the frozen layers, where there are any."""
    encoder: Any = few.encoder
    examples = [few.examples[i] for i in rows]
    frozen = min(few.setting.recipe.finetune.frozen_layers, max(0, depth(body) - 1))
    embeddings = getattr(getattr(body, "model", None), "embeddings", None)
    if isinstance(embeddings, torch.nn.Module):
        embeddings.requires_grad_(False)
    if not frozen:
        return examples, encoder.collate, body
    known = few.cache.setdefault("below", {})
    missing = [i for i in rows.tolist() if i not in known]
    if missing:
        found = outputs_below(encoder, [few.examples[i] for i in missing], frozen)
        known.update(zip(missing, found, strict=True))
    return [{"inputs_embeds": known[i]} for i in rows.tolist()], collate_outputs, upper(body, frozen)


def _optimiser(body: torch.nn.Module, rate: float, decay: float) -> torch.optim.AdamW:
    """AdamW; biases and norms are not decayed."""
    parts = [parameter for parameter in body.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parts if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parts if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, rate)
    for group in optimiser.param_groups:
        group["first"] = rate
    return optimiser


def _pace(optimiser: torch.optim.Optimizer, step: int, steps: int, warmup: float) -> None:
    """Up in a line during the warm-up, then down in half a cosine."""
    warm = max(1, int(warmup * steps))
    share = (step + 1) / warm if step < warm else (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2
    for group in optimiser.param_groups:
        group["lr"] = group["first"] * share
