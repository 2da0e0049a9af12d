"""AUC by group from score histograms, with DeLong's variance (exact when every score has its own level)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evenhand.auditing.counts import Floats, Ints, Table

MOST_CELLS = 4_000_000  # groups × levels; above, scores are coarsened to bins


@dataclass(frozen=True)
class Curves:
    """Weights of positive and negative rows by score level, [group, level]; the squares for the variance."""

    positive: Floats
    negative: Floats
    positive2: Floats
    negative2: Floats
    rows: Floats  # [group, 2] positive and negative rows
    entries: tuple[Ints, Ints, Ints, Ints, Floats] | None = None  # clusters: group, cluster, label, level, weight

    @classmethod
    def of(cls, table: Table, group: Ints, size: int) -> Curves:
        level, levels = table.level, len(table.scores)
        if size * levels > MOST_CELLS:
            level, levels = np.minimum((table.scores[table.level] * 1024).astype(np.int64), 1023), 1024
        cell = group * levels + level

        def by_level(mask: Floats, values: Floats) -> Floats:
            return np.bincount(cell[mask], values[mask], size * levels).reshape(size, levels)

        yes, no = table.label == 1, table.label == 0
        rows = np.stack([np.bincount(group[m], table.n[m], size) for m in (yes, no)], axis=1)
        entries = None if table.cluster is None else (group, table.cluster, table.label, level, table.w)
        return cls(
            by_level(yes, table.w),
            by_level(no, table.w),
            by_level(yes, table.w2),
            by_level(no, table.w2),
            rows,
            entries,
        )

    def rest(self) -> Curves:
        """Curves of everyone outside each group."""
        others = [
            np.maximum(a.sum(axis=0) - a, 0)
            for a in (self.positive, self.negative, self.positive2, self.negative2, self.rows)
        ]
        return replace(self, positive=others[0], negative=others[1], positive2=others[2], negative2=others[3], rows=others[4],
                       entries=None if self.entries is None else (-1 - self.entries[0], *self.entries[1:]))  # fmt: skip


def placements(curves: Curves) -> tuple[Floats, Floats, Floats]:
    """AUC per group, and by level the share of negatives below a positive and of positives above a negative."""
    with np.errstate(divide="ignore", invalid="ignore"):
        m, n = curves.positive.sum(axis=1, keepdims=True), curves.negative.sum(axis=1, keepdims=True)
        below = (np.cumsum(curves.negative, axis=1) - curves.negative / 2) / n
        above = 1 - (np.cumsum(curves.positive, axis=1) - curves.positive / 2) / m
        auc = (curves.positive * below).sum(axis=1) / m[:, 0]
    return np.where((m[:, 0] > 0) & (n[:, 0] > 0), auc, np.nan), below, above


def auc_estimate(curves: Curves) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Value, variance, effective size, degrees of freedom and rows of the smaller class, per group.

    Variance: DeLong, DeLong & Clarke-Pearson 1988; with clusters the sum over clusters of the same influences
    (Obuchowski 1997). At a perfect or constant score, where that is 0, Hanley & McNeil's 1982 formula at a
    value pulled to the middle.
    """
    auc, below, above = placements(curves)
    with np.errstate(divide="ignore", invalid="ignore"):
        m, n = curves.positive.sum(axis=1), curves.negative.sum(axis=1)
        off_positive, off_negative = below - auc[:, None], above - auc[:, None]
        rows_m, rows_n = curves.rows[:, 0], curves.rows[:, 1]
        from_m = np.nansum(curves.positive2 * off_positive**2, axis=1) / m**2 * rows_m / np.maximum(rows_m - 1, 1)
        from_n = np.nansum(curves.negative2 * off_negative**2, axis=1) / n**2 * rows_n / np.maximum(rows_n - 1, 1)
        variance = from_m + from_n
        kish_m, kish_n = m**2 / curves.positive2.sum(axis=1), n**2 / curves.negative2.sum(axis=1)
        spread = from_m**2 / np.maximum(rows_m - 1, 1) + from_n**2 / np.maximum(rows_n - 1, 1)
        freedom = np.where(spread > 0, variance**2 / spread, np.inf)  # Satterthwaite: few positives, few degrees
        if curves.entries is not None:
            variance, freedom = _clustered(curves, off_positive / m[:, None], off_negative / n[:, None])
        smooth, floor = _hanley(auc, kish_m, kish_n)
        size = np.where(variance > 1e-15, auc * (1 - auc) / variance, np.nan)
        size = np.where(np.isfinite(size) & (auc > 0) & (auc < 1), size, smooth * (1 - smooth) / floor)
    return auc, variance, size, freedom, np.minimum(rows_m, rows_n)


def _hanley(auc: Floats, m: Floats, n: Floats) -> tuple[Floats, Floats]:
    few = np.minimum(m, n)
    a = (auc * few + 0.5) / (few + 1)
    middle = (m + n) / 2 - 1
    return a, a * (1 - a) * (1 + middle * (1 - a) / (2 - a) + middle * a / (1 + a)) / (m * n)


def _clustered(curves: Curves, positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """Variance over clusters; group codes below 0 mean "everyone but this group"."""
    assert curves.entries is not None
    group, cluster, label, level, weight = curves.entries
    size, clusters = len(positive), int(cluster.max()) + 1
    variance, freedom = np.full(size, np.nan), np.zeros(size)
    for g in range(size):
        mine = (group == g) if group.max(initial=-1) >= 0 else (group != -1 - g)
        mine &= label >= 0
        own = np.where(label[mine] == 1, positive[g][level[mine]], negative[g][level[mine]]) * weight[mine]
        sums = np.bincount(cluster[mine], np.nan_to_num(own), clusters)
        units = int((np.bincount(cluster[mine], minlength=clusters) > 0).sum())
        variance[g] = (sums**2).sum() * units / max(units - 1, 1)
        freedom[g] = max(units - 1, 0)
    return variance, freedom
