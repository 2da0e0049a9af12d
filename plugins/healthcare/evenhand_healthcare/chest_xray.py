"""Radiographs with their records: read, demographics parsed by rule, patients kept whole, shortcuts fitted beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evenhand import Adapted, BadInput, Recipe, Schema, Splits, finetune, splits_from_rows
from evenhand_healthcare import demographics, folder
from evenhand_healthcare.copies import looked_for
from evenhand_healthcare.samples import radiographs

AGE, BAND, SEX = "age", "age_band", "sex"


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """The source's radiographs (None: the simulated sample), with sex, age_band, race, view and site as groups.

    Roles of the recipe that the source has no column for (site, split, a group) are left out and noted; those that were
    set by hand are refused as ever.
    """
    if source is None:
        splits = splits_from_rows(without(recipe, ("sensitive",)), radiographs(recipe.seed), "simulated radiographs")
    else:
        splits = looked_for(recipe, read(recipe, source))
    return with_groups(recipe, splits)


def read(recipe: Recipe, source: Path | str) -> Splits:
    """The source, by its official split where it has one; rows without film and films without row are said."""
    kept = {role for role in ("site", "split") if recipe.origin(f"schema.{role}") == "--set"}
    kept |= {"site"} if recipe.split.by == "site" else set()
    bare = without(recipe, tuple({"sensitive", "site", "split"} - kept))
    splits, notes = folder.read(bare, source)
    split = recipe.schema.split
    if split and "split" not in kept and recipe.split.by is None and split in splits.train.column_names:
        schema = bare.schema.model_copy(update={"split": split})
        splits, notes = folder.read(bare.model_copy(update={"schema_": schema}), source)
    return replace(splits, notes=(*notes, *splits.notes))


def without(recipe: Recipe, roles: tuple[str, ...]) -> Recipe:
    empty: dict[str, Any] = {role: () if role == "sensitive" else None for role in roles}
    return recipe.model_copy(update={"schema_": recipe.schema.model_copy(update=empty)})


def with_groups(recipe: Recipe, splits: Splits) -> Splits:
    """The splits with each group as the rules of `demographics` read it, and every role that there is a column for."""
    rules = readers(recipe, splits.train.column_names)

    def columns(rows: Any) -> Mapping[str, list[str]]:
        return {name: demographics.column(rows[source], source, read) for name, (source, read) in rules.items()}

    splits = splits.map_columns(columns)
    have = splits.train.column_names
    lacking = [name for name in recipe.schema.sensitive if name not in have]
    if lacking and recipe.origin("schema.sensitive") != "--set":
        note = f"not audited, as {splits.source} has no column for it: {', '.join(lacking)}"
        splits = replace(splits, notes=(*splits.notes, note))
        sensitive = tuple(name for name in recipe.schema.sensitive if name in have)
        if not sensitive:
            raise BadInput(
                f"{splits.source} has none of the columns {', '.join(recipe.schema.sensitive)}; name its own with"
                " --set schema.sensitive='[\"COLUMN\"]'"
            )
    else:
        sensitive = recipe.schema.sensitive
    site = recipe.schema.site if recipe.schema.site in have else splits.schema.site
    schema: Schema = splits.schema.model_copy(update={"sensitive": sensitive, "site": site})
    return splits.with_schema(schema)


def readers(recipe: Recipe, have: list[str]) -> dict[str, tuple[str, Callable[[Any], str]]]:
    """group column -> (the column it is read from, its rule), for the groups that the audit asks for."""
    codes = recipe.options.get("sex_codes")
    if codes is not None and not isinstance(codes, Mapping):
        raise BadInput(f'options.sex_codes is {codes!r}; write it as a table, such as {{ "1" = "male" }}')
    found: dict[str, tuple[str, Callable[[Any], str]]] = {}
    for name in recipe.schema.sensitive:
        if name == BAND and BAND not in have and AGE in have:
            found[name] = (AGE, demographics.age_band)
        elif name in have and name != BAND:
            rule = (lambda value: demographics.sex(value, codes)) if name == SEX else demographics.category
            found[name] = (name, rule)
    return found


def prepare(recipe: Recipe, rows: Any) -> Any:
    """New rows (a Polars LazyFrame) with the groups read by the same rules."""
    import polars as pl

    have = rows.collect_schema().names()
    made = [
        pl.col(source)
        .map_batches(lambda part, s=source, r=read: pl.Series(demographics.column(part.to_list(), s, r)), pl.String)
        .alias(name)
        for name, (source, read) in readers(recipe, have).items()
    ]
    return rows.with_columns(made) if made else None


def fit(recipe: Recipe, splits: Splits, backbone: Any, run: Any) -> Adapted:
    """The core's strategy; shortcuts beside its baselines and maps of what it looks at, unless the options say not."""
    adapted = finetune(recipe, splits, backbone, run)
    if recipe.options.get("shortcuts", True) and recipe.task == "binary":
        from evenhand_healthcare.shortcuts import fit_shortcuts

        found = fit_shortcuts(splits, adapted.classes, recipe.seed, run)
        adapted = replace(adapted, baselines={**adapted.baselines, **found})
    if recipe.options.get("saliency", True) and recipe.task == "binary" and run.rank == 0:
        from evenhand_healthcare.saliency import exhibits

        adapted = replace(adapted, exhibits=exhibits(recipe, splits, adapted))
    return adapted
