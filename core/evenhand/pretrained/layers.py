"""A text network divided: lower layers that stay as they are, whose outputs are computed once, and those above them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from evenhand.pretrained.network import batches
from evenhand.pretrained.processor import autocast, device
from evenhand.pretrained.text import Sentence, TextEncoder


class Given(nn.Module):
    """In place of a network's embeddings: the outputs of the layers below, as they were given."""

    def forward(self, inputs_embeds: torch.Tensor, **_: Any) -> torch.Tensor:
        return inputs_embeds


def depth(body: Any) -> int:
    """How many layers can be divided: those of BERT's kind of encoder; 0 for another architecture."""
    model = getattr(body, "model", None)
    layers = getattr(getattr(model, "encoder", None), "layer", None)
    whole = isinstance(layers, nn.ModuleList) and isinstance(getattr(model, "embeddings", None), nn.Module)
    return len(layers) if whole and layers is not None else 0


def upper(body: Sentence, frozen: int) -> Sentence:
    """The layers from `frozen` on as a body of their own, which shares its weights with the whole one."""
    model: Any = _shallow(body.model)
    model.embeddings = Given()
    model.encoder = _shallow(model.encoder)
    model.encoder.layer = nn.ModuleList(list(model.encoder.layer)[frozen:])
    return Sentence(model, body.pooling, body.normalise)


def lower(body: Sentence, frozen: int) -> nn.Module:
    """The network with its first `frozen` layers alone."""
    model: Any = _shallow(body.model)
    model.encoder = _shallow(model.encoder)
    model.encoder.layer = nn.ModuleList(list(model.encoder.layer)[:frozen])
    return model  # type: ignore[no-any-return]


@torch.inference_mode()
def outputs_below(encoder: TextEncoder, examples: Sequence[dict[str, Any]], frozen: int) -> list[np.ndarray]:
    """What the first `frozen` layers make of each example: float16 of shape [tokens, width]."""
    where = device()
    model = lower(encoder.body, frozen).to(where).eval()
    found: list[np.ndarray] = [np.empty(0)] * len(examples)
    for batch in batches(encoder.sizes(examples)):
        inputs = {name: value.to(where) for name, value in encoder.collate([examples[i] for i in batch]).items()}
        with autocast(encoder.number_format):
            hidden = model(**inputs).last_hidden_state
        for place, values in zip(batch, hidden.half().cpu().numpy(), strict=True):
            found[place] = values
    return found


def collate_outputs(examples: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """One batch of outputs of the lower layers, padded on the right, with `labels` where the examples have them."""
    lengths = [len(example["inputs_embeds"]) for example in examples]
    width = examples[0]["inputs_embeds"].shape[1]
    hidden = np.zeros((len(examples), max(lengths), width), dtype=np.float32)
    mask = np.zeros(hidden.shape[:2], dtype=np.int64)
    for row, (example, length) in enumerate(zip(examples, lengths, strict=True)):
        hidden[row, :length] = example["inputs_embeds"]
        mask[row, :length] = 1
    batch = {"inputs_embeds": torch.from_numpy(hidden), "attention_mask": torch.from_numpy(mask)}
    if "labels" in examples[0]:
        batch["labels"] = torch.tensor([example["labels"] for example in examples])
    return batch


def _shallow(module: nn.Module) -> nn.Module:
    """A copy that shares every part and weight, in which parts can be exchanged without touching the original."""
    other = copy.copy(module)
    other._modules = dict(module._modules)
    return other
