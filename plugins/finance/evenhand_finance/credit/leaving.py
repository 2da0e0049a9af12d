"""A credit model as data that needs no code of ours: LightGBM's trees from their text, a scorecard as a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand import BadInput, Tree
from evenhand_finance.credit.inputs import NAME, Inputs
from evenhand_finance.credit.models import Scorecard

if TYPE_CHECKING:
    from torch import nn

CATEGORY, DEFAULT_LEFT = 1, 2  # bits of LightGBM's decision_type; the two above say what counts as missing
ZERO, MISSING = 1, 2


def read_as(inputs: Inputs) -> dict[str, Any]:
    """How rows become the matrix of `Inputs.matrix`, as `evenhand.Portable` says it."""
    columns = [{"name": c.name, "kind": c.kind, "values": list(c.values)} for c in inputs.columns]
    return {"kind": "numbers", "columns": columns}


def trees_in(text: str) -> tuple[Tree, ...]:
    """The trees of a LightGBM model's text."""
    blocks = text.split("\nTree=")[1:]
    return tuple(_tree(dict(line.split("=", 1) for line in block.splitlines() if "=" in line)) for block in blocks)


def _tree(told: dict[str, str]) -> Tree:
    """Splits first, as LightGBM numbers them, then the leaves."""
    leaves = np.array(told["leaf_value"].split(), dtype=float)
    splits = int(told["num_leaves"]) - 1
    nodes = splits + len(leaves)
    feature, threshold = np.full(nodes, -1), np.zeros(nodes)
    left, right, missing = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64), np.zeros(nodes, bool)
    value = np.concatenate([np.zeros(splits), leaves])
    codes: dict[int, tuple[float, ...]] = {}
    if splits:
        feature[:splits] = np.array(told["split_feature"].split(), dtype=int)
        threshold[:splits] = np.array(told["threshold"].split(), dtype=float)
        for side, name in ((left, "left_child"), (right, "right_child")):
            child = np.array(told[name].split(), dtype=int)
            side[:splits] = np.where(child >= 0, child, splits + ~child)
    for node, kind in enumerate(int(kind) for kind in told.get("decision_type", "").split()):
        how = kind >> 2 & 3
        if kind & CATEGORY:
            codes[node] = _codes(told, int(threshold[node]))
        elif how == ZERO:
            raise BadInput("LightGBM's trees take zero as missing, which has no conversion; take --format mlflow")
        else:  # where no missing value was seen while training, LightGBM takes one as 0
            missing[node] = bool(kind & DEFAULT_LEFT) if how == MISSING else threshold[node] >= 0
    return Tree(feature, threshold, left, right, missing, value, codes, dict.fromkeys(codes, True))


def _codes(told: dict[str, str], place: int) -> tuple[float, ...]:
    """The codes that go left: the bits that are set among words of 32."""
    bounds = [int(bound) for bound in told["cat_boundaries"].split()]
    words = [int(word) for word in told["cat_threshold"].split()][bounds[place] : bounds[place + 1]]
    return tuple(float(32 * at + bit) for at, word in enumerate(words) for bit in range(32) if word >> bit & 1)


def network_of(card: Scorecard, place: int) -> nn.Module:
    """The scorecard as a torch module, double precision: the matrix [rows, columns] to probabilities [rows, 2]."""
    import torch
    from torch import nn

    class Card(nn.Module):
        """`evenhand_finance.credit.models.design`, its weights, and the sigmoid."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weights", torch.tensor(card.weights, dtype=torch.float64))

        def forward(self, matrix: torch.Tensor) -> torch.Tensor:
            terms = []
            for at, column in enumerate(card.inputs.columns):
                value = matrix[:, at : at + 1]
                missing = torch.isnan(value)
                if column.kind == NAME:
                    terms += [(value == code).double() for code in range(len(column.values))]
                    continue
                known = torch.where(missing, torch.full_like(value, column.middle), value)
                width = (column.high - column.low) or 1.0
                terms.append(3 * (known.clamp(column.low, column.high) - column.middle) / width)
                terms += [(known > step).double() for step in column.steps]
                terms.append(missing.double())
            weights: Any = self.weights
            score = (torch.cat(terms, dim=1) * weights).sum(1, keepdim=True) + card.base
            chance = torch.sigmoid(score)
            return torch.cat([1 - chance, chance] if place else [chance, 1 - chance], dim=1)

    return Card()
