"""The rows that a question is about: its columns taken, its numbers cut into groups, its best rows selected."""

from __future__ import annotations

from evenhand.asking.question import Question
from evenhand.auditing.table.binning import Binning, bin_columns
from evenhand.auditing.table.checks import take_roles
from evenhand.auditing.table.rows import Roles, Rows
from evenhand.auditing.table.source import Source
from evenhand.auditing.table.top import Top, select_top


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
    rows, chosen = select_top(rows, asked.top, asked.threshold, asked.task)
    return rows, binnings, chosen
