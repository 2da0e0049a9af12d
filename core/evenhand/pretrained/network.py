"""A backbone as torch sees it: a body that makes features, and a linear head on them."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from evenhand.pretrained.processor import autocast, device

BATCH = 128  # rows per forward pass when features are computed


class Network(nn.Module):
    """Body and head. `forward` returns `loss` (when labels are given) and `logits` of shape [batch, n_out]."""

    def __init__(self, body: nn.Module, width: int, n_out: int, task: str, label_smoothing: float) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(width, n_out)
        self.task = task
        self.label_smoothing = label_smoothing
        self.positive_weight: torch.Tensor | None = None  # of several labels: how much a row that has one counts
        self.penalty: Callable[[Network], torch.Tensor] | None = None  # what is added to the loss in training

    def forward(self, labels: torch.Tensor | None = None, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.head(self.body(**inputs)).float()
        if labels is None:
            return {"logits": logits}
        found = self._loss(logits, labels)
        if self.training and self.penalty is not None:
            found = found + self.penalty(self)
        return {"loss": found, "logits": logits}

    def _loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if self.task == "regression":
            return functional.mse_loss(logits.squeeze(-1), labels.float())
        smoothing = self.label_smoothing if self.training else 0.0
        if self.task == "multilabel":
            weight = None if self.positive_weight is None else self.positive_weight.to(logits.device)
            wanted = labels.float() * (1 - smoothing) + smoothing / 2
            return functional.binary_cross_entropy_with_logits(logits, wanted, pos_weight=weight)
        return functional.cross_entropy(logits, labels, label_smoothing=smoothing)


def with_head(body: nn.Module, width: int, n_out: int, task: str, label_smoothing: float) -> Network:
    """A Network around a copy of `body`: training it leaves the encoder as it was."""
    return Network(copy.deepcopy(body), width, n_out, task, label_smoothing)


@torch.inference_mode()
def run_batches(module: nn.Module, encoder: Any, examples: Sequence[dict[str, Any]], number_format: str) -> np.ndarray:
    """What `module` makes of `examples`, float32 of shape [examples, outputs], in their order.

    Examples of equal size share a batch, so nothing is padded and a row's result does not hang on its neighbours'
    length.
    """
    where = device()
    module = module.to(where).eval()
    parts: list[np.ndarray] = []
    order: list[int] = []
    for batch in batches(encoder.sizes(examples)):
        inputs = {name: value.to(where) for name, value in encoder.collate([examples[i] for i in batch]).items()}
        with autocast(number_format):
            out = module(**inputs)
        parts.append((out["logits"] if isinstance(out, dict) else out).float().cpu().numpy())
        order.extend(batch)
    whole = np.concatenate(parts)
    result = np.empty_like(whole)
    result[order] = whole
    return result


def batches(sizes: Sequence[int]) -> list[list[int]]:
    """Positions of `sizes` grouped by equal size, at most BATCH in one group, smallest size first."""
    groups: dict[int, list[int]] = {}
    for position, size in enumerate(sizes):
        groups.setdefault(size, []).append(position)
    return [group[i : i + BATCH] for _, group in sorted(groups.items()) for i in range(0, len(group), BATCH)]


def identity_of(body: nn.Module, preprocessing: Mapping[str, Any]) -> str:
    """sha256 over the loaded weights and the description of the preprocessing."""
    whole = hashlib.sha256(json.dumps(preprocessing, sort_keys=True).encode())
    for name, tensor in sorted(body.state_dict().items()):
        whole.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        whole.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()
