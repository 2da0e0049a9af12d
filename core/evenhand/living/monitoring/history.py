"""The windows that a monitor's folder keeps: two files each, and a window counts once its second is there.

windows/NAME.parquet holds what stays of the rows, without inputs; windows/NAME.json what was judged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from evenhand.errors import BadInput
from evenhand.files import own
from evenhand.living.monitoring.reading import Log, contents
from evenhand.living.monitoring.windows import KEY, Size, Window, cut_by_rows, cut_by_time
from evenhand.recorded.run_folder import Run

FOLDER = "windows"


@dataclass(frozen=True, slots=True)
class News:
    """What a call brings. fresh: windows to judge, in order; touched: all whose rows it brings, seen before or not;
    keyed: all rows that have a name; says: what was left out and why, a sentence each."""

    fresh: tuple[Window, ...]
    touched: tuple[str, ...]
    keyed: pl.DataFrame
    says: tuple[str, ...]


def told(folder: Path) -> list[dict[str, Any]]:
    """What was judged of every window, in the order in which windows were judged."""
    found = []
    for file in sorted(own(folder, FOLDER).glob("*.json")):
        try:
            found.append(json.loads(file.read_bytes()))
        except ValueError:
            raise BadInput(f"{file} is damaged: it is not JSON; name another folder with --out") from None
    return sorted(found, key=lambda one: one["number"])


def rows_of(folder: Path, name: str) -> pl.DataFrame:
    """What is kept of a window's rows."""
    file = folder / FOLDER / f"{name}.parquet"
    try:
        return pl.read_parquet(file)
    except (pl.exceptions.PolarsError, OSError):
        raise BadInput(f"{file} is damaged or gone; name another folder with --out") from None


def keep(run: Run, facts: dict[str, Any], rows: pl.DataFrame) -> None:
    """Add a window: its rows first, then what makes it count."""
    name = facts["name"]
    run.write_with(f"{FOLDER}/{name}.parquet", lambda path: rows.write_parquet(path))
    run.write(f"{FOLDER}/{name}.json", json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def news(folder: Path, log: Log, size: Size, now: Any) -> News:
    """Which of the rows are news, cut to windows."""
    before = [one["name"] for one in told(folder)]
    left = list(log.says)
    if size.seconds is not None:
        return _by_time(folder, log, size, now, before, left)
    rows, lengths = (log.rows, []) if log.named else _anonymous(log, size)
    seen = pl.concat([rows_of(folder, name).select(KEY, pl.lit(name).alias("·window")) for name in before] or [_NOBODY])
    again = rows.select(KEY).join(seen, on=KEY, how="inner")
    cut = cut_by_rows(rows.join(seen, on=KEY, how="anti", maintain_order="left"), size, len(before) + 1)
    says = [*left, *_again(again.height, again["·window"].n_unique())]
    waiting = cut.waiting + sum(lengths)
    if waiting:
        says.append(f"{waiting:,} rows wait for a window of {size} to be whole")
    touched = sorted({*again["·window"], *(window.name for window in cut.whole)})
    return News(cut.whole, tuple(touched), rows, tuple(says))


_NOBODY = pl.DataFrame(schema={KEY: pl.String, "·window": pl.String})


def _anonymous(log: Log, size: Size) -> tuple[pl.DataFrame, list[int]]:
    """Rows that nothing names: each is called by the content of its window and its place in it; what is left over
    waits, and has no name yet."""
    assert size.rows is not None
    content, keys = contents(log.rows, log.label), []
    whole = log.rows.height // size.rows * size.rows
    for start in range(0, whole, size.rows):
        window = contents(
            pl.DataFrame({"row": content[start : start + size.rows]}).select(pl.col("row").implode()), None
        )
        keys += [f"{window[0]}/{place}" for place in range(size.rows)]
    left = log.rows.height - whole
    return log.rows[:whole].with_columns(pl.Series(KEY, keys, dtype=pl.String)), [left] if left else []


def _by_time(folder: Path, log: Log, size: Size, now: Any, before: list[str], left: list[str]) -> News:
    cut = cut_by_time(log.rows, size, now)
    fresh, again, late = [], 0, 0
    for window in cut.whole:
        if window.name not in before:
            fresh.append(window)
            continue
        known = rows_of(folder, window.name)[KEY].to_list()
        there = int(window.rows[KEY].is_in(known).sum())
        again, late = again + there, late + window.rows.height - there
    touched = [window.name for window in cut.whole]
    says = [*left, *_again(again, len(touched) - len(fresh))]
    if late:
        says.append(f"{late:,} rows came after their window was judged, and are not counted")
    if cut.waiting:
        says.append(f"{cut.waiting:,} rows lie in a window of {size} that is not over, and wait")
    says += [f"the window {name} is empty: the log has no row of it" for name in cut.empty]
    return News(tuple(fresh), tuple(touched), log.rows, tuple(says))


def _again(rows: int, windows: int) -> list[str]:
    return [f"{rows:,} rows of {windows} windows were seen before; nothing is counted twice"] if rows else []
