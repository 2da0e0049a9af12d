"""Selection at k: the decision is "among the k highest scores", of all rows or within each list (a query, a job).

Rows that tie at the cut are selected together or not at all, so that no order of the rows decides: all of them where
at most k rows are then selected, else none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from evenhand.auditing.table.rows import Rows, collect
from evenhand.errors import BadInput, typed

NO_PROBABILITIES = "the scores are outside [0, 1], so they rank but are no probabilities"
SLACK = 1e-9  # 0.29 · 100 is a little less than 29


@dataclass(frozen=True, slots=True)
class Top:
    """Who is selected: `top` rows, or that share of them, by score."""

    top: int | float
    within: str | None
    cut: float | None  # selected from this score on; None within lists, where each has its own
    raw: bool  # scores outside [0, 1], which were scaled to it
    selected: int
    tied: int  # rows left out that tie with one who would fit
    lists: int
    empty: int  # lists in which nobody is selected

    def described(self) -> dict[str, Any]:
        """For the plan."""
        return {"top": self.top, "within": self.within, "cut": self.cut}

    def notes(self, clustered: bool) -> Iterator[str]:
        """What was selected, what ties left out, and what the scores no longer are."""
        which = f"the top {self.top:,}" if isinstance(self.top, int) else f"the top {self.top:.4g} of the rows"
        if self.within is None:
            yield f"Selected are {which} by score: {self.selected:,} rows, those from {self.cut:.6g} on."
        else:
            yield (
                f"Selected are {which} by score in each of the {self.lists:,} lists of '{self.within}':"
                f" {self.selected:,} rows."
            )
        if self.tied:
            yield (
                f"{self.tied:,} rows tie at a cut where not all of them fit; none of them is selected, so that no order"
                " of the rows decides."
            )
        if self.empty:
            yield f"In {self.empty:,} of these lists nobody is selected, because more rows tie at the top than fit."
        if self.within is not None and not clustered:
            yield (
                "Rows of one list are chosen at each other's expense, yet the intervals take them as independent;"
                f" {typed('--cluster', self.within)} takes them together."
            )
        if self.raw:
            yield (
                "The scores are outside [0, 1], so only their order is used; there is no calibration and no score"
                " histogram."
            )


def select_top(
    rows: Rows, top: int | float | None, threshold: float | None, task: str | None
) -> tuple[Rows, Top | None]:
    """The rows with the decision as column `prediction` (1 or 0) and scores in [0, 1], and what was decided.

    top: a number of rows, or a share of them in (0, 1), which is rounded down but never to 0; weights do not count.
    Raises BadInput where top does not go with the rest, where everybody would be selected or
    nobody, and within lists for an engine that cannot rank.
    """
    if top is None:
        if rows.roles.within is not None:
            raise BadInput(
                "rows are ranked within lists to select the top of each; say how many with --top 10 (--within)"
            )
        return rows, None
    _check(rows, threshold, task)
    if rows.roles.within is None:
        rows, found = _of_all(rows, top)
    else:
        rows, found = _within_lists(rows, top)
    return (_scaled(rows) if found.raw else rows), found


def _check(rows: Rows, threshold: float | None, task: str | None) -> None:
    if rows.roles.score is None:
        raise BadInput("the top rows are those with the highest scores; name the column with --score (--top)")
    if rows.roles.prediction is not None:
        raise BadInput(
            "either the top rows by score are selected or those of a prediction column; drop --top or --prediction"
        )
    if threshold is not None:
        raise BadInput("either the top rows are selected or those above a threshold; drop --top or --threshold")
    if task in ("multiclass", "regression"):
        raise BadInput(f"a {task} audit selects nobody; drop --task, or --top")
    if rows.roles.within is not None and rows.facts["within missing"]:
        raise BadInput(
            f"column '{rows.roles.within}' in {rows.where} is missing in {rows.facts['within missing']:,} rows; every"
            " row needs its list (--within)"
        )


def _raw(rows: Rows) -> bool:
    return bool(rows.facts["score min"] < 0 or rows.facts["score max"] > 1)


def _of_all(rows: Rows, top: int | float) -> tuple[Rows, Top]:
    k = top if isinstance(top, int) else max(1, math.floor(top * rows.count + SLACK))
    if k >= rows.count:
        raise BadInput(
            f"{rows.where} has {rows.count:,} rows, so a top of {k:,} selects everybody; choose fewer (--top)"
        )
    score = nw.col("score").cast(nw.Float64)
    found = collect(rows.frame.select(level=score).group_by("level").agg(nw.len().alias("n")), rows.where)
    level, count = (np.asarray(found.get_column(c).to_numpy(), dtype=float) for c in ("level", "n"))
    falling = np.argsort(-level)
    reached = np.cumsum(count[falling])
    fits = int(np.searchsorted(reached, k, side="right"))  # levels that fit whole
    if not fits:
        raise BadInput(
            f"{int(reached[0]):,} rows of {rows.where} share the highest score, more than the top {k:,}, so who is"
            " selected is not clear; choose a larger --top"
        )
    cut, selected = float(level[falling[fits - 1]]) + 0.0, int(reached[fits - 1])
    tied = int(count[falling[fits]]) if selected < k else 0
    chosen = nw.when(score >= cut).then(nw.lit(1)).otherwise(nw.lit(0))
    return replace(rows, frame=rows.frame.with_columns(prediction=chosen)), Top(
        top, None, cut, _raw(rows), selected, tied, 1, 0
    )


def _within_lists(rows: Rows, top: int | float) -> tuple[Rows, Top]:
    frame = _ranking_engine(rows)
    score = nw.col("score").cast(nw.Float64)
    first, last = (score.rank(how, descending=True).over("within") for how in ("min", "max"))
    size = nw.len().over("within")
    frame = frame.with_columns(**{"rank first": first, "rank last": last, "list size": size})
    fits = nw.lit(top)
    if not isinstance(top, int):
        share = (nw.col("list size") * top + SLACK).floor()
        fits = nw.when(share < 1).then(nw.lit(1.0)).otherwise(share)
    frame = frame.with_columns(
        prediction=nw.when(nw.col("rank last") <= fits).then(nw.lit(1)).otherwise(nw.lit(0)),
        tied=nw.when((nw.col("rank first") <= fits) & (nw.col("rank last") > fits))
        .then(nw.lit(1))
        .otherwise(nw.lit(0)),
    )
    sums = collect(frame.select(nw.col("prediction").sum(), nw.col("tied").sum()), rows.where)
    selected, tied = (int(sums.get_column(c).to_list()[0]) for c in ("prediction", "tied"))
    if selected in (0, rows.count):
        who = "nobody, because more rows tie at the top of every list than fit" if not selected else "everybody"
        raise BadInput(f"a top of {top} within '{rows.roles.within}' selects {who}; choose another (--top)")
    served = frame.filter(nw.col("prediction") == 1).select(n=nw.col("within").n_unique())
    lists = rows.facts["within distinct"]
    empty = lists - int(collect(served, rows.where).get_column("n").to_list()[0])
    return replace(rows, frame=frame), Top(top, rows.roles.within, None, _raw(rows), selected, tied, lists, empty)


def _ranking_engine(rows: Rows) -> nw.LazyFrame[Any]:
    """The frame in an engine that ranks within lists: Arrow tables are handed to Polars, which copies nothing."""
    if rows.frame.implementation.is_pyarrow():
        table = pl.from_arrow(nw.to_native(rows.frame.collect()))
        assert isinstance(table, pl.DataFrame)
        return nw.from_native(table.lazy())
    if rows.frame.implementation.is_dask():
        raise BadInput("Dask cannot rank within lists; give a pandas, Polars, Arrow, DuckDB or Spark table (--within)")
    return rows.frame


def _scaled(rows: Rows) -> Rows:
    """The rows with scores moved to [0, 1], in the same order."""
    low, high = rows.facts["score min"], rows.facts["score max"]
    half = (nw.col("score").cast(nw.Float64) * 0.5 - low * 0.5) / (high * 0.5 - low * 0.5)  # halves: no overflow
    facts = {**rows.facts, "score min": 0.0, "score max": 1.0}
    return replace(rows, frame=rows.frame.with_columns(score=half.clip(0.0, 1.0)), facts=facts)
