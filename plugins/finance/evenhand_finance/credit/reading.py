"""Reads applications for credit-default: amounts as numbers, leaky columns refused by name, splits by the core."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenhand import BadInput, Recipe, Splits, read_splits, splits_from_rows
from evenhand_finance.credit.amounts import as_amounts, read_amounts
from evenhand_finance.credit.inputs import as_frame
from evenhand_finance.credit.leaks import refuse_leaks
from evenhand_finance.credit.samples import applicants

NO_EVIDENCE = (
    "the applicants are simulated, with bias planted against the community 'south', most against its women, and are no"
    " evidence about people"
)


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """The source's applications (None: the simulated sample), checked, with amounts as numbers.

    A role set to nothing (`--set schema.id=`) is no role: other people's tables lack the columns of the sample.
    """
    check_roles(recipe)
    empty = {role: None for role in ("id", "time", "site", "group_id", "weight") if getattr(recipe.schema, role) == ""}
    recipe = recipe.model_copy(update={"schema_": recipe.schema.model_copy(update=empty)})
    if source is None:
        splits = splits_from_rows(recipe, applicants(recipe.seed), "simulated applicants")
        splits = replace(splits, notes=(*splits.notes, NO_EVIDENCE))
    else:
        splits = read_splits(recipe, source)
    splits = with_amounts(recipe, splits)
    rows, schema = pl.concat([as_frame(splits.train), as_frame(splits.validation)]), splits.schema
    label = schema.require("label", "training")
    allowed = recipe.options.get("allow", [])
    notes = refuse_leaks(rows, defaulted(rows[label], recipe), schema.input, label, allowed)
    return replace(splits, notes=(*splits.notes, *notes))


def with_amounts(recipe: Recipe, splits: Splits) -> Splits:
    """The splits with text columns of amounts as numbers; decided by the training rows."""
    decimal = str(recipe.options.get("decimal", "."))
    found = read_amounts(as_frame(splits.train).lazy(), splits.schema.input, decimal, splits.source)
    if not found:
        return splits
    return splits.map_columns(lambda rows: {name: as_amounts(list(rows[name]), decimal) for name in found})


def prepare(recipe: Recipe, rows: pl.LazyFrame) -> pl.LazyFrame | None:
    """New rows with their amounts as numbers."""
    found = read_amounts(rows, recipe.schema.input, str(recipe.options.get("decimal", ".")), "the new rows")
    return rows.with_columns(list(found.values())) if found else None


def defaulted(label: pl.Series, recipe: Recipe) -> np.ndarray:
    """Whether each row has the positive label, which is what an applicant is declined for."""
    positive = positive_of(label.unique().to_list(), recipe)
    return np.array([str(value) == str(positive) for value in label])


def positive_of(values: list[Any], recipe: Recipe) -> Any:
    """The positive of the label's values: the schema's, else the later in sorted order."""
    return max(values, key=str) if recipe.schema.positive is None else recipe.schema.positive


def check_roles(recipe: Recipe) -> None:
    """Refuse a recipe whose declared proxies are inputs, or whose favourable decision is the one it declines."""
    for name in recipe.options.get("proxies", []):
        if name in recipe.schema.input and name not in recipe.options.get("allow", []):
            raise BadInput(
                f"'{name}' is declared a proxy (options.proxies) and an input; leave it out of schema.input, or allow"
                f" it with --set options.allow='[\"{name}\"]'"
            )
    favourable, positive = recipe.audit.favourable, recipe.schema.positive
    if favourable is not None and str(favourable) in (str(positive), "positive"):
        raise BadInput(
            f"audit.favourable is {favourable!r}, the label that credit-default declines people for; name as"
            " schema.positive what a lender wants to avoid, such as not paying back"
        )
    for name, way in recipe.options.get("monotone", {}).items():
        if way not in (-1, 0, 1):
            raise BadInput(f"options.monotone.{name} is {way!r}; it is 1 (risk grows with it), -1 (falls) or 0")
        if name not in recipe.schema.input:
            raise BadInput(
                f"options.monotone names '{name}', which is no input; inputs are {', '.join(recipe.schema.input)}"
            )
