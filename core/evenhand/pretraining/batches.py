"""Batches of synthetic tables of one shape, each a function of the seed and the step alone: a run can resume
anywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from evenhand.pretrained.tabular.hints import describe
from evenhand.pretrained.tabular.scaling import SCALINGS, scale
from evenhand.pretraining.prior import draw_table

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large synthetic tables are; a batch holds about `cells` cells whatever its tables' size."""

    fewest_rows: int = 24
    most_rows: int = 600  # of the context
    query: int = 96  # rows to predict
    fewest_columns: int = 3
    most_columns: int = 32
    cells: int = 80_000
    rows: int = 9_000  # of a batch at most, since kernels grow with the square of the context
    most_tables: int = 64


def draw_batch(seed: int, step: int, sizes: Sizes) -> Batch:
    """The batch of one step: cells, rows, the context's labels (int64) and the chances to predict (float32)."""
    rng = np.random.default_rng([seed, step])
    n = log_uniform(rng, sizes.fewest_rows, sizes.most_rows)
    columns = log_uniform(rng, sizes.fewest_columns, sizes.most_columns)
    rows = n + sizes.query
    count = int(np.clip(min(sizes.cells // (rows * columns), sizes.rows // rows), 4, sizes.most_tables))
    tables = [draw_table(rng, n, sizes.query, columns) for _ in range(count)]
    values = torch.from_numpy(np.stack([t.values for t in tables]))
    categorical = torch.from_numpy(np.stack([t.categorical for t in tables]))
    labels = torch.from_numpy(np.stack([t.labels for t in tables]))
    scaled = scale(values, n, SCALINGS[rng.integers(len(SCALINGS))])
    cells, facts = describe(values, scaled, categorical, labels[:, :n].float())
    chance = torch.from_numpy(np.stack([t.chance for t in tables]))
    return cells, facts, labels[:, :n], chance[:, n:]


def log_uniform(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number between the two, small ones more often."""
    return round(math.exp(rng.uniform(math.log(low), math.log(high))))


class Steps(Dataset[Batch]):
    """The batches of a run by step."""

    def __init__(self, seed: int, start: int, stop: int, sizes: Sizes) -> None:
        self.seed, self.start, self.stop, self.sizes = seed, start, stop, sizes

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, position: int) -> Batch:
        if not 0 <= position < len(self):
            raise IndexError(position)
        return draw_batch(self.seed, self.start + position, self.sizes)


def stream(seed: int, start: int, stop: int, sizes: Sizes, workers: int) -> DataLoader[Batch]:
    """Batches from `start` to before `stop`, in order, drawn ahead by `workers` processes (0: none)."""
    ahead = 4 if workers else None
    return DataLoader(Steps(seed, start, stop, sizes), batch_size=None, num_workers=workers, prefetch_factor=ahead)
