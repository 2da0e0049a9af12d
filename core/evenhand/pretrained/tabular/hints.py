"""What closed formulas already know about a table: kernel regressions on its context, as inputs to the network.

A network of a million weights that sees a few hundred thousand tables should not spend them on rediscovering ridge
regression. So every row arrives with the leave-one-out predictions of Gaussian process regressions on the context
(Rasmussen and Williams 2006, sections 2.2 and 5.4.2; leave-one-out of a linear smoother: Craven and Wahba 1979) and
every cell with what its column alone says about the label (smoothed target means, leave-one-out). The network learns
from the prior when to believe which, and what they all miss.

Everything here uses labels of context rows only, and a context row's own label never enters its own hint.
"""

from __future__ import annotations

import math

import torch

CELL_FEATURES = 9
KERNELS = ("linear", "additive", "additive-weighted", "product")
PENALTIES = (0.3, 1.0, 4.0, 16.0, 64.0)  # noise variance over signal variance
ROW_FEATURES = 2 * len(KERNELS) + 3
WIDE, NARROW = 1.0, 0.3  # bandwidths of the smoothed target means, in normal scores
PSEUDO = 4.0  # rows that a smoothed mean is shrunk by towards no effect


def normal_scores(values: torch.Tensor, n_context: int) -> torch.Tensor:
    """Ranks among the context's present values as standard normal quantiles; ties share one; 0 where missing.

    values: [tables, rows, columns], NaN where missing; the first `n_context` rows are the context.
    """
    context = values[:, :n_context].transpose(1, 2)
    present = (~context.isnan()).sum(-1, keepdim=True).clamp(min=1)
    ordered = context.nan_to_num(nan=math.inf).sort(-1).values.contiguous()
    asked = values.transpose(1, 2).nan_to_num(nan=0.0).contiguous()
    below = torch.minimum(torch.searchsorted(ordered, asked, right=False), present)
    through = torch.minimum(torch.searchsorted(ordered, asked, right=True), present)
    rank = (0.5 * (below + through)).clamp(min=0.5).minimum(present - 0.5) / present
    scores = torch.special.ndtri(rank.clamp(1e-4, 1 - 1e-4)).transpose(1, 2).to(values.dtype)
    return torch.where(values.isnan(), 0.0, scores)


def describe(
    values: torch.Tensor, scaled: torch.Tensor, categorical: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The network's inputs: cells [tables, rows, columns, CELL_FEATURES] and rows [tables, rows, ROW_FEATURES].

    values: [tables, rows, columns], NaN where missing, category codes in categorical columns. scaled: the same after
    scaling, 0 where missing; unused for categories. categorical: bool [tables, columns]. labels: 0 or 1 of the
    context, [tables, context]; the context rows come first.
    """
    n = labels.shape[1]
    base = Base(labels, values.shape[1])
    scores = normal_scores(values, n)
    cells, kernels = [], Sums(values.shape[0], values.shape[1], n, values)
    for c in range(values.shape[2]):
        column = Column(values[:, :, c], scaled[:, :, c], scores[:, :, c], categorical[:, c, None], n)
        wide, narrow = column.nearness(WIDE), column.nearness(NARROW)
        effect, support = base.smoothed(wide)
        detail, detail_support = base.smoothed(narrow)
        kernels.add(column.linear(), wide, narrow, base.strength(effect))
        learned = [effect, detail, certainty(effect, support), certainty(detail, detail_support)]
        cells.append(torch.stack([*column.facts(), *learned], -1))
    return torch.stack(cells, 2), torch.cat([*kernels.predictions(base), base.facts(values.shape[2])], -1)


def certainty(effect: torch.Tensor, support: torch.Tensor) -> torch.Tensor:
    """An effect in about its own standard errors, halved, within 4."""
    return (effect * support.sqrt()).clamp(-8, 8) / 2


class Column:
    """One column of every table: how alike its cells are to those of the context. All tensors [tables, rows]."""

    def __init__(
        self,
        values: torch.Tensor,
        scaled: torch.Tensor,
        scores: torch.Tensor,
        is_category: torch.Tensor,  # [tables, 1]
        n: int,
    ) -> None:
        self.n, self.scores, self.is_category = n, scores, is_category
        self.missing = values.isnan()
        codes = torch.where(self.missing, -torch.inf, values)  # a missing cell is like other missing cells
        self.same = (codes[:, :, None] == codes[:, None, :n]).to(values.dtype)
        self.by_name = is_category[..., None] | self.missing[:, :, None] | self.missing[:, None, :n]
        self.x = torch.where(is_category | self.missing, 0.0, scaled)

    def nearness(self, width: float) -> torch.Tensor:
        """1 for equal cells, less with distance in normal scores; categories are equal or not. [tables, rows,
        context]."""
        distance = (self.scores[:, :, None] - self.scores[:, None, : self.n]).square()
        return torch.where(self.by_name, self.same, torch.exp(-0.5 * distance / width**2))

    def linear(self) -> torch.Tensor:
        """Products of scaled values; of names, whether they are equal. [tables, rows, context]."""
        return self.x[:, :, None] * self.x[:, None, : self.n] + torch.where(self.by_name, self.same, 0.0)

    def facts(self) -> list[torch.Tensor]:
        """What the network is told of the cells without labels."""
        scores = torch.where(self.is_category, 0.0, self.scores)
        kind = self.is_category.expand_as(self.x).to(self.x.dtype)
        return [self.x, scores, self.missing.to(self.x.dtype), kind, self.same.mean(-1)]


class Base:
    """The labels of the context, and what a row would be told if nothing but their mean were known."""

    def __init__(self, labels: torch.Tensor, n_rows: int) -> None:
        self.y = labels
        self.n = labels.shape[1]
        self.n_rows = n_rows
        self.mean = labels.mean(1, keepdim=True)
        self.spread = (self.mean * (1 - self.mean)).sqrt().clamp(min=1.0 / (self.n + 1))
        others = (labels.sum(1, keepdim=True) - labels) / max(self.n - 1, 1)
        self.mean_without = torch.cat([others, self.mean.expand(-1, n_rows - self.n)], 1)

    def smoothed(self, kernel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Kernel-weighted mean label less the overall mean, in standard deviations, and the weight behind it; [tables,
        rows]."""
        own = torch.diagonal(kernel, dim1=1, dim2=2)
        hits = torch.bmm(kernel, self.y[..., None])[..., 0]
        weight = kernel.sum(-1)
        hits[:, : self.n] -= own * self.y
        weight[:, : self.n] -= own
        effect = (hits - self.mean_without * weight) / (weight + PSEUDO) / self.spread
        return effect, weight.clamp(min=0)

    def strength(self, effect: torch.Tensor) -> torch.Tensor:
        """How much a column alone explains: shrunken leave-one-out covariance of its effect with the label;
        [tables]."""
        residual = (self.y - self.mean) / self.spread
        inside = effect[:, : self.n]
        gain = (2 * inside * residual - inside.square()).mean(1)  # of squared error, against the mean
        return gain.clamp(min=0) + 1.0 / self.n

    def facts(self, n_columns: int) -> torch.Tensor:
        """Size, width and balance of the context, the same on every row; [tables, rows, 3]."""
        logit = torch.logit(((self.mean * self.n + 0.5) / (self.n + 1)).squeeze(1))
        sizes = torch.tensor([math.log(self.n) / 3 - 1.5, math.log(n_columns + 1) / 2 - 1.0]).to(self.y)
        each = torch.cat([sizes.expand(len(logit), 2), logit[:, None] / 2], 1)
        return each[:, None].expand(-1, self.n_rows, -1)


class Sums:
    """Kernels between rows and context, built up column by column."""

    def __init__(self, tables: int, rows: int, n: int, like: torch.Tensor) -> None:
        self.n = n
        self.totals = {name: like.new_zeros(tables, rows, n) for name in KERNELS}
        self.columns = 0

    def add(self, linear: torch.Tensor, wide: torch.Tensor, narrow: torch.Tensor, strength: torch.Tensor) -> None:
        """One more column; its kernels [tables, rows, context] and its strength [tables]."""
        w = strength[:, None, None]
        self.totals["linear"] += linear
        self.totals["additive"] += wide
        self.totals["product"] += wide.clamp(min=0.02).log()
        self.totals["additive-weighted"] += w * (wide + 0.3 * narrow)
        self.columns += 1

    def predictions(self, base: Base) -> list[torch.Tensor]:
        """Of each kernel the blend over penalties and the spread over them, [tables, rows, 2]."""
        found = []
        for name, total in self.totals.items():
            if name == "product":
                total = (total * (2.0 / self.columns)).exp()
            found.append(regress(total, base))
        return found


def regress(kernel: torch.Tensor, base: Base) -> torch.Tensor:
    """Kernel ridge regression at every penalty of PENALTIES, blended by leave-one-out error; [tables, rows, 2].

    Column 0 is the blend less the mean label, in standard deviations; column 1 the difference between the
    most and the least penalised blend of neighbours, which tells how far the choice of penalty matters.
    """
    n = base.n
    centred = kernel - kernel.mean(2, keepdim=True)
    centred = centred - centred[:, :n].mean(1, keepdim=True)
    square = centred[:, :n]
    scale = torch.diagonal(square, dim1=1, dim2=2).mean(1)[:, None, None].clamp(min=1e-6)
    centred = centred / scale
    eigenvalue, vector = torch.linalg.eigh(0.5 * (centred[:, :n] + centred[:, :n].transpose(1, 2)))
    eigenvalue = eigenvalue.clamp(min=0)
    residual = base.y - base.mean
    turned = torch.bmm(vector.transpose(1, 2), residual[..., None])[..., 0]
    penalties = torch.tensor(PENALTIES).to(kernel)
    shrink = 1 / (eigenvalue[:, None] + penalties[:, None])  # [tables, penalties, context]
    alpha = torch.bmm(turned[:, None] * shrink, vector.transpose(1, 2))
    leverage = 1.0 / n + torch.bmm(eigenvalue[:, None] * shrink, vector.square().transpose(1, 2))
    fitted = torch.bmm(alpha, centred.transpose(1, 2))  # [tables, penalties, rows]
    left_out = (residual[:, None] - fitted[:, :, :n]) / (1 - leverage).clamp(min=0.02)
    error = left_out.square().mean(2) / base.spread.square()
    inside = base.y[:, None] - left_out - base.mean_without[:, None, :n]
    answer = torch.cat([inside, fitted[:, :, n:]], 2) / base.spread[:, None]
    blend = torch.softmax(-0.5 * n * error, 1)
    mixed = torch.bmm(blend[:, None], answer)[:, 0]
    return torch.stack([mixed, 0.5 * (answer[:, 1] - answer[:, 3])], -1).clamp(-6, 6)
