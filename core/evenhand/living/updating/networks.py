"""A trained network, trained on from the weights it has: freely, with old rows, or pulled back to what it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.setting import Setting

if TYPE_CHECKING:
    import torch

    from evenhand.adapting.models import NetworkModel

SAMPLE, BATCH = 512, 8  # old rows of Fisher's information, and rows that share a gradient there
Penalty = Callable[[Any], "torch.Tensor"]


def trained_on(
    setting: Setting, model: NetworkModel, data: Sequence[dict[str, Any]], strength: float = 0.0, old: Any = None
) -> Any:
    """A copy of the model's network, trained on `data` as the recipe says, in small steps.

    strength: of the pull towards the weights it had, 0 for none. old: examples of old rows, for which each weight's
    importance is measured (EWC); None: all weights alike (L2-SP).
    """
    import copy

    import torch

    from evenhand.adapting.training import train_onward

    torch.manual_seed(setting.recipe.seed)
    network: Any = copy.deepcopy(model.network).requires_grad_(True)
    if strength:
        network.penalty = _pull(network, strength, None if old is None else _fisher(setting, network, old))
    trained = train_onward(setting, data, network, "updating")
    trained.penalty = None
    return trained


def _pull(network: Any, strength: float, importance: dict[str, Any] | None) -> Penalty:
    """strength / 2 · Σ importance · (θ − θ₀)² over the weights that are trained."""
    import torch

    start = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    held = [
        (parameter, start[name], None if importance is None else importance[name])
        for name, parameter in network.named_parameters()
    ]

    def penalty(_: Any) -> torch.Tensor:
        total = torch.zeros((), device=held[0][0].device)
        for parameter, before, weight in held:
            if parameter.requires_grad:
                away = (parameter - before.to(parameter.device)) ** 2
                total = total + (away if weight is None else away * weight.to(parameter.device)).sum()
        return strength / 2 * total

    return penalty


def _fisher(setting: Setting, network: Any, old: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The squared gradient of each weight on old rows with their labels (the empirical Fisher), with a mean of 1."""
    import torch

    rng = np.random.default_rng(setting.recipe.seed)
    chosen = np.sort(rng.permutation(len(old))[:SAMPLE])
    found = {name: torch.zeros_like(parameter) for name, parameter in network.named_parameters()}
    network.eval()
    for start in range(0, len(chosen), BATCH):
        network.zero_grad()
        batch = setting.encoder.collate([old[int(place)] for place in chosen[start : start + BATCH]])
        network(**batch)["loss"].backward()
        for name, parameter in network.named_parameters():
            if parameter.grad is not None:
                found[name] += parameter.grad.detach() ** 2
    network.zero_grad()
    whole = sum(float(value.sum()) for value in found.values()) / sum(value.numel() for value in found.values())
    return {name: value / max(whole, 1e-20) for name, value in found.items()}
