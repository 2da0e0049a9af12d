"""Ways to bring a numeric column to one scale, fitted on the context; the classifier averages over them."""

from __future__ import annotations

import torch

from evenhand.pretrained.tabular.hints import normal_scores

SCALINGS = ("standard", "log", "quantile")
REACH = 4.0  # deviations beyond which a standardised value is cut: one wild value must not rule a kernel


def scale(values: torch.Tensor, n_context: int, how: str) -> torch.Tensor:
    """Scaled `values` [tables, rows, columns] with 0 where missing; the first `n_context` rows set the scale.

    `log` is the inverse hyperbolic sine of the distance from the median in quartile ranges: linear near
    the middle, logarithmic in the tails.
    """
    if how == "quantile":
        return normal_scores(values, n_context)
    if how == "log":
        low, middle, high = torch.nanquantile(values[:, :n_context], torch.tensor([0.25, 0.5, 0.75]).to(values), dim=1)
        width = torch.where(high > low, high - low, 1.0)
        return standardise(torch.asinh(2 * (values - middle[:, None]) / width[:, None]), n_context)
    if how == "standard":
        return standardise(values, n_context)
    raise ValueError(f"scaling '{how}' is none of {', '.join(SCALINGS)}")


def standardise(values: torch.Tensor, n_context: int) -> torch.Tensor:
    """Less the context's mean, over its deviation, cut at REACH; 0 where missing or where the context is constant."""
    context = values[:, :n_context]
    mean = context.nanmean(1, keepdim=True)
    deviation = (context - mean).square().nanmean(1, keepdim=True).sqrt()
    scaled = (values - mean) / torch.where(deviation > 0, deviation, torch.inf)
    return scaled.nan_to_num(nan=0.0).clamp(-REACH, REACH)
