"""A volume on the model's own grid: one orientation, one scale in millimetres, whatever the file had.

Each cell of the grid is the mean of the voxels that it covers. The grid's centre is the volume's, so that a volume that
was flipped, turned by right angles or sampled anew, and whose header says so, fills the same cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evenhand import BadInput, Recipe
from evenhand_healthcare.volume.stored import Planes, spacing, unreadable

MOST_SLABS = 256
LEAST_COVERED = 0.05  # of a cell: with less it counts as outside the volume
BLURS = 3
DARK, BRIGHT = 1.0, 99.5  # percentiles that become black and white where no window is named


@dataclass(frozen=True, slots=True)
class Grid:
    """side: cells across and down; field: their millimetres together; slab: the thickness of a slab in millimetres.

    window: (centre, width) of the values that are shown, such as (40, 400) Hounsfield units; None: each volume's own.
    """

    side: int
    field: float
    slab: float
    window: tuple[float, float] | None = None

    def described(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_described(cls, said: Mapping[str, Any]) -> Grid:
        """What `described` gave, perhaps by way of JSON."""
        window = None if said["window"] is None else (float(said["window"][0]), float(said["window"][1]))
        return cls(int(said["side"]), float(said["field"]), float(said["slab"]), window)


def grid_of(recipe: Recipe) -> Grid:
    """The grid that a recipe's options ask for; BadInput where they cannot be."""
    said = recipe.options
    sizes = {name: said.get(name) for name in ("field_mm", "slab_mm")}
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 2000:
            raise BadInput(f"options.{name} is {value!r}; give millimetres, from 1 to 2,000")
    window = said.get("window", "auto")
    if window != "auto":
        numbers = [v for v in window if isinstance(v, int | float)] if isinstance(window, Sequence) else []
        if isinstance(window, str) or len(numbers) != 2 or len(window) != 2 or numbers[1] <= 0:
            raise BadInput(f'options.window is {window!r}; give "auto", or centre and width such as [40, 400]')
        return Grid(recipe.finetune.image_size, *map(float, sizes.values()), (float(numbers[0]), float(numbers[1])))
    return Grid(recipe.finetune.image_size, *map(float, sizes.values()))


def on_grid(volume: Planes, grid: Grid) -> np.ndarray:
    """uint8 [slabs, side, side]: from foot to head, front at the top, the patient's right on the left."""
    axes, flipped = orientation(volume.affine)
    sides = spacing(volume.affine)
    tall = volume.shape[axes.index(2)] * sides[axes.index(2)]
    slabs = max(1, int(np.ceil(tall / grid.slab - 1e-6)))
    if slabs > MOST_SLABS:
        raise unreadable(volume.where, f"it is {tall:,.0f} mm tall, {slabs:,} slabs; set options.slab_mm higher")
    cells = (grid.side, grid.side, slabs)
    widths = (grid.field / grid.side, grid.field / grid.side, tall / slabs if slabs == 1 else grid.slab)
    shares = []
    for axis in range(3):
        share = overlap(volume.shape[axis], sides[axis], cells[axes[axis]], widths[axes[axis]])
        shares.append(share[:, ::-1] if flipped[axis] else share)
    sums, darkest = _summed(volume, shares)
    covered = np.einsum("a,b,c->abc", *(share.sum(axis=1) for share in shares))
    mean = np.where(covered > LEAST_COVERED, sums / np.maximum(covered, 1e-9), darkest)
    straight = np.transpose(mean, [axes.index(2), axes.index(1), axes.index(0)])[:, ::-1, ::-1]
    return _shown(softened(straight), grid, volume.where)


def softened(values: np.ndarray) -> np.ndarray:
    """Each slab blurred over about a cell and a half: a scanner's grain and sharpness must not matter."""
    for axis in (1, 2):
        for _ in range(BLURS):
            first, last = np.take(values, [0], axis), np.take(values, [-1], axis)
            wide = np.concatenate([first, values, last], axis)
            one, two, three = (np.take(wide, range(s, s + values.shape[axis]), axis) for s in range(3))
            values = (one + 2 * two + three) / 4
    return values


def orientation(affine: np.ndarray) -> tuple[list[int], list[bool]]:
    """For each axis of the file: which of right, front, head (0, 1, 2) it is nearest to, and whether it points away."""
    import nibabel

    found = nibabel.orientations.io_orientation(affine)
    return [int(axis) for axis in found[:, 0]], [bool(sign < 0) for sign in found[:, 1]]


def overlap(count: int, apart: float, cells: int, width: float) -> np.ndarray:
    """[cells, count]: which share of each cell each voxel fills, along one axis; both are centred."""
    voxels = (np.arange(count + 1) - count / 2) * apart
    marks = (np.arange(cells + 1) - cells / 2) * width
    low = np.maximum(voxels[None, :-1], marks[:-1, None])
    high = np.minimum(voxels[None, 1:], marks[1:, None])
    return np.maximum(high - low, 0) / width


def _summed(volume: Planes, shares: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """(what the voxels put into each cell, in the file's order of axes; the darkest voxel), a plane at a time."""
    across, down, through = (share.astype(np.float32) for share in shares)
    sums = np.zeros((len(across), len(down), len(through)), np.float32)
    darkest = np.inf
    for place, plane in enumerate(volume.planes):
        darkest = min(darkest, float(plane.min()))
        filled = np.flatnonzero(through[:, place])
        if len(filled):
            small = across @ plane @ down.T
            sums[:, :, filled] += small[:, :, None] * through[filled, place]
    return sums, darkest


def _shown(values: np.ndarray, grid: Grid, where: str) -> np.ndarray:
    """Values as bytes, through the window or the volume's own range."""
    if grid.window is not None:
        centre, width = grid.window
        dark, bright = centre - width / 2, centre + width / 2
    else:
        dark, bright = (float(edge) for edge in np.percentile(values, [DARK, BRIGHT]))
        if bright <= dark:
            dark, bright = float(values.min()), float(values.max())
    if bright <= dark:
        raise unreadable(where, "it is the same everywhere, so there is nothing to see")
    return np.asarray(np.rint(255 * np.clip((values - dark) / (bright - dark), 0, 1)), dtype=np.uint8)
