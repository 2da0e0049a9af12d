"""The network that reads a table: cells look down their column and along their row, rows look at the context.

After nanoTabPFN and TabPFN (Hollmann et al. 2023, arXiv 2207.01848; 2025, Nature 637) in that labels of context rows
are inputs and nothing is fitted to a table, and after TabICL (Qu et al. 2025, arXiv 2502.05564) in that a row is
compressed to one vector before rows attend to each other. Its own: cells and rows arrive with what closed formulas say
(`hints`), which are also added to the answer, so that an untrained network is already an average of kernel regressions.

No column and no row has a place: the answer does not change with the order of columns or of context rows, and a row
that is asked for attends to context rows only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from evenhand.pretrained.tabular.hints import CELL_FEATURES, KERNELS, ROW_FEATURES


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a network."""

    cell: int = 32  # width of a cell's vector
    cell_heads: int = 2
    inducing: int = 8  # vectors that sum up a column
    summaries: int = 4  # vectors that sum up a row
    row: int = 128  # width of a row's vector
    layers: int = 5  # in which rows attend to the context
    row_heads: int = 4

    def as_dict(self) -> dict[str, Any]:
        """For config.json."""
        return asdict(self)


class Attention(nn.Module):
    """Multi-head attention of `x` [..., asking, width] over `context` [..., told, width]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask = nn.Linear(width, width)
        self.tell = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        key, value = self.tell(context).chunk(2, -1)
        query, key, value = (t.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for t in (self.ask(x), key, value))
        seen = functional.scaled_dot_product_attention(query, key, value)
        answer: torch.Tensor = self.out(seen.transpose(-3, -2).flatten(-2))
        return answer


class Block(nn.Module):
    """Attention and a two-layer network, both residual, normalised beforehand (Xiong et al. 2020, arXiv 2002.04745)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.between = nn.LayerNorm(width)
        self.inner = nn.Linear(width, 2 * width)
        self.outer = nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        """`context` None: `x` attends to itself."""
        normal = self.before(x)
        x = x + self.attention(normal, normal if context is None else self.before(context))
        answer: torch.Tensor = x + self.outer(functional.gelu(self.inner(self.between(x))))
        return answer


class Column(nn.Module):
    """Every cell learns about its column from a few vectors that have read its labelled cells (Lee et al. 2019,
    ISAB)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.inducing = nn.Parameter(torch.randn(shape.inducing, shape.cell) * 0.1)
        self.label = nn.Embedding(2, shape.cell)
        self.read = Block(shape.cell, shape.cell_heads)
        self.write = Block(shape.cell, shape.cell_heads)

    def forward(self, cells: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """cells: [tables, columns, rows, width]; labels: [tables, context], the first rows."""
        told = cells[:, :, : labels.shape[1]] + self.label(labels)[:, None]
        start = self.inducing.expand(*cells.shape[:2], -1, -1)
        answer: torch.Tensor = self.write(cells, self.read(start, told))
        return answer


class TabularNetwork(nn.Module):
    """Inputs as `hints.describe` makes them; out comes the log-odds of label 1 for every row after the context."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.cell_in = nn.Sequential(
            nn.Linear(CELL_FEATURES, 2 * shape.cell), nn.GELU(), nn.Linear(2 * shape.cell, shape.cell)
        )
        self.column = Column(shape)
        self.summary_in = nn.Linear(ROW_FEATURES, shape.summaries * shape.cell)
        self.along = nn.ModuleList([Block(shape.cell, shape.cell_heads), Block(shape.cell, shape.cell_heads)])
        self.row_in = nn.Linear(shape.summaries * shape.cell + ROW_FEATURES, shape.row)
        self.label = nn.Embedding(2, shape.row)
        self.across = nn.ModuleList([Block(shape.row, shape.row_heads) for _ in range(shape.layers)])
        self.last = nn.LayerNorm(shape.row)
        self.out = nn.Linear(shape.row, 1)
        self.skip = nn.Linear(ROW_FEATURES, 1, bias=False)
        self.start()

    def start(self) -> None:
        """Begin as the average of the hints plus the log-odds of the mean label."""
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        with torch.no_grad():
            self.skip.weight.zero_()
            self.skip.weight[0, : 2 * len(KERNELS) : 2] = 2.0 / len(KERNELS)
            self.skip.weight[0, -1] = 2.0  # `Base.facts` halves the log-odds

    def forward(self, cells: torch.Tensor, rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """cells [tables, rows, columns, CELL_FEATURES], rows [tables, rows, ROW_FEATURES], labels int64 [tables,
        context].

        Returns log-odds [tables, rows - context].
        """
        n = labels.shape[1]
        encoded = self.encode(cells, rows, labels)
        answer: torch.Tensor = self.out(self.last(encoded[:, n:])) + self.skip(rows[:, n:])
        return answer[..., 0].float()

    def encode(self, cells: torch.Tensor, rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Every row as a vector that knows the context, [tables, rows, shape.row]; what a transfer to a new head
        reads."""
        n = labels.shape[1]
        x: torch.Tensor = self.row_in(torch.cat([self.compress(cells, rows, labels), rows], -1))
        x = torch.cat([x[:, :n] + self.label(labels), x[:, n:]], 1)
        for block in self.across:
            x = block(x, x[:, :n])
        return x

    def compress(self, cells: torch.Tensor, rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Every row as the vectors that sum it up, [tables, rows, summaries * cell]."""
        x = self.column(self.cell_in(cells).transpose(1, 2), labels).transpose(1, 2)
        summaries = self.summary_in(rows).unflatten(-1, (self.shape.summaries, -1))
        x = self.along[0](torch.cat([summaries, x], 2))
        told: torch.Tensor = self.along[1](x[:, :, : self.shape.summaries], x)
        return told.flatten(-2)
