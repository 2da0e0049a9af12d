"""A trained network's batch statistics taken from a place's rows: no label, no weight moves.

Source: Schneider et al. 2020, Improving robustness against common corruptions by covariate shift adaptation, NeurIPS,
whose statistics of the source count as BEFORE rows beside those of the place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evenhand.adapting.models import NetworkModel

if TYPE_CHECKING:
    from datasets import Dataset

BEFORE = 16  # rows that the statistics of the source count as
LEAST = 32  # rows of the place below which nothing is said about their spread


def normalised(model: NetworkModel, rows: Dataset) -> NetworkModel:
    """The network with the means and variances that its layers see in `rows`, those of the source mixed in."""
    import torch

    from evenhand.pretrained.network import batches
    from evenhand.pretrained.processor import device

    encoder: Any = model.encoder
    network = deepcopy(model.network).to(device())
    examples = encoder.examples(rows, model.schema)
    with torch.no_grad(), _counting(network, len(rows)):
        for batch in batches(encoder.sizes(examples)):
            inputs = encoder.collate([examples[i] for i in batch])
            network(**{name: value.to(device()) for name, value in inputs.items()})
    return replace(model, network=network.eval())


def has_statistics(model: Any) -> bool:
    """Whether the model is a trained network with layers that hold batch statistics."""
    return isinstance(model, NetworkModel) and bool(_norms(model.network))


def _norms(network: Any) -> list[Any]:
    from torch.nn.modules.batchnorm import _BatchNorm

    return [m for m in network.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]


@contextmanager
def _counting(network: Any, rows: int) -> Iterator[None]:
    """Inside, layers average the batches that pass; after it, they hold the mixture. All else stays in evaluation."""
    network.eval()
    layers = _norms(network)
    before = [(layer.running_mean.clone(), layer.running_var.clone(), layer.momentum) for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean over batches
        layer.train()
    yield
    share = BEFORE / (BEFORE + rows)
    for layer, (mean, variance, momentum) in zip(layers, before, strict=True):
        layer.running_mean.mul_(1 - share).add_(mean, alpha=share)
        layer.running_var.mul_(1 - share).add_(variance, alpha=share)
        layer.momentum = momentum
        layer.eval()
