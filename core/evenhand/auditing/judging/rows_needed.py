"""How many more rows would settle a verdict: for a stated chance, if the true gap is about what the rows say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.judging.deciding import Levels
from evenhand.statistics.arrays import Floats, Ints

CHANCE = 0.8  # of a verdict, for which rows are told
RANGE = (0.5, 0.95)  # and for which the range is
DRAWS = 400
STEP = 2**0.25  # from one number of rows that is tried to the next
FARTHEST = 64  # times the rows of the largest group; more is no advice
MOST_GROUPS = 40  # with more, the highest and the lowest decide


@dataclass(frozen=True)
class Sample:
    """The groups that a verdict is about: what was found, rows in the denominator, variance of one row."""

    names: list[str]
    value: Floats
    rows: Floats
    variance: Floats
    share: Floats  # of the group's rows that are in the denominator

    @property
    def shrunken(self) -> Floats:
        """The values pulled together by as much as chance alone drives them apart (DerSimonian & Laird 1986)."""
        weight = self.rows / self.variance
        mean = (weight * self.value).sum() / weight.sum()
        spread = (weight * (self.value - mean) ** 2).sum() - (len(weight) - 1)
        between = max(spread / (weight.sum() - (weight**2).sum() / weight.sum()), 0.0)
        weight = 1 / (1 / weight + between)
        mean = (weight * self.value).sum() / weight.sum()
        return np.asarray(mean + between * weight * (self.value - mean))


def rows_needed(
    names: Sequence[str],
    found: GroupEstimates,
    group_rows: Floats,
    defined: Ints,
    tolerance: float,
    levels: Levels,
    further: float = 0.0,
) -> dict[str, Any] | None:
    """{chance, gap, groups {group: more rows}, range [total rows at 50 %, at 95 %]}; None where no number would do.

    Each group is brought to the same number of rows, or left alone where it has more. New rows join the old ones and
    come from groups that differ as these seem to, once chance is taken out. No number does where that gap is so near
    the tolerance that 64 times the rows of the largest group leave the chance below 80 %, or where the gap lies about
    the tolerance with chance and not far below it without. further: by how much more the gap may be for rows of unknown
    group, whatever is collected.
    """
    sample = _sample(names, found, group_rows, defined)
    if sample is None or not np.isfinite(further):
        return None
    bounds = tolerance, tolerance - further
    truth, draws = sample.shrunken, np.random.default_rng(0).standard_normal((DRAWS, len(sample.rows)))
    if _too_near(float(np.ptp(sample.value)), float(np.ptp(truth)), tolerance):
        return None
    steps = int(np.ceil(np.log(FARTHEST * sample.rows.max() / sample.rows.min()) / np.log(STEP)))
    sizes = sample.rows.min() * STEP ** np.arange(steps + 1)
    chances = np.array([_settled(sample, truth, draws, size, bounds, levels) for size in sizes])
    size = _first(sizes, chances, CHANCE)
    if size is None:
        return None
    ends = [_first(sizes, chances, chance) for chance in RANGE]
    groups = _more(sample, size)
    return (
        {
            "chance": CHANCE,
            "gap": float(truth.max() - truth.min()),
            "groups": groups,
            "range": [None if end is None else sum(_more(sample, end).values()) for end in ends],
        }
        if groups
        else None
    )


def _too_near(found: float, shrunken: float, tolerance: float) -> bool:
    return found >= 0.9 * tolerance and 0.5 * tolerance <= shrunken <= 1.1 * tolerance


def _sample(names: Sequence[str], found: GroupEstimates, group_rows: Floats, defined: Ints) -> Sample | None:
    known = defined[found.rows[defined] >= 1]
    if len(known) < 2:
        return None
    if len(known) > MOST_GROUPS:
        order = known[np.argsort(found.value[known], kind="stable")]
        known = np.sort(np.concatenate([order[: MOST_GROUPS // 2], order[-MOST_GROUPS // 2 :]]))
    rows = found.rows[known]
    return Sample(
        [names[i] for i in known],
        found.value[known],
        rows,
        np.maximum(variance_per_row(found)[known], 1e-12),
        np.maximum(rows / np.maximum(group_rows[known], 1), 1e-9),
    )


def _settled(
    sample: Sample, truth: Floats, draws: Floats, size: float, bounds: tuple[float, float], levels: Levels
) -> float:
    """The chance of a verdict once every group has `size` rows. bounds: of a gap that is exceeded, and within."""
    more = np.maximum(size - sample.rows, 0)
    total = sample.rows + more
    new = truth + np.sqrt(sample.variance / np.maximum(more, 1)) * draws
    value = (sample.rows * sample.value + more * np.where(more > 0, new, 0)) / total
    error = np.sqrt((sample.variance / total)[:, None] + sample.variance / total)
    gap = value[:, :, None] - value[:, None, :]
    off = ~np.eye(len(total), dtype=bool)
    exceeded = ((gap - levels.exceed * error)[:, off]).max(axis=1) > bounds[0]
    within = ((gap + levels.within * error)[:, off]).max(axis=1) <= bounds[1]
    return float((exceeded | within).mean())


def _first(sizes: Floats, chances: Floats, chance: float) -> float | None:
    """The number of rows from which on the chance is reached, between two that were tried on a line."""
    reached = np.flatnonzero(chances >= chance)
    if not len(reached):
        return None
    i = int(reached[0])
    if i == 0:
        return float(sizes[0])
    part = (chance - chances[i - 1]) / (chances[i] - chances[i - 1])
    return float(sizes[i - 1] * (sizes[i] / sizes[i - 1]) ** part)


def _more(sample: Sample, size: float) -> dict[str, int]:
    more = np.ceil(np.maximum(size - sample.rows, 0) / sample.share)
    return {name: int(extra) for name, extra in zip(sample.names, more, strict=True) if extra > 0}


def variance_per_row(estimates: GroupEstimates) -> Floats:
    """[group] the variance of one row, as far as the rows show it; of a group of one row that of the others."""
    known = estimates.rows >= 2
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.asarray(estimates.spread) ** 2 * (estimates.size + 4 if estimates.bounded else estimates.rows)
        effect = np.maximum(estimates.rows / estimates.size, 0.05) if estimates.bounded else np.ones_like(spread)
        each = np.where(known, spread * np.where(np.isfinite(effect), effect, 1.0), np.nan)
    typical = np.nanmedian(each) if np.isfinite(each).any() else 0.25
    return np.where(np.isfinite(each), each, typical)
