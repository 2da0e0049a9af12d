"""Divides rows into train, validation and test: by group, site, time or chance, never a group on two sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.data.multilabel import strata
from evenhand.data.reading import values_of
from evenhand.errors import BadInput, did_you_mean
from evenhand.recipe import Recipe

if TYPE_CHECKING:
    import polars as pl
    from datasets import Dataset

Index = np.ndarray  # row numbers, ascending
LEAST_ROWS = 10
LEAST_STRETCHES = 6
USUAL_BLOCKS, LARGEST_BLOCK = 60, 200
BLOCKS = 3  # of a stretch, where rows are divided by their order
DRAWS = 20  # of whole groups, the one whose classes are nearest to the data's is taken
MANY_GROUPS = 2_000  # from here on a single draw is near enough


def test_rows(recipe: Recipe, rows: Dataset, source: str) -> tuple[Index, str]:
    """(rows that are the test split of an undivided table, one sentence that says how they were chosen).

    By site and by time a group may have rows on both sides; the caller leaves the other side's rows out.
    """
    schema, rule = recipe.schema, recipe.split
    if len(rows) < LEAST_ROWS:
        raise BadInput(
            f"{source} has {len(rows)} usable rows; at least {LEAST_ROWS} are needed to train, validate and test"
        )
    by = rule.by or ("group_id" if schema.group_id else "time" if schema.time else "random")
    if by == "group_id":
        schema.require("group_id", "splitting by group")
    if by == "site":
        return _by_site(recipe, rows, source)
    if by == "order":
        chosen = _held_out(recipe, rows, np.arange(len(rows)), rule.test, recipe.seed)
        return (
            chosen,
            f"test: {len(chosen)} rows, whole stretches of {BLOCKS * block_of(recipe, rows)} rows (seed {recipe.seed})",
        )
    if by == "time":
        column = schema.require("time", "splitting by time")
        order = np.argsort(moments(values_of(rows, column), column, source), kind="stable")
        chosen = np.sort(order[-max(1, round(len(rows) * rule.test)) :])
        return chosen, f"test: the latest {len(chosen)} rows by '{column}'"
    chosen = _held_out(recipe, rows, np.arange(len(rows)), rule.test, recipe.seed)
    how = f"whole groups of '{schema.group_id}'" if schema.group_id else "at random"
    return chosen, f"test: {len(chosen)} rows, {how} (seed {recipe.seed})"


def validation_rows(recipe: Recipe, rows: Dataset, among: Index) -> Index:
    """The rows of `among` that are held out for choosing: whole groups where the schema names them."""
    return _held_out(recipe, rows, among, recipe.split.validation, recipe.seed + 1)  # another draw than the test's


def without_groups_of(groups: Sequence[Any], rows: Index, taken: Index) -> Index:
    """`rows` without those whose group is also among the rows `taken`."""
    theirs = {groups[i] for i in taken}
    return np.array([i for i in rows if groups[i] not in theirs], dtype=int)


def block_of(recipe: Recipe, rows: Dataset) -> int:
    """Rows of a block: as the recipe says, else a sixtieth of the rows, 200 at most."""
    return recipe.split.block or int(np.clip(len(rows) // USUAL_BLOCKS, 2, LARGEST_BLOCK))


def with_blocks(recipe: Recipe, rows: Dataset) -> tuple[Dataset, Recipe]:
    """The rows with the block that each stands in, as the group_id column that the schema names, or as `block`."""
    name = recipe.schema.group_id or "block"
    if name in rows.column_names:
        return rows, recipe.with_schema(recipe.schema.model_copy(update={"group_id": name}))
    size = block_of(recipe, rows)
    if len(rows) < LEAST_STRETCHES * BLOCKS * size:
        raise BadInput(
            f"{len(rows):,} rows make fewer than {LEAST_STRETCHES} stretches of {BLOCKS} blocks of {size} rows; set"
            f" a smaller block (--set split.block={max(2, len(rows) // (2 * LEAST_STRETCHES * BLOCKS))}), or split"
            " another way (--set split.by=random)"
        )
    blocks = [f"rows {i // size * size + 1} to {i // size * size + size}" for i in range(len(rows))]
    return rows.add_column(name, blocks), recipe.with_schema(recipe.schema.model_copy(update={"group_id": name}))


def far_from(rows: Index, taken: Index, gap: int) -> Index:
    """`rows` without those that stand within `gap` rows of one that is `taken`."""
    if not len(taken) or not len(rows):
        return rows
    place = np.searchsorted(taken, rows)
    before = np.abs(rows - taken[np.maximum(place - 1, 0)])
    after = np.abs(taken[np.minimum(place, len(taken) - 1)] - rows)
    return np.asarray(rows[np.minimum(before, after) > gap])


def _held_out(recipe: Recipe, rows: Dataset, among: Index, share: float, seed: int) -> Index:
    """About `share` of the rows `among`, whole groups where there are groups, classes alike where there are classes."""
    schema = recipe.schema
    labels: list[Any] = [None] * len(among)  # numbers and texts: nothing to keep alike
    if recipe.task == "multilabel":
        labels = strata(schema, rows, among)
    elif schema.label and recipe.task not in ("regression", "generate"):
        every = values_of(rows, schema.label)
        labels = [every[i] for i in among]
    if recipe.split.by == "order":
        chosen = _whole_groups((among // (BLOCKS * block_of(recipe, rows))).tolist(), labels, share, seed)
    elif not schema.group_id:
        chosen = _stratified(labels, share, seed)
    else:
        groups = values_of(rows, schema.group_id)
        chosen = _whole_groups([groups[i] for i in among], labels, share, seed)
    held: Index = among[chosen]
    return held


def _by_site(recipe: Recipe, rows: Dataset, source: str) -> tuple[Index, str]:
    column = recipe.schema.require("site", "splitting by site")
    sites = [str(value) for value in values_of(rows, column)]
    wanted = recipe.split.test_sites
    if not wanted:
        chosen = _whole_groups(sites, [None] * len(sites), recipe.split.test, recipe.seed)
        wanted = tuple(sorted({sites[i] for i in chosen}))
    known = sorted(set(sites))
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise BadInput(
            f"split.test_sites names '{unknown[0]}', which is not in column '{column}' of {source}; it has:"
            f" {', '.join(known[:20])}.{did_you_mean(unknown[0], known)}"
        )
    chosen = np.array([i for i, site in enumerate(sites) if site in wanted], dtype=int)
    if len(chosen) == len(sites):
        raise BadInput(f"split.test_sites names every site of column '{column}' of {source}; leave some for training")
    return chosen, f"test: the sites {', '.join(wanted)} of '{column}'"


def _whole_groups(groups: list[Any], labels: list[Any], share: float, seed: int) -> Index:
    """Row numbers of whole groups that hold about `share` of the rows, at least one group and never all.

    Of some random draws the one is taken that leaves no class without a row and whose classes are nearest to the
    data's.
    """
    names = sorted(set(groups), key=str)
    if len(names) < 2:
        raise BadInput(
            f"every row belongs to the group {names[0]!r}, so nothing can be held out; name another column, or none"
        )
    number = {name: i for i, name in enumerate(names)}
    group = np.array([number[name] for name in groups])
    kinds = {name: i for i, name in enumerate(sorted(set(labels), key=str))}
    label = np.array([kinds[name] for name in labels])
    sizes, whole = np.bincount(group), np.bincount(label, minlength=len(kinds))
    rng = np.random.default_rng(seed)
    best, least = np.array([], dtype=int), np.inf
    for _ in range(DRAWS if len(names) <= MANY_GROUPS else 1):
        held = _draw(sizes, share * len(groups), rng)[group]
        classes = np.bincount(label[held], minlength=len(kinds))
        cost = np.abs(classes - share * whole).sum() + len(groups) * (classes == whole).sum()
        if cost < least:
            best, least = np.flatnonzero(held), cost
    return best


def _draw(sizes: np.ndarray, wanted: float, rng: np.random.Generator) -> np.ndarray:
    """Bool [group]: groups in random order, each taken if that brings the number of rows nearer to `wanted`."""
    taken: list[int] = []
    held = 0
    for i in rng.permutation(len(sizes)).tolist():
        nearer = abs(held + sizes[i] - wanted) <= abs(held - wanted)
        if (nearer or not taken) and len(taken) < len(sizes) - 1:
            taken.append(i)
            held += int(sizes[i])
    return np.isin(np.arange(len(sizes)), taken)


def _stratified(labels: list[Any], share: float, seed: int) -> Index:
    """`share` of the rows, of every class alike; a class of one row is never taken from."""
    rng = np.random.default_rng(seed)
    classes: dict[Any, list[int]] = {}
    for i, label in enumerate(labels):
        classes.setdefault(label, []).append(i)
    chosen: list[int] = []
    owed = 0.0  # what rounding withheld from the classes before
    for name in sorted(classes, key=str):
        members = classes[name]
        exact = len(members) * share + owed
        take = min(max(0, round(exact)), len(members) - 1)
        owed = exact - take
        chosen.extend(int(i) for i in rng.permutation(members)[:take])
    if not chosen and len(classes) < len(labels):  # too few rows for the share: one of the largest class
        chosen = [max(classes.values(), key=len)[0]]
    return np.sort(np.array(chosen, dtype=int))


def moments(values: list[Any], column: str, source: str) -> np.ndarray:
    """Numbers that sort as the times do: numbers as they are, dates and ISO texts as moments."""
    import polars as pl

    series = pl.Series("time", values, strict=False)
    if series.dtype == pl.String:
        series = _parsed(series, column, source)
    missing = series.null_count() + (int(series.is_nan().sum()) if series.dtype.is_float() else 0)
    if missing:
        raise BadInput(
            f"{missing} rows of {source} have no time in column '{column}'; fill them, or split another way (--set"
            " split.by=random)"
        )
    if not (series.dtype.is_numeric() or series.dtype.is_temporal()):
        raise BadInput(f"the column '{column}' of {source} holds no times; write times as 2026-11-23T18:30:00")
    return series.to_physical().to_numpy()


def _parsed(series: pl.Series, column: str, source: str) -> pl.Series:
    import polars as pl

    try:
        parsed = series.str.to_datetime(strict=False, time_unit="us")
    except pl.exceptions.PolarsError:  # no value looks like a time
        parsed = pl.Series("time", [None] * len(series), dtype=pl.Datetime("us"))
    year_first = series.str.contains(r"^\s*\d{4}\D")  # 01/02/2026 is January here and February there
    bad = series.filter((parsed.is_null() | ~year_first) & series.is_not_null())
    if bad.len():
        raise BadInput(
            f"the time '{str(bad[0])[:40]}' in column '{column}' of {source} cannot be read; write times as 2026-11-23"
            " or 2026-11-23T18:30:00"
        )
    return parsed
