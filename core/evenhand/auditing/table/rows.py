"""Which column plays which role, and the rows under internal names; nothing is judged here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import narwhals as nw
import polars as pl

from evenhand.auditing.table.engine_noise import panics_unheard
from evenhand.auditing.table.source import unreadable
from evenhand.errors import BadInput

AuditTask = Literal["binary", "multiclass", "regression", "selection"]
MOST_KNOWN = 1_001  # distinct values of a column that are kept: all groups or classes there may be, and a missing one


@dataclass(frozen=True, slots=True)
class Roles:
    """Column names by role, as the user gave them."""

    sensitive: tuple[str, ...]
    label: str | None = None
    score: str | None = None
    prediction: str | None = None
    cluster: str | None = None
    weight: str | None = None
    id: str | None = None
    slices: tuple[str, ...] = ()  # carried along for whoever looks for groups nobody named; no other role
    within: str | None = None  # rows are ranked among those with the same value

    def named(self) -> list[tuple[str, str, str]]:
        """(internal name, column, option) of every role that is filled."""
        one = [
            (r, getattr(self, r), f"--{r}")
            for r in ("label", "score", "prediction", "cluster", "weight", "id", "within")
        ]
        many = [(f"g{i}", column, "--sensitive") for i, column in enumerate(self.sensitive)]
        carried = [(f"s{i}", column, "--slices") for i, column in enumerate(self.slices)]
        return [(role, column, option) for role, column, option in one + many + carried if column is not None]


@dataclass(frozen=True, slots=True)
class Rows:
    """The columns in use under internal names (g0, g1, …, s0, s1, …, label, score, …) and the facts found about
    them."""

    frame: nw.LazyFrame[Any]
    roles: Roles
    where: str
    facts: dict[str, Any]
    floats: frozenset[str]  # internal names of floating-point columns, where NaN means missing
    seekable: bool = False  # a part of the rows can be read alone
    order: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # g0, … -> its group names, where bins give them
    called: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # g0, … -> what its groups are called instead
    known: Mapping[str, pl.Series] = field(
        default_factory=dict
    )  # distinct values, a missing one too, of columns of few

    @property
    def count(self) -> int:
        return int(self.facts["rows"])

    def missing(self, role: str) -> nw.Expr:
        """True where the column has no value."""
        absent = nw.col(role).is_null()
        return absent | nw.col(role).is_nan() if role in self.floats else absent

    def values(self, role: str) -> list[Any]:
        """The distinct values of a column, without missing ones."""
        if role in self.known:
            return [value for value in self.known[role].to_list() if value is not None and value == value]
        found = collect(self.frame.filter(~self.missing(role)).select(role).unique(), self.where)
        return list(found.get_column(role).to_list())


def collect(frame: nw.LazyFrame[Any], where: str) -> nw.DataFrame[Any]:
    """Run the query in its engine; whatever the engine complains about becomes one sentence."""
    try:
        if not frame.implementation.is_polars():
            return frame.collect()
        with panics_unheard():
            return frame.collect(engine="streaming")  # never holds all rows of a file at once
    except BadInput:
        raise
    except (Exception, pl.exceptions.PanicException) as error:  # every engine has its own; a panic is no Exception
        raise unreadable(where, error) from error


def batches(frame: pl.LazyFrame, rows: int, size: int, where: str) -> Iterator[pl.DataFrame]:
    """The rows of a query of Polars part by part, in any order; what Polars complains about becomes one sentence.

    rows: how many there are. size: rows of a part where Polars cannot hand over its own.
    """
    try:
        with panics_unheard():
            if hasattr(frame, "collect_batches"):
                yield from frame.collect_batches(maintain_order=False)
                return
            for first in range(0, rows, size):
                yield frame.slice(first, size).collect(engine="streaming")
    except (Exception, pl.exceptions.PanicException) as error:
        raise unreadable(where, error) from error
