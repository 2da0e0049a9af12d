"""Where the network looks: integrated gradients on four validation films, beside those of a network that knows nothing.

A map is only worth looking at if it changes when what was learnt is taken away (Adebayo et al. 2018, NeurIPS: Sanity
Checks for Saliency Maps). So every map stands beside that of the same network with all weights drawn anew, with the
rank correlation of the two. Films are shown in coarse fields with their borders blacked out, so that nothing that is
burnt into them can be read; no name, id or date is kept.
"""

from __future__ import annotations

import copy
import io
import json
from importlib.util import find_spec
from typing import Any

import numpy as np

from evenhand import Adapted, Recipe, Splits

STEPS = 16  # of the path from grey to the film (Sundararajan, Taly & Yan 2017, ICML)
FIELDS = 32  # a map and a film are shown in so many fields across
FRAME = FIELDS // 8  # of them are blacked out at each border
ZOOM = 6
FACTS = "saliency.json"


def exhibits(recipe: Recipe, splits: Splits, adapted: Adapted) -> dict[str, bytes]:
    """saliency.json and a PNG for each film; only the reason where captum is not installed or the model is another."""
    if find_spec("captum") is None or find_spec("matplotlib") is None:
        return {FACTS: _json({"lacking": "pip install 'evenhand-healthcare[saliency]'"})}
    encoder, score = getattr(adapted.model, "encoder", None), adapted.validation_scores
    if encoder is None or score is None:
        return {}
    label = splits.schema.require("label", "saliency")
    positive = next((i for i, value in enumerate(adapted.classes) if str(value) == str(splits.schema.positive)), 1)
    sick = np.array([value == adapted.classes[positive] for value in splits.validation[label]])
    rows = chosen(sick, score[:, positive])
    examples = encoder.examples(splits.validation.select(rows), splits.schema)
    pixels = np.stack([examples[i]["pixels"] for i in range(len(rows))])
    network = decided_by(adapted.model, positive)
    maps, random = attributed(network, pixels), attributed(drawn_anew(network, recipe.seed), pixels)
    files: dict[str, bytes] = {}
    films = []
    for number, row in enumerate(rows):
        alike = rank_correlation(maps[number], random[number])
        name = f"saliency-{number}.png"
        files[name] = drawn(pixels[number].mean(axis=0), maps[number], random[number])
        films.append({"file": name, "sick": bool(sick[row]), "score": float(score[row, positive]), "alike": alike})
    return {**files, FACTS: _json({"films": films})}


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


def chosen(sick: np.ndarray, score: np.ndarray) -> list[int]:
    """Rows of the sick with the highest and the lowest score, and of the healthy with the highest and the lowest."""
    found = []
    for part in (np.flatnonzero(sick), np.flatnonzero(~sick)):
        if len(part):
            found += [int(part[score[part].argmax()]), int(part[score[part].argmin()])]
    return list(dict.fromkeys(found))


def decided_by(model: Any, positive: int) -> Any:
    """A module from pixels to the logit of the positive class: the probe's encoder and head, or the trained network."""
    import torch

    trained = getattr(model, "network", None)
    if trained is not None:
        body, head = trained.body, trained.head
    else:
        body, weight = model.encoder.body, torch.from_numpy(model.head.weight.copy())
        head = torch.nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            head.weight.copy_(weight)
            head.bias.copy_(torch.from_numpy(model.head.bias.copy()))

    class Decided(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = body, head

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            logits = self.head(self.body(pixels))
            return logits[:, positive] - logits[:, 1 - positive]

    return Decided().eval()


def drawn_anew(network: Any, seed: int) -> Any:
    """A copy of the network in which every layer that can be is initialised again."""
    import torch

    torch.manual_seed(seed)
    copied = copy.deepcopy(network)
    for layer in copied.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return copied.eval()


def attributed(network: Any, pixels: np.ndarray) -> np.ndarray:
    """How much each field of each film moves the decision: [films, FIELDS, FIELDS], 0 or more, each with sum 1."""
    import torch
    from captum.attr import IntegratedGradients

    method = IntegratedGradients(network)
    found = []
    for film in pixels:
        given = torch.from_numpy(film[None]).requires_grad_()
        moved = method.attribute(given, n_steps=STEPS, internal_batch_size=STEPS).detach()
        fields = torch.nn.functional.adaptive_avg_pool2d(moved.abs().sum(dim=1, keepdim=True), FIELDS)[0, 0].numpy()
        found.append(fields / max(float(fields.sum()), 1e-12))
    return np.stack(found)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's, over the fields; 0 where a map is the same everywhere."""
    ranks = [
        np.argsort(np.argsort(part.reshape(-1), kind="stable"), kind="stable").astype(float) for part in (one, other)
    ]
    if any(np.ptp(part) == 0 for part in (one, other)):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def drawn(film: np.ndarray, mine: np.ndarray, random: np.ndarray) -> bytes:
    """Film, map and the map of random weights side by side, as PNG: coarse, borders black."""
    from PIL import Image

    side = film.shape[0]
    rows = np.arange(FIELDS + 1) * side // FIELDS
    coarse = np.add.reduceat(np.add.reduceat(film, rows[:-1], axis=0), rows[:-1], axis=1)
    parts = [np.stack([_scaled(part)] * 3, axis=-1) for part in (coarse,)]
    parts += [_heat(_scaled(part)) for part in (mine, random)]
    for part in parts:
        part[:FRAME] = part[-FRAME:] = part[:, :FRAME] = part[:, -FRAME:] = 0
    gap = np.full((FIELDS, 1, 3), 1.0)
    joined = np.concatenate([parts[0], gap, parts[1], gap, parts[2]], axis=1)
    picture = Image.fromarray((255 * joined).astype(np.uint8))
    content = io.BytesIO()
    picture.resize((picture.width * ZOOM, picture.height * ZOOM), Image.Resampling.NEAREST).save(content, "PNG")
    return content.getvalue()


def _scaled(values: np.ndarray) -> np.ndarray:
    """0 to 1 over the middle that is shown."""
    inside = values[FRAME:-FRAME, FRAME:-FRAME]
    spread = float(np.ptp(inside)) or 1.0
    return np.clip((values - inside.min()) / spread, 0, 1)


def _heat(values: np.ndarray) -> np.ndarray:
    """Black over red to pale yellow: lightness rises with the value, so that it can be read without colours."""
    return np.stack(
        [np.clip(2 * values, 0, 1), np.clip(2 * values - 0.7, 0, 1), np.clip(3 * values - 2.2, 0, 1)], axis=-1
    )
