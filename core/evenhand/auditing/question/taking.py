"""The rows that a question is about: its columns taken, its numbers cut into groups, its best rows selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evenhand.asking.question import Question
from evenhand.auditing.table.binning import Binning, bin_columns
from evenhand.auditing.table.checks import take_roles
from evenhand.auditing.table.group_names import APART, MISSING
from evenhand.auditing.table.rows import Roles, Rows
from evenhand.auditing.table.source import Source
from evenhand.auditing.table.top import Top, select_top
from evenhand.errors import BadInput, did_you_mean


def searched_columns(asked: Question) -> tuple[str, ...]:
    """The columns in which slices are looked for: none, unless some are named; then the sensitive ones too."""
    return tuple(dict.fromkeys((*asked.sensitive, *asked.slices))) if asked.slices else ()


def take_asked(opened: Source, asked: Question) -> tuple[Rows, dict[str, Binning], Top | None]:
    """(the rows with the columns in use, how numbers were cut, who was selected). Raises BadInput where that cannot be.

    A cut column stands among the rows under the names of its groups, selection by rank as the decision of each row.
    """
    roles = Roles(
        sensitive=asked.sensitive,
        label=asked.label,
        score=asked.score,
        prediction=asked.prediction,
        cluster=asked.cluster,
        weight=asked.weight,
        id=asked.id,
        slices=searched_columns(asked),
        within=asked.within,
    )
    rows, binnings = bin_columns(take_roles(opened, roles), asked.bins, opened.text)
    rows = replace(rows, called=called_groups(asked.names, roles.sensitive))
    rows, chosen = select_top(rows, asked.top, asked.threshold, asked.task)
    return rows, binnings, chosen


def called_groups(names: Mapping[str, str], sensitive: Sequence[str]) -> dict[str, dict[str, str]]:
    """g0, … -> what its groups are called instead. Whether there are such groups is seen once they are counted."""
    found: dict[str, dict[str, str]] = {}
    for key, name in names.items():
        column = max((c for c in sensitive if key.startswith(f"{c}.")), key=len, default=None)
        if column is None:
            hint = did_you_mean(key.partition(".")[0], sensitive)
            raise BadInput(
                f"'{key}' names no group of {', '.join(sensitive)}.{hint} Write it as column.group (--names)"
            )
        group = key[len(column) + 1 :]
        called = found.setdefault(f"g{sensitive.index(column)}", {})
        if {group, name} & {MISSING, APART} or name in called.values():
            raise BadInput(f"no group of {column} can be called '{name}' for '{group}'; choose another name (--names)")
        called[group] = name
    return found
