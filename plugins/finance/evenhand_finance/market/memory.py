"""What a walk has learnt: weighted sums over the days so far, by instrument or regime, from which coefficients follow.

Each key has its own coefficients, held to the common ones of all keys as if `pull` days of the common history were its
own: pretrained on everything, adapted to each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import polars as pl

LEAST_VARIANCE = 1e-4  # percent squared a day: 1 basis point
TINY = 1e-9


class Rows(NamedTuple):
    """Rows in the order they came; x begins with a column of ones. known: the day on which y is, -1 where it is not."""

    day: np.ndarray
    known: np.ndarray
    key: np.ndarray
    x: np.ndarray
    y: np.ndarray
    month: np.ndarray  # variance of the past month


@dataclass(frozen=True)
class Memory:
    """Sums by key: n [keys], xx [keys, p, p], xy [keys, p]; level: the sum of y.

    A day weighs the month's variance to the power of -`power`, and half as much after `half_life` days (0: as long as
    it lasts).
    """

    power: float
    half_life: float
    keys: tuple[str, ...]
    n: np.ndarray
    xx: np.ndarray
    xy: np.ndarray
    level: float = 0.0

    @classmethod
    def empty(cls, power: float, half_life: float, keys: tuple[str, ...], width: int) -> Memory:
        """Nothing learnt yet."""
        k = len(keys)
        return cls(power, half_life, keys, np.zeros(k), np.zeros((k, width, width)), np.zeros((k, width)))

    def learn(self, rows: Rows, some: np.ndarray, days: int) -> Memory:
        """These rows learnt after `days` went by; rows of a key that is not known are left out."""
        kept = 0.5 ** (days / self.half_life) if self.half_life else 1.0
        n, xx, xy, level = self.n * kept, self.xx * kept, self.xy * kept, self.level * kept
        whole = some[np.isfinite(rows.y[some]) & np.isfinite(rows.x[some]).all(axis=1)]
        weight = np.maximum(rows.month[whole], LEAST_VARIANCE) ** -self.power
        for place, name in enumerate(self.keys):
            mine = rows.key[whole] == name
            x, y = rows.x[whole[mine]], rows.y[whole[mine]]
            weighed = x * weight[mine, None]
            n[place] += len(y)
            xx[place] += weighed.T @ x
            xy[place] += weighed.T @ y
            level += float(y.sum())
        return Memory(self.power, self.half_life, self.keys, n, xx, xy, level)

    @property
    def mean(self) -> float:
        """Of what was learnt."""
        return self.level / max(float(self.n.sum()), TINY)

    def coefficients(self, columns: list[int], pull: float, shrink: float) -> np.ndarray:
        """[keys + 1, p]: of each key, then the common ones; 0 for columns that are not read.

        pull, shrink: days of the common history that hold a key to the common coefficients, and those to 0.
        """
        inside = np.ix_(columns, columns)
        day = self.xx.sum(axis=0)[inside] / max(float(self.n.sum()), TINY)
        total = max(float(self.n.sum()), TINY)
        size = np.diag(day) + TINY
        ridge = np.diag(np.append(TINY, np.full(len(columns) - 1, shrink + TINY * total)) * size)
        common = np.linalg.solve(day * total + ridge, self.xy.sum(axis=0)[columns])
        held = pull * (day + TINY * np.diag(size))
        out = np.zeros((len(self.keys) + 1, self.xx.shape[1]))
        out[-1, columns] = common
        for place in range(len(self.keys)):
            own, said = self.xx[place][inside] + held, self.xy[place][columns] + held @ common
            out[place, columns] = np.linalg.solve(own, said)
        return out


def rows_of(frame: pl.DataFrame, columns: tuple[str, ...], about: dict[str, Any]) -> Rows:
    """A frame's rows as arrays. A row's label is what the next `horizon` rows of its instrument say of themselves."""
    import polars as pl

    horizon, r = about["horizon"], pl.col("r_1")
    value = r if about["label"] == "next_return" else r**2 / horizon
    ahead = pl.sum_horizontal(*(value.shift(-k) for k in range(1, horizon + 1)), ignore_nulls=False)
    day = pl.col("date").cast(pl.Date).cast(pl.Int64)
    made = (
        frame.with_row_index("(row)")
        .with_columns(day.alias("(day)"))
        .sort("instrument", "(day)", maintain_order=True)
        .with_columns(
            ahead.over("instrument").alias("(y)"), pl.col("(day)").shift(-horizon).over("instrument").alias("(known)")
        )
        .sort("(row)")
    )
    read = [made[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in columns]
    y = made["(y)"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return Rows(
        made["(day)"].to_numpy(),
        np.where(np.isfinite(y), made["(known)"].fill_null(-1).to_numpy(), -1),
        made[about["adapt"]].cast(pl.String).fill_null("(missing)").to_numpy(),
        np.stack([np.ones(len(y)), *read], axis=1),
        y,
        made["rv_22"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
    )
