"""Who belongs to which group, for a method that must know it: the same answer for training rows and for new ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.errors import BadInput, missing_column

OTHERS, MISSING = "others", "missing"
FEW_VALUES = 12  # a column of numbers with so many distinct ones names groups; one with more is cut
PARTS = 4


@dataclass(frozen=True, slots=True)
class Grouping:
    """columns: crossed. edges: where a column of numbers is cut, by its name. known: the groups that stand alone."""

    columns: tuple[str, ...]
    edges: Mapping[str, tuple[float, ...]]
    numbers: tuple[str, ...]
    known: tuple[str, ...]

    @classmethod
    def learn(cls, rows: Any, columns: Sequence[str], bins: Mapping[str, Any], least: int) -> Grouping:
        """From the rows that a method learns from.

        bins: edges, how many parts, or `each` value its own group, by column; least: rows of a group that stands alone.
        """
        numbers, edges = [], {}
        for column in columns:
            values = [value for value in rows[column] if value is not None and value == value]
            if values and all(_is_number(value) for value in values):
                numbers.append(column)
                given = bins.get(column)
                if isinstance(given, list | tuple):
                    edges[column] = tuple(float(edge) for edge in given)
                elif given != "each" and (given is not None or len(set(values)) > FEW_VALUES):
                    parts = int(given or PARTS)
                    quantiles = np.quantile(np.array(values, dtype=float), np.arange(1, parts) / parts)
                    edges[column] = tuple(dict.fromkeys(float(edge) for edge in quantiles))
        found = cls(tuple(columns), edges, tuple(numbers), ())
        count = Counter(found._names(rows))
        return cls(found.columns, edges, found.numbers, tuple(sorted(n for n, rows in count.items() if rows >= least)))

    def of(self, rows: Any) -> np.ndarray:
        """The name of each row's group, [rows]; `others` where it is none of the known ones.

        rows: anything whose columns are asked by name. BadInput where it lacks one.
        """
        known = set(self.known)
        return np.array([name if name in known else OTHERS for name in self._names(rows)], dtype=object)

    def missing(self, names: Sequence[str], where: str) -> BadInput | None:
        """What is wrong with rows that have these columns; None where nothing is."""
        gone = next((column for column in self.columns if column not in names), None)
        if gone is None:
            return None
        told = str(missing_column(gone, where, names, option="mitigation.columns"))
        return BadInput(f"{told}. This model decides by group, and cannot without it")

    def _names(self, rows: Any) -> list[str]:
        have: list[str] = [*(rows.column_names if hasattr(rows, "column_names") else rows.columns)]
        if (wrong := self.missing(have, "the rows")) is not None:
            raise wrong
        each = [self._named(column, rows[column]) for column in self.columns]
        return [" / ".join(parts) for parts in zip(*each, strict=True)]

    def _named(self, column: str, values: Any) -> list[str]:
        if column not in self.numbers:
            return [MISSING if value is None or value != value else str(value) for value in values]
        return [self._number(column, value) for value in values]

    def _number(self, column: str, value: Any) -> str:
        try:
            number = float(value) if value is not None and str(value).strip() else float("nan")
        except ValueError:
            return str(value)  # no group that was learnt
        if number != number:
            return MISSING
        if column not in self.edges:
            return f"{number:g}"
        edges = self.edges[column]
        place = int(np.searchsorted(edges, number, side="right"))
        low, high = (f"{edges[place - 1]:g}" if place else "", f"{edges[place]:g}" if place < len(edges) else "")
        return (
            f"{column} under {high}" if not low else f"{column} {low} or more" if not high else f"{column} {low}–{high}"
        )

    def facts(self) -> dict[str, Any]:
        """As JSON holds it."""
        edges = {name: list(at) for name, at in self.edges.items()}
        return {
            "columns": list(self.columns),
            "edges": edges,
            "numbers": list(self.numbers),
            "known": list(self.known),
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Grouping:
        """What `facts` gave."""
        edges = {name: tuple(map(float, at)) for name, at in facts["edges"].items()}
        return cls(tuple(facts["columns"]), edges, tuple(facts["numbers"]), tuple(facts["known"]))


def worth_comparing(named: np.ndarray, least: int) -> np.ndarray:
    """Bool [rows]: every row but those of `others` where these are fewer than `least`, whose rates would be luck."""
    others = named == OTHERS
    return np.ones(len(named), dtype=bool) if others.sum() >= least else ~others


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)


def group_columns(wanted: Sequence[str], sensitive: Sequence[str], names: Sequence[str], method: str) -> list[str]:
    """The columns whose groups a method makes alike; BadInput where they are not there, or none is sensitive."""
    if not sensitive:
        raise BadInput(
            f"mitigation.method = '{method}' makes groups alike, and schema.sensitive names no column; name one with"
            " --set 'schema.sensitive=[\"COLUMN\"]'"
        )
    chosen = list(wanted) or [sensitive[0]]
    for column in chosen:
        if column not in sensitive:
            raise missing_column(column, "schema.sensitive", sensitive, option="mitigation.columns")
        if column not in names:
            raise missing_column(column, "the data", names, option="mitigation.columns")
    return chosen
