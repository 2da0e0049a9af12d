"""Contact sheets: small pictures in a grid, as JPEG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

TILE, GAP = 64, 3


def sheet(rows: Sequence[Sequence[np.ndarray]], frame: tuple[int, int, int] = (255, 255, 255)) -> bytes:
    """A JPEG of pictures [side, side, 3], a row of tiles for each row."""
    wide = max((len(row) for row in rows), default=1)
    step = TILE + GAP
    paper = Image.new("RGB", (wide * step + GAP, max(len(rows), 1) * step + GAP), frame)
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            tile = Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.BICUBIC)
            paper.paste(tile, (across * step + GAP, down * step + GAP))
    kept = io.BytesIO()
    paper.save(kept, "JPEG", quality=88)
    return kept.getvalue()


def side_by_side(simulated: Any, pictures: Any, truth: Any, classes: int = 12) -> bytes:
    """Four simulated pictures, then four real ones, of each of `classes` classes spread over all."""
    there = np.unique(truth.numpy())
    chosen = there[np.unique(np.linspace(0, len(there) - 1, min(classes, len(there))).round().astype(int))]
    rows = []
    for number in chosen:
        row = [_picture(simulated.pictures[i]) for i in _spread(simulated.labels, number)]
        row += [_picture(pictures[i]) for i in _spread(truth, number)]
        rows.append(row)
    return sheet(rows)


def _spread(labels: Any, number: int, count: int = 4) -> list[int]:
    """`count` row numbers of this class, far apart."""
    mine = np.flatnonzero(labels.numpy() == number)
    return [int(mine[i]) for i in np.linspace(0, len(mine) - 1, min(count, len(mine))).round().astype(int)]


def _picture(tensor: Any) -> np.ndarray:
    found: np.ndarray = tensor.permute(1, 2, 0).numpy()
    return found
