"""Divides rows into train, validation and test: by group, site, time or chance, never a group on two sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.errors import BadInput
from evenhand.recipe import Recipe

if TYPE_CHECKING:
    from datasets import Dataset

Index = np.ndarray  # row numbers
LEAST_ROWS = 10


def test_rows(recipe: Recipe, rows: Dataset) -> tuple[Index, str]:
    """(rows that are the test split of an undivided table, one sentence that says how they were chosen)."""
    schema, rule = recipe.schema, recipe.split
    if len(rows) < LEAST_ROWS:
        raise BadInput(f"the data has {len(rows)} rows; at least {LEAST_ROWS} are needed to train, validate and test")
    by = rule.by or ("group_id" if schema.group_id else "time" if schema.time else "random")
    if by == "group_id":
        column = schema.require("group_id", "splitting by group")
        chosen = _whole_groups(list(rows[column]), rule.test, recipe.seed)
        return chosen, f"test: {len(chosen)} rows, whole groups of '{column}'"
    if by == "site":
        return _by_site(recipe, rows)
    if by == "time":
        column = schema.require("time", "splitting by time")
        order = np.argsort(_moments(list(rows[column]), column), kind="stable")
        chosen = np.sort(order[-max(1, round(len(rows) * rule.test)) :])
        return _unbroken(recipe, rows, chosen), f"test: the latest rows by '{column}'"
    chosen = _at_random(recipe, rows, np.arange(len(rows)), rule.test, recipe.seed)
    return chosen, f"test: {len(chosen)} rows at random (seed {recipe.seed})"


def validation_rows(recipe: Recipe, rows: Dataset, among: Index) -> Index:
    """The rows of `among` that are held out for choosing: whole groups where the schema names them."""
    seed = recipe.seed + 1  # another draw than the test split's
    if recipe.schema.group_id:
        groups = rows[recipe.schema.group_id]
        held: Index = among[_whole_groups([groups[int(i)] for i in among], recipe.split.validation, seed)]
        return held
    return _at_random(recipe, rows, among, recipe.split.validation, seed)


def without_groups_of(groups: Sequence[Any], rows: Index, taken: Index) -> Index:
    """`rows` without those whose group is also among the rows `taken`."""
    theirs = {groups[int(i)] for i in taken}
    return np.array([i for i in rows if groups[int(i)] not in theirs], dtype=int)


def _by_site(recipe: Recipe, rows: Dataset) -> tuple[Index, str]:
    column = recipe.schema.require("site", "splitting by site")
    sites = [str(value) for value in rows[column]]
    wanted = recipe.split.test_sites
    if not wanted:
        chosen = _whole_groups(sites, recipe.split.test, recipe.seed)
        wanted = tuple(sorted({sites[i] for i in chosen}))
    unknown = sorted(set(wanted) - set(sites))
    if unknown:
        raise BadInput(
            f"split.test_sites names '{unknown[0]}', which is not in column '{column}'; it has: {', '.join(sorted(set(sites))[:20])}"
        )
    chosen = np.array([i for i, site in enumerate(sites) if site in wanted], dtype=int)
    if len(chosen) == len(sites):
        raise BadInput(f"split.test_sites names every site of column '{column}'; leave some for training")
    return _unbroken(recipe, rows, chosen), f"test: the sites {', '.join(wanted)} of '{column}'"


def _unbroken(recipe: Recipe, rows: Dataset, chosen: Index) -> Index:
    """`chosen` with every row of the groups that it touches: a group that is in test at all is in test whole."""
    if not recipe.schema.group_id:
        return chosen
    groups = list(rows[recipe.schema.group_id])
    touched = {groups[i] for i in chosen}
    return np.array([i for i, group in enumerate(groups) if group in touched], dtype=int)


def _whole_groups(groups: list[Any], share: float, seed: int) -> Index:
    """Row numbers of randomly drawn whole groups that hold about `share` of the rows, at least one group."""
    names = sorted(set(groups), key=str)
    if len(names) < 2:
        raise BadInput(
            f"every row belongs to the group {names[0]!r}, so nothing can be held out; name another column, or none"
        )
    sizes = dict.fromkeys(names, 0)
    for group in groups:
        sizes[group] += 1
    taken: set[Any] = set()
    held = 0
    for i in np.random.default_rng(seed).permutation(len(names)):
        name = names[i]
        nearer = abs(held + sizes[name] - share * len(groups)) <= abs(held - share * len(groups))
        if (nearer or not taken) and len(taken) < len(names) - 1:
            taken.add(name)
            held += sizes[name]
    return np.array([i for i, group in enumerate(groups) if group in taken], dtype=int)


def _at_random(recipe: Recipe, rows: Dataset, among: Index, share: float, seed: int) -> Index:
    """`share` of the rows `among`, of every class alike where there are classes; a class of one row stays out."""
    rng = np.random.default_rng(seed)
    if recipe.task == "regression" or recipe.schema.label is None:
        return np.sort(rng.permutation(among)[: max(1, round(len(among) * share))])
    labels = rows[recipe.schema.label]
    classes: dict[Any, list[int]] = {}
    for i in among:
        classes.setdefault(labels[int(i)], []).append(int(i))
    chosen: list[int] = []
    owed = 0.0  # what rounding withheld from the classes before
    for name in sorted(classes, key=str):
        members = classes[name]
        exact = len(members) * share + owed
        take = min(max(0, round(exact)), len(members) - 1)
        owed = exact - take
        chosen.extend(int(i) for i in rng.permutation(members)[:take])
    if not chosen:
        chosen = [int(i) for i in rng.permutation(among)[: max(1, round(len(among) * share))]]
    return np.sort(np.array(chosen, dtype=int))


def _moments(values: list[Any], column: str) -> np.ndarray:
    """Numbers that sort as the times do: numbers as they are, dates and ISO texts as moments."""
    import polars as pl

    series = pl.Series("time", values, strict=False)
    if series.dtype == pl.String:
        parsed = series.str.to_datetime(strict=False, time_unit="us")
        if parsed.null_count() > series.null_count():
            parsed = series.str.to_date(strict=False).cast(pl.Datetime("us"))
        bad = series.filter(parsed.is_null() & series.is_not_null())
        if bad.len():
            raise BadInput(
                f"the time '{bad[0]}' in column '{column}' cannot be read; write times as 2026-11-23 or 2026-11-23T18:30:00"
            )
        series = parsed
    if series.null_count():
        raise BadInput(
            f"{series.null_count()} rows have no time in column '{column}'; fill them, or split another way (--set split.by=random)"
        )
    return series.to_physical().to_numpy()
