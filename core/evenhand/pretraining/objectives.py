"""What a network is taught by: classes, two views of one picture, or masked tokens. Each forward gives the loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from evenhand.errors import BadInput

UNMASKED = -100  # what transformers puts in place of the label of a token that is not to be guessed
SMOOTHING = 0.1  # share of a label that is spread over all classes


class Classified(nn.Module):
    """Cross-entropy of a linear head on the body."""

    def __init__(self, body: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(width, classes)

    def forward(self, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(self.head(self.body(pixels)).float(), labels, label_smoothing=SMOOTHING)


class TwoViews(nn.Module):
    """VICReg between two views of each picture, behind a projector that is thrown away."""

    def __init__(self, body: nn.Module, width: int) -> None:
        super().__init__()
        inner = 2 * width
        self.body = body
        self.projector = nn.Sequential(
            nn.Linear(width, inner), nn.BatchNorm1d(inner), nn.ReLU(), nn.Linear(inner, inner)
        )

    def forward(self, pixels: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        projected = self.projector(self.body(torch.cat([pixels, others]))).float()
        return vicreg(*projected.chunk(2))


def vicreg(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Two views agree, every output varies, no two outputs say the same.

    Bardes, Ponce, LeCun 2022, ICLR: VICReg (arXiv 2105.04906), with its weights 25, 25 and 1.
    """
    agreement = functional.mse_loss(first, second)
    spread = torch.stack([functional.relu(1 - (v.var(0) + 1e-4).sqrt()).mean() for v in (first, second)]).mean()
    overlap = torch.stack([_overlap(v) for v in (first, second)]).sum()
    return 25 * agreement + 25 * spread + overlap


def _overlap(values: torch.Tensor) -> torch.Tensor:
    """Squared covariances between different outputs, summed, per output."""
    centred = values - values.mean(0)
    covariance = centred.T @ centred / (len(values) - 1)
    off = covariance - torch.diag(torch.diagonal(covariance))
    return off.pow(2).sum() / values.shape[1]


class Masked(nn.Module):
    """Masked language modelling on an encoder, with a fresh head that shares the encoder's token vectors."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        from transformers import AutoModelForMaskedLM

        try:
            headed: Any = AutoModelForMaskedLM
            self.model: Any = headed.from_config(encoder.config)
        except ValueError:
            raise BadInput(
                f"transformers has no masked-token head for {encoder.config.model_type}; take another backbone"
            ) from None
        setattr(self.model, self.model.base_model_prefix, encoder)
        self.model.tie_weights()

    @property
    def encoder(self) -> Any:
        """The network without the head."""
        return self.model.base_model

    def forward(self, labels: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of the masked tokens; 0 for a batch of short texts in which chance masked none."""
        asked = labels != UNMASKED
        head = getattr(self.model, "cls", getattr(self.model, "lm_head", None))
        if head is None:
            guesses = self.model(**inputs).logits[asked]
        else:  # a guess costs as much as a layer: only masked tokens are guessed at
            guesses = head(self.model.base_model(**inputs).last_hidden_state[asked])
        whole = functional.cross_entropy(guesses.float(), labels[asked], reduction="sum")
        return whole / asked.sum().clamp(min=1)
