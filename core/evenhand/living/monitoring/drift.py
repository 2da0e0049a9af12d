"""Whether a window's values come from where the reference's do: a p-value and a distance for each column.

Numbers by Kolmogorov and Smirnov's test, categories by Pearson's chi-square (Fisher's exact test where a table is two
by two), missing values apart from those that are there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

LEVELS = 30  # categories told apart; the rarer ones of the reference are one
EXPECTED = 5.0  # rows that the chi-square approximation needs of a category
MISSING, OTHER = "(missing)", "(others)"


@dataclass(frozen=True, slots=True)
class Drift:
    """One column, one window. distance: of the two distribution functions at most (numbers), or half the sum of
    differences of shares (categories); 0 is the same, 1 shares nothing. before, now: means, or missing shares."""

    column: str
    kind: str
    p: float
    distance: float
    before: float | None
    now: float | None


def drifts(reference: pl.DataFrame, window: pl.DataFrame) -> list[Drift]:
    """Each column that both have and that can be compared, in the reference's order."""
    return [drift(reference[name], window[name]) for name in reference.columns if name in window.columns]


def drift(before: pl.Series, now: pl.Series) -> Drift:
    """The comparison of one column. NaN counts as missing.

    >>> same = pl.Series("x", range(100))
    >>> drift(same, same).p, drift(same, same + 60).p < 1e-6
    (1.0, True)
    """
    if is_number(before.dtype):
        old, new = numbers(before), numbers(now)
        old, new = old[np.isfinite(old)], new[np.isfinite(new)]
        gone = share_p(len(before) - len(old), len(before), len(now) - len(new), len(now))
        if not len(old) or not len(new):
            return Drift(before.name, "number", gone, abs(len(old) / len(before) - len(new) / len(now)), None, None)
        found, distance = kolmogorov(old, new)
        several = (len(old), len(new)) != (len(before), len(now))
        p = min(1.0, 2 * min(found, gone)) if several else found
        return Drift(before.name, "number", p, distance, float(old.mean()), float(new.mean()))
    p, distance = categories(before, now)
    shares = [side.null_count() / max(len(side), 1) for side in (before, now)]
    return Drift(before.name, "category", p, distance, *shares)


def is_number(kind: pl.DataType) -> bool:
    """Whether values of this type have an order and distances."""
    return kind.is_numeric() or kind in (pl.Date, pl.Datetime)


def numbers(values: pl.Series) -> np.ndarray:
    """Values as float64, NaN where there is none; times in seconds."""
    if values.dtype in (pl.Date, pl.Datetime):
        values = values.cast(pl.Datetime("us")).dt.epoch("s")
    return values.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()


def kolmogorov(old: np.ndarray, new: np.ndarray) -> tuple[float, float]:
    """(p, largest distance of the two distribution functions); ties make the p-value larger than it need be."""
    from scipy.stats import ks_2samp

    found = ks_2samp(old, new, method="asymp" if min(len(old), len(new)) > 200 else "auto")
    return float(found.pvalue), float(found.statistic)


def categories(before: pl.Series, now: pl.Series) -> tuple[float, float]:
    """(p, half the sum of the differences of shares). Categories too rare for the test are one."""
    old, new = _named(before), _named(now)
    counts = old.value_counts().sort(["count", old.name], descending=[True, False])
    kept = counts[old.name].to_list()[: LEVELS - 1]
    names = [*kept, OTHER]
    place = {name: i for i, name in enumerate(names)}
    table = np.zeros((2, len(names)))
    for side, values in enumerate((old, new)):
        for name, count in values.value_counts().iter_rows():
            table[side, place.get(name, len(kept))] += count
    distance = float(np.abs(table[0] / table[0].sum() - table[1] / table[1].sum()).sum() / 2)
    return chi_square(table), distance


def _named(values: pl.Series) -> pl.Series:
    return values.cast(pl.String).fill_null(MISSING).alias("value")


def chi_square(table: np.ndarray) -> float:
    """p of a table [2, categories] of counts; those whose expected count is too small are one category."""
    from scipy.stats import chi2_contingency

    table = table[:, table.sum(0) > 0]
    expected = table.sum(0) * table.sum(1)[:, None] / table.sum()
    rare = expected.min(0) < EXPECTED
    if rare.sum() > 1:
        table = np.column_stack([table[:, ~rare], table[:, rare].sum(1)])
    if table.shape[1] < 2:
        return 1.0
    if table.shape[1] == 2:
        return share_p(table[0, 0], table[0].sum(), table[1, 0], table[1].sum())
    return float(chi2_contingency(table, correction=False).pvalue)


def share_p(x: float, n: float, other_x: float, other_n: float) -> float:
    """Fisher's exact p of two shares, x of n against other_x of other_n; 1 where one of them is of nobody."""
    from scipy.stats import fisher_exact

    if not n or not other_n:
        return 1.0
    return float(fisher_exact([[x, n - x], [other_x, other_n - other_x]]).pvalue)
