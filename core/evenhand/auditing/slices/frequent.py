"""Values that many rows hold, found among any number of values without holding them all: a part of the rows at a
time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl


def in_lumps(parts: Iterable[pl.Series], size: int) -> Iterator[pl.Series]:
    """The same values in parts of at least `size`, the last one apart."""
    waiting: list[pl.Series] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= size:
            yield pl.concat(waiting)
            waiting = []
    if waiting:
        yield pl.concat(waiting)


def distinct_up_to(parts: Iterable[pl.Series], most: int) -> int:
    """How many distinct values there are (a missing one is one too); just more than `most` where there are more."""
    seen: pl.Series | None = None
    for part in parts:
        values = part.unique()
        seen = values if seen is None else pl.concat([seen, values]).unique()
        if len(seen) > most:
            return most + 1
    return 0 if seen is None else len(seen)


def frequent(parts: Iterable[pl.Series], least: int, rows: int) -> pl.Series:
    """Every value that at least `least` of the `rows` hold, and some others.

    A table of rows / least counts is enough. Where it overflows, every count gives up as much as the largest one
    that has no place, and more than rows / least counts do so at once: no value gives up `least` rows in all (Misra
    and Gries 1982; merged as in Agarwal et al. 2013).
    """
    places, given_up = max(rows // least, 1), 0
    table: pl.DataFrame | None = None
    for part in parts:
        counts = part.alias("v").value_counts(name="n").with_columns(pl.col("n").cast(pl.Int64))
        table = counts if table is None else pl.concat([table, counts]).group_by("v").agg(pl.col("n").sum())
        if len(table) > places:
            loser = int(table["n"].top_k(places + 1).min())  # type: ignore[arg-type]
            table = table.with_columns(pl.col("n") - loser).filter(pl.col("n") > 0)
            given_up += loser
    if table is None:
        return pl.Series("v", [], pl.String)
    return table.filter(pl.col("n") + given_up >= least)["v"]
