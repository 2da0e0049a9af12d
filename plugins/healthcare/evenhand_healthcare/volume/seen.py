"""What the backbone sees of volumes: slabs as pictures, each with the slabs below and above it as its other colours.

That is 2.5-D (Roth et al. 2014, MICCAI): a network for pictures sees a little of the third dimension. Volumes on the
grid are kept on disk, so that a file is read and unpacked once, and a run that was killed need not read it again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import Encoder, Schema, cache_folder
from evenhand_healthcare.volume import series
from evenhand_healthcare.volume.grid import Grid, on_grid
from evenhand_healthcare.volume.stored import opened, volumes

SEEN = Schema(input=("slab",))
AT_ONCE = 64  # pictures that go through the network together
BLOCK = 1 << 20
MADE = 2  # how grids are made: another number with every change of grid.py, so that none of before is taken


def grids(rows: Any, schema: Schema, grid: Grid) -> Iterator[np.ndarray]:
    """Each row's volume on the grid, uint8 [slabs, side, side]; from disk where it was made before."""
    for row, value in enumerate(volumes(rows, schema)):
        yield kept(value, row, grid)


def kept(value: Any, row: int, grid: Grid) -> np.ndarray:
    """One volume on the grid. A full or read-only disk costs time, not the run."""
    file = _kept_at(value, grid)
    try:
        if file is not None:
            return np.asarray(np.load(io.BytesIO(file.read_bytes()), allow_pickle=False))
    except (OSError, ValueError, EOFError):
        pass
    made = on_grid(opened(value, row), grid)
    if file is not None:
        _keep(file, made)
    return made


def _kept_at(value: Any, grid: Grid) -> Path | None:
    """A name that hangs on all of the volume's content and on the grid; None where the content cannot be read."""
    whole = hashlib.sha256(json.dumps([MADE, grid.described()], sort_keys=True).encode())
    path = value.get("path") if isinstance(value, dict) else value
    content = value.get("bytes") if isinstance(value, dict) else None
    try:
        if content is not None:
            whole.update(content)
        else:
            for part in series.parts(Path(path)):
                with part.open("rb") as file:
                    while block := file.read(BLOCK):
                        whole.update(block)
    except (OSError, TypeError):
        return None
    key = whole.hexdigest()
    return cache_folder() / "volumes" / key[:2] / f"{key}.npy"


def _keep(file: Path, made: np.ndarray) -> None:
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as content:
            np.save(content, made, allow_pickle=False)
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)


def slabs(volume: np.ndarray) -> np.ndarray:
    """uint8 [slabs, side, side, 3]: every slab with its neighbours; the lowest and the highest are their own."""
    below, above = np.r_[volume[:1], volume[:-1]], np.r_[volume[1:], volume[-1:]]
    return np.stack([below, volume, above], axis=-1)


def features(
    encoders: Sequence[Encoder],
    rows: Any,
    schema: Schema,
    grid: Grid,
    tell: Callable[[int, int, str], None] = lambda *_: None,
) -> list[list[np.ndarray]]:
    """For each encoder (variants of one network), for each row, float32 [slabs, width]."""
    found: list[list[np.ndarray]] = [[] for _ in encoders]
    waiting: list[np.ndarray] = []

    def see() -> None:
        for place, parts in enumerate(_through(encoders, waiting)):
            found[place] += parts
        waiting.clear()

    for done, volume in enumerate(grids(rows, schema, grid)):
        waiting.append(slabs(volume))
        if sum(map(len, waiting)) >= AT_ONCE:
            see()
            tell(done + 1, len(rows), "volumes")
    if waiting:
        see()
    tell(len(rows), len(rows), "volumes")
    return found


def _through(encoders: Sequence[Encoder], waiting: list[np.ndarray]) -> list[list[np.ndarray]]:
    from datasets import Dataset

    pictures = [{"bytes": _png(picture), "path": None} for volume in waiting for picture in volume]
    whole = Dataset.from_dict({"slab": pictures})
    cuts = np.cumsum([len(volume) for volume in waiting])[:-1]
    return [np.split(one, cuts) for one in encoders[0].together(encoders, whole, SEEN)]


def _png(picture: np.ndarray) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG", compress_level=1)
    return content.getvalue()
