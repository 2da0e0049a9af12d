"""Groups of people as credit-default's own sections compare them, and how evenly each is approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from evenhand import Recipe

LEAST_SHARE = 0.02  # smaller groups are shown by the audit and decide nothing here
FOUR_FIFTHS = 0.8


def groups_of(column: pl.Series, recipe: Recipe) -> list[str | None]:
    """The group of each row: a column of many numbers is cut as the audit cuts it; None where it is not known.

    >>> from evenhand import Recipe
    >>> job = dict(name="n", domain="d", title="t", task="binary", modality="table")
    >>> groups_of(pl.Series("age", [20, 30, 44, None]), Recipe(**job, audit={"bins": {"age": [30, 45]}}))
    ['under 30', '30 to under 45', '30 to under 45', None]
    """
    edges = recipe.audit.bins.get(column.name)
    many = column.dtype.is_numeric() and column.n_unique() > (20 if column.dtype.is_float() else 50)
    if not (column.dtype.is_numeric() and ((isinstance(edges, Sequence) and not isinstance(edges, str)) or many)):
        return [None if value is None or value == "" else str(value) for value in column.to_list()]
    if not isinstance(edges, Sequence) or isinstance(edges, str):
        known = column.drop_nulls().to_numpy()
        edges = tuple(float(edge) for edge in np.unique(np.quantile(known, [0.25, 0.5, 0.75])))
    return [None if value is None else _band(float(value), edges) for value in column.to_list()]


def _band(value: float, edges: Sequence[float]) -> str:
    place = sum(value >= edge for edge in edges)
    if place == 0:
        return f"under {edges[0]:g}"
    return f"{edges[-1]:g} or more" if place == len(edges) else f"{edges[place - 1]:g} to under {edges[place]:g}"


@dataclass(frozen=True, slots=True)
class Grouped:
    """One sensitive column of some rows: `code` is the place of each row's group in `names`, -1 where unknown."""

    column: str
    names: tuple[str, ...]
    code: np.ndarray

    @classmethod
    def of(cls, column: pl.Series, recipe: Recipe) -> Grouped:
        """The column's groups, sorted by name."""
        found = groups_of(column, recipe)
        names = tuple(sorted({name for name in found if name is not None}))
        place = {name: i for i, name in enumerate(names)}
        return cls(column.name, names, np.array([-1 if name is None else place[name] for name in found]))

    def approval(self, approved: np.ndarray) -> dict[str, float]:
        """Share approved by group, of groups that hold enough of the rows."""
        least = LEAST_SHARE * len(self.code)
        inside = {name: self.code == i for i, name in enumerate(self.names)}
        return {name: float(approved[rows].mean()) for name, rows in inside.items() if rows.sum() >= max(least, 1)}

    def impact(self, approved: np.ndarray) -> float:
        """The lowest group's approval rate as a ratio of the highest group's; NaN where there is nothing to compare."""
        rates = self.approval(approved).values()
        return min(rates) / max(rates) if len(rates) > 1 and max(rates) > 0 else float("nan")

    def member(self, name: str) -> np.ndarray:
        """1 for members of a group, 0 for others, NaN where unknown."""
        return np.where(self.code < 0, np.nan, (self.code == self.names.index(name)).astype(float))
