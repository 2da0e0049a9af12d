"""Contact sheets: small pictures in a grid, as JPEG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from evenhand_autonomy.simulator.classes import NAMES

TILE, GAP, ALLEY = 64, 3, 14  # pixels of a picture's side, between two of them, and between the parts of a row
LARGE, WRITING = 96, 20  # pixels of an error's tile, and of the numbers, which a phone shows at half their size
BESIDE = 4  # pictures of a class in each half of the sheet
PER_ROW = 3  # errors in a row of their gallery


def sheet(rows: Sequence[Sequence[np.ndarray]], part: int = 0, numbers: Sequence[str] = (), tile: int = TILE) -> bytes:
    """A JPEG of pictures [side, side, 3], a row of tiles for each row, a wider gap after every `part` tiles.

    `numbers` are written into the corner of each part's first tile.
    """
    wide = max((len(row) for row in rows), default=1)
    step, part = tile + GAP, part or wide
    alley = ALLEY * ((wide - 1) // part)
    paper = Image.new("RGB", (wide * step + GAP + alley, max(len(rows), 1) * step + GAP), (255, 255, 255))
    pen, left = ImageDraw.Draw(paper), iter(numbers)
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            place = (across * step + GAP + ALLEY * (across // part), down * step + GAP)
            paper.paste(Image.fromarray(picture).resize((tile, tile), Image.Resampling.BICUBIC), place)
            if across % part == 0 and (said := next(left, "")):
                _number(pen, place, said)
    kept = io.BytesIO()
    paper.save(kept, "JPEG", quality=88)
    return kept.getvalue()


def _number(pen: ImageDraw.ImageDraw, place: tuple[int, int], said: str) -> None:
    """The number in black on white, in the corner of the tile at `place`."""
    letters = ImageFont.load_default(WRITING)
    x0, _, x1, y1 = pen.textbbox((place[0] + 3, place[1]), said, font=letters)
    pen.rectangle((*place, x1 + 3, y1 + 4), fill=(255, 255, 255))
    pen.text((x0, place[1]), said, fill=(0, 0, 0), font=letters)


def side_by_side(simulated: Any, pictures: Any, truth: Any) -> bytes:
    """Four simulated pictures, then four real ones, of each of the `shown_classes`."""
    rows = []
    for number in shown_classes(truth.numpy()):
        left = [_picture(simulated.pictures[i]) for i in _spread(simulated.labels, number)]
        blank = np.full_like(left[0], 255)
        right = [_picture(pictures[i]) for i in _spread(truth, number)]
        rows.append([*left, *[blank] * (BESIDE - len(left)), *right])
    return sheet(rows, part=BESIDE)


def shown_classes(truth: np.ndarray, classes: int = 12) -> list[int]:
    """At most so many of the classes that are there, spread over all."""
    there = np.unique(truth)
    return [
        int(there[i]) for i in np.unique(np.linspace(0, len(there) - 1, min(classes, len(there))).round().astype(int))
    ]


def names_of(classes: Sequence[int]) -> str:
    """The classes' names in a sentence's order."""
    return ", ".join(NAMES[number] for number in classes)


def gallery(pictures: Sequence[np.ndarray]) -> bytes:
    """Each picture as it is and, beside it, with its contrast stretched so that a person sees what a dark one shows."""
    pairs = [tile for picture in pictures for tile in (picture, stretched(picture))]
    rows = [pairs[start : start + 2 * PER_ROW] for start in range(0, len(pairs), 2 * PER_ROW)]
    return sheet(rows, part=2, numbers=[str(place + 1) for place in range(len(pictures))], tile=LARGE)


def stretched(picture: np.ndarray) -> np.ndarray:
    """The picture with the hundredth part of its values at either end black and white."""
    low, high = np.percentile(picture, (1, 99))
    found: np.ndarray = np.clip((picture - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)
    return found


def _spread(labels: Any, number: int, count: int = BESIDE) -> list[int]:
    """`count` row numbers of this class, far apart."""
    mine = np.flatnonzero(labels.numpy() == number)
    return [int(mine[i]) for i in np.linspace(0, len(mine) - 1, min(count, len(mine))).round().astype(int)]


def _picture(tensor: Any) -> np.ndarray:
    found: np.ndarray = tensor.permute(1, 2, 0).numpy()
    return found
