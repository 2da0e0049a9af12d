"""Windows: rows of one stretch of time, or so many rows in their order; a window is judged when it is whole."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import polars as pl

from evenhand.errors import BadInput

SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
ASKED = re.compile(r"(\d{1,9}) *(m|h|d|w|rows?|)")
MONDAY = 4 * SECONDS["d"]  # 1970-01-05, from which weeks are counted
TIME, KEY = "·time", "·key"  # what `reading` adds to the rows that were given


@dataclass(frozen=True, slots=True)
class Size:
    """How long a window is: so many seconds, or so many rows."""

    seconds: int | None = None
    rows: int | None = None

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read '1d', '6h', '30m', '2w' or '500 rows'; BadInput for anything else.

        >>> Size.parse("1d"), Size.parse("500 rows")
        (Size(seconds=86400, rows=None), Size(seconds=None, rows=500))
        """
        found = ASKED.fullmatch(text.strip().lower())
        if found is None or int(found[1]) == 0:
            raise BadInput(
                f"a window of '{text[:40]}' is not understood; write 1d, 6h, 30m, 2w or '500 rows' (--window)"
            )
        if found[2] in ("", "row", "rows"):
            return cls(rows=int(found[1]))
        return cls(seconds=int(found[1]) * SECONDS[found[2]])

    def __str__(self) -> str:
        if self.seconds is None:
            return f"{self.rows} rows"
        unit = next(name for name in ("w", "d", "h", "m") if self.seconds % SECONDS[name] == 0)
        return f"{self.seconds // SECONDS[unit]}{unit}"


@dataclass(frozen=True, slots=True)
class Window:
    """Rows that are judged together. name: a file's name that sorts as windows follow each other."""

    name: str
    start: str
    end: str
    rows: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Cut:
    """Rows in windows. whole: those to judge. waiting: rows whose window is not over yet. empty: windows without rows
    between others, as they are called."""

    whole: tuple[Window, ...]
    waiting: int
    empty: tuple[str, ...]


def cut_by_time(rows: pl.DataFrame, size: Size, now: dt.datetime) -> Cut:
    """Windows from 1970 on (weeks from Monday), UTC; the one that `now` lies in is not over."""
    assert size.seconds is not None
    seconds, start = size.seconds, MONDAY if size.seconds % SECONDS["w"] == 0 else 0
    number = (rows[TIME].dt.epoch("s") - start) // seconds
    found, waiting, empty, last = [], 0, [], None
    for (at,), part in sorted(rows.group_by(number.alias("·number"), maintain_order=True), key=lambda pair: pair[0]):
        begins = dt.datetime.fromtimestamp(int(at) * seconds + start, dt.UTC)
        ends = begins + dt.timedelta(seconds=seconds)
        if last is not None and at - last > 1:
            missing = dt.datetime.fromtimestamp((last + 1) * seconds + start, dt.UTC)
            empty.append(_called(missing, seconds) + (f" and {at - last - 2} more" if at - last > 2 else ""))
        last = at
        if ends > now:
            waiting += part.height
            continue
        whole = part.sort(TIME, KEY)
        found.append(Window(_called(begins, seconds), begins.isoformat(), ends.isoformat(), whole))
    return Cut(tuple(found), waiting, tuple(empty))


def cut_by_rows(rows: pl.DataFrame, size: Size, first: int) -> Cut:
    """Windows of so many rows each, numbered from `first`; what is left over waits for more."""
    assert size.rows is not None
    whole = rows.height // size.rows
    found = []
    for number in range(whole):
        part = rows.slice(number * size.rows, size.rows)
        times = part[TIME].drop_nulls() if TIME in part.columns else pl.Series([])
        ends = (str(times.min()), str(times.max())) if len(times) else ("", "")
        found.append(Window(f"rows-{first + number:06d}", *ends, part))
    return Cut(tuple(found), rows.height - whole * size.rows, ())


def _called(begins: dt.datetime, seconds: int) -> str:
    """A name for a file: the day, and the time of day where windows are shorter than one.

    >>> _called(dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC), 3600)
    '2026-03-01T06.00'
    """
    return begins.strftime("%Y-%m-%d" if seconds % SECONDS["d"] == 0 else "%Y-%m-%dT%H.%M")
