"""Adapted networks as one torch module each: from numbers to probabilities, with nothing left for the caller to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from evenhand.adapting.probe import Head


def probabilities(logits: torch.Tensor, task: str) -> torch.Tensor:
    """What `evenhand.adapting.models.as_scores` does."""
    if task == "regression":
        return logits[:, 0]
    return torch.sigmoid(logits) if task == "multilabel" else torch.softmax(logits, dim=-1)


class Linear(nn.Module):
    """A probe's head."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.inner = nn.Linear(head.weight.shape[1], head.weight.shape[0])
        with torch.no_grad():
            self.inner.weight.copy_(torch.from_numpy(head.weight.copy("C")))
            self.inner.bias.copy_(torch.from_numpy(head.bias.copy()))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.inner(features)
        return found


class Probed(nn.Module):
    """A frozen body and a head. features: whether they are given too."""

    def __init__(self, body: nn.Module, head: Head, task: str, features: bool) -> None:
        super().__init__()
        self.body, self.head, self.task, self.features = body, Linear(head), task, features

    def forward(self, **inputs: torch.Tensor) -> Any:
        seen = self.body(**inputs)
        found = probabilities(self.head(seen), self.task)
        return (found, seen) if self.features else found


class Tuned(nn.Module):
    """A trained network, averaged with a probe on the frozen body where there is one."""

    def __init__(self, network: Any, task: str, partner: Probed | None) -> None:
        super().__init__()
        self.body, self.head, self.task, self.partner = network.body, network.head, task, partner

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        found = probabilities(self.head(self.body(**inputs)), self.task)
        return found if self.partner is None else (found + self.partner(**inputs)) / 2


class Design(nn.Module):
    """The linear model of a table: `evenhand.adapting.tables.members.design`, then its head."""

    def __init__(self, head: Head, levels: np.ndarray, spread: np.ndarray, reach: float, task: str) -> None:
        super().__init__()
        self.levels, self.reach, self.task = [int(count) for count in levels], reach, task
        weight = Head(head.weight / spread, head.bias)
        self.head = Linear(weight)

    def forward(self, matrix: torch.Tensor) -> torch.Tensor:
        parts = []
        for place, count in enumerate(self.levels):
            column = matrix[:, place : place + 1]
            missing = torch.isnan(column)
            if count:
                codes = torch.arange(1, count + 1, dtype=matrix.dtype)
                parts.append((column == codes).to(matrix.dtype))
            else:
                known = torch.where(missing, torch.zeros_like(column), column)
                parts.append(known.clamp(-self.reach, self.reach))
            parts.append(missing.to(matrix.dtype))
        return probabilities(self.head(torch.cat(parts, dim=1)), self.task)


class OfTexts(nn.Module):
    """A network as it is exported: its inputs by name."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        return self.inner(input_ids=input_ids, attention_mask=attention_mask)


class OfPixels(nn.Module):
    """The same for pictures. positional: of a plugin's network, whose argument may have any name."""

    def __init__(self, inner: nn.Module, positional: bool = False) -> None:
        super().__init__()
        self.inner, self.positional = inner, positional

    def forward(self, pixels: torch.Tensor) -> Any:
        return self.inner(pixels) if self.positional else self.inner(pixels=pixels)


class OfMatrix(nn.Module):
    """The same for rows of numbers."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, matrix: torch.Tensor) -> Any:
        return self.inner(matrix)


ENTRIES: dict[str, type[nn.Module]] = {"text": OfTexts, "image": OfPixels, "columns": OfMatrix, "numbers": OfMatrix}


def entry_of(kind: str, network: nn.Module) -> nn.Module:
    """The network with the named inputs of its kind of rows, ready to be traced."""
    ours = isinstance(network, Probed | Tuned)
    made = OfPixels(network, not ours) if kind == "image" else ENTRIES[kind](network)
    return made.eval().requires_grad_(False)


def example_of(kind: str, reads: Any) -> dict[str, torch.Tensor]:
    """Two rows of the kind, for tracing."""
    if kind == "text":
        ids = torch.ones((2, 7), dtype=torch.int64)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if kind == "image":
        return {"pixels": torch.zeros((2, 3, int(reads["size"]), int(reads["size"])))}
    width = len(reads["features"] if kind == "columns" else reads["columns"])
    return {"matrix": torch.zeros((2, width), dtype=torch.float32 if kind == "columns" else torch.float64)}
