"""What groups are called, and the order in which a reader expects them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenhand.auditing.table.labels import plain
from evenhand.errors import BadInput, did_you_mean

MISSING = "(missing)"
APART = "(not applicable)"  # rows that the column does not ask about: shown, never compared
JOIN = " × "
DIGITS = re.compile("([0-9]{1,18})")
MUTE = re.compile(
    r"(yes|no|y|n|true|false|t|f|under [-+.0-9].*|[-+.]?[0-9].*)", re.I
)  # says nothing without its column


def listed(values: Any) -> list[Any]:
    """The values of a column for their names; one of 32 bits has few digits: 1.8, not 1.7999999523162842."""
    if str(values.dtype) == "Float32":  # of Polars or narwhals
        return [None if value is None else float(str(np.float32(value))) for value in values.to_list()]
    return list(values.to_list())


def factorised(
    values: list[Any], order: tuple[str, ...] | None = None, called: Mapping[str, str] | None = None
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names and codes of values: in the given order, or numbers in theirs, then text; "(missing)" last.

    called: what groups are called instead; their order stays.
    """
    seen: dict[Any, str] = {}
    for value in values:
        if value not in seen:
            seen[value] = group_name(value)
    found = set(seen.values())
    names = [n for n in (*order, MISSING) if n in found] if order is not None else sorted(found, key=natural)
    place = {name: i for i, name in enumerate(names)}
    lookup = {value: place[name] for value, name in seen.items()}
    codes = np.array([lookup[v] for v in values], dtype=np.int64)
    return _called(names, called) if called else tuple(names), codes


def _called(names: list[str], called: Mapping[str, str]) -> tuple[str, ...]:
    """The names with those that were given in their place."""
    for group, name in called.items():
        if group not in names:
            raise BadInput(f"there is no group '{group}' to call '{name}'.{did_you_mean(group, names)} (--names)")
        if name in names and name not in called:
            raise BadInput(f"two groups would be called '{name}'; choose another name (--names)")
    return tuple(called.get(name, name) for name in names)


def cluster_codes(values: nw.Series[Any]) -> tuple[NDArray[np.int64], int]:
    """(code of each value, how many there are), in the order of the values; numbers count as numbers also where they
    came as text."""
    try:
        found = values.to_polars()
        if found.dtype == pl.String:
            number = found.cast(pl.Int64, strict=False)
            if not number.has_nulls() and number.n_unique() == found.n_unique():  # 7 and 007 are two
                found = number
        if found.dtype.is_integer() and (close := _close_ranks(found)) is not None:
            return close
        ranks = found.rank("dense")
    except Exception:  # objects of Python, or a kind that Polars cannot order
        ranks = pl.Series([str(value) for value in values.to_list()]).rank("dense")
    codes = np.asarray(ranks.to_numpy(), dtype=np.int64) - 1
    return codes, int(codes.max(initial=-1)) + 1


def _close_ranks(found: pl.Series) -> tuple[NDArray[np.int64], int] | None:
    """The same for whole numbers that lie close together, which need no sorting; None where they do not."""
    if not len(found) or int(found.max()) >= 2**62 or int(found.min()) <= -(2**62):  # type: ignore[arg-type]
        return None
    place = found.cast(pl.Int64).to_numpy()
    low = int(place.min())
    span = int(place.max()) - low + 1
    if span > 4 * len(place) + 1_000:
        return None
    there = np.zeros(span, dtype=bool)
    there[place - low] = True
    return (np.cumsum(there) - 1)[place - low], int(there.sum())


def group_name(value: Any) -> str:
    """What a sensitive value is called in the report."""
    if (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or type(value).__name__ in ("NAType", "NaTType")
    ):
        return MISSING
    return plain(value) or MISSING


def natural(name: str) -> tuple[int, float, tuple[str | int, ...], str]:
    """Numbers in their order, then text in which runs of digits count as numbers (8-12 before 13-24), "(not
    applicable)" and "(missing)" last."""
    if name in (APART, MISSING):
        return (2 if name == APART else 3), 0.0, (), ""
    try:
        number = float(name)
    except ValueError:
        number = math.inf
    if math.isfinite(number):
        return 0, number, (), name
    parts = DIGITS.split(name)  # text, digits, text, …
    return 1, 0.0, tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), name


def group_names(
    columns: Sequence[str], values: Sequence[tuple[str, ...]], levels: Sequence[Sequence[str]]
) -> list[str]:
    """What the group of each tuple of values is called; with the columns' names where two columns share a value, as yes
    and no.

    levels: every value of each column.
    """
    seen = [set(names) - {MISSING} for names in levels]
    shared = any(one & other for one, other in combinations(seen, 2))
    return [
        JOIN.join(f"{c}: {v}" for c, v in zip(columns, value, strict=True)) if shared else JOIN.join(value)
        for value in values
    ]


def numbered(names: list[str]) -> list[str]:
    """Names that two groups share ("a × b" with "c", "a" with "b × c") told apart by a number."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out


def phrases(columns: Sequence[str], values: Sequence[tuple[str, ...]]) -> list[str]:
    """How each group is spoken of: "for female"; "where afam is yes" where the value says nothing by itself.

    >>> phrases(["sex"], [("female",), ("(missing)",)]), phrases(["old", "sex"], [("no", "male")])
    (['for female', 'where sex is missing'], ['where old is no and sex is male'])
    """
    return [_phrase(columns, value) for value in values]


def _phrase(columns: Sequence[str], value: tuple[str, ...]) -> str:
    if not any(part in (MISSING, APART) or MUTE.fullmatch(part) for part in value):
        return f"for {JOIN.join(value)}"
    told = {MISSING: "missing", APART: "not applicable"}
    return "where " + " and ".join(
        f"{column} is {told.get(part, part)}" for column, part in zip(columns, value, strict=True)
    )


def phrase_of(phrase: str, longest: int) -> str:
    """A phrase at the length that a sentence can carry; the whole name stands in the tables."""
    return phrase if len(phrase) <= longest else phrase[: longest - 1] + "…"
