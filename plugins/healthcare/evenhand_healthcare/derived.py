"""Records whose label and groups are made from other columns, by rules that are written down and never guess.

A `Rules` says how: the same expressions make the columns of a run's splits and those of new rows (`prepare_rows`),
where every column of a CSV is still text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from evenhand import BadInput, Recipe, Schema, Splits, read_splits, splits_from_rows

EMPTY = ("", "?", "NA", "N/A", "nan", "NULL", "null")  # what files write where a cell is empty
DOMAIN, HOME, NEW = "domain", "home", "new"  # the made column that tells new sites from those of training


@dataclass(frozen=True, slots=True)
class Rules:
    """How one recipe's columns are made.

    raw_label: the source's column that the label is made from. columns: (recipe, names that are there) -> the
    expressions. numbers: input columns that hold numbers. new: the option that names the sites which are only tested.
    """

    raw_label: str
    label: str
    columns: Callable[[Recipe, Sequence[str]], list[pl.Expr]]
    numbers: tuple[str, ...]
    new: str


def text(column: str) -> pl.Expr:
    """A column as text without blanks around it; null where the cell is empty or says so."""
    stripped = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.when(stripped.is_in(EMPTY)).then(None).otherwise(stripped)


def number(column: str) -> pl.Expr:
    """A column as numbers, null where there is none."""
    return text(column).cast(pl.Float64, strict=False)


def code(column: str) -> pl.Expr:
    """Whole numbers that stand for names, as text: 3.0 and "3" are one code."""
    return number(column).cast(pl.Int64, strict=False).cast(pl.String)


def band(value: pl.Expr, edges: Sequence[int]) -> pl.Expr:
    """Numbers as groups named "under 45", "45 to 54", "65 and over"; "unknown" where there is none."""
    inner = [f"{low} to {high - 1}" for low, high in pairwise(edges)]
    names = [f"under {edges[0]}", *inner, f"{edges[-1]} and over"]
    found = value.cut(list(edges), labels=names, left_closed=True).cast(pl.String)
    return pl.when(value.is_not_null() & value.is_not_nan()).then(found).otherwise(pl.lit("unknown"))


def load(recipe: Recipe, source: Path | str | None, rules: Rules, sample: pl.DataFrame, says: str) -> Splits:
    """The source's records (None: the simulated sample) with every made column, and new sites in the test alone."""
    if source is None:
        bare = _bare(recipe, rules, sample.columns)
        splits = _made(splits_from_rows(bare, _lists(sample), says), recipe, rules)
        splits = replace(splits, notes=(f"{says}; it shows how the recipe works, and nothing else", *splits.notes))
    else:
        splits = _made(read_splits(_bare(recipe, rules, _header(source)), source), recipe, rules)
    return _new_apart(splits, recipe, rules)


def prepare(recipe: Recipe, rows: pl.LazyFrame, rules: Rules) -> pl.LazyFrame:
    """New rows with the same columns made; what cannot be read stays text, which the core refuses with its row."""
    names = rows.collect_schema().names()
    kept = [text(name).alias(name) for name in rules.numbers if name in names]
    return rows.with_columns(kept).with_columns(rules.columns(recipe, names))


def _bare(recipe: Recipe, rules: Rules, header: Sequence[str] | None) -> Recipe:
    """The recipe with the roles that the source itself can fill; the others come once the columns are made."""
    roles = recipe.schema
    given = roles.label if header is not None and roles.label in header else None
    if given is None and roles.label != rules.label:
        given = roles.label  # another label that the user named: the core says where it is missing
    bare = Schema(
        label=given or rules.raw_label,
        positive=roles.positive if given else None,
        **{role: getattr(roles, role) for role in ("group_id", "id", "time", "weight", "split")},
    )
    task = recipe.task if given else "multiclass"
    return recipe.model_copy(update={"schema_": bare, "task": task})


def _header(source: Path | str) -> list[str] | None:
    """The column names of a file; None where the source is none."""
    path = Path(source)
    if not path.is_file():
        return None
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return list(pl.read_parquet_schema(path))
        if path.suffix.lower() in (".jsonl", ".ndjson"):
            return pl.scan_ndjson(path).collect_schema().names()
        with path.open(encoding="utf-8", errors="replace") as lines:
            first = lines.readline(1 << 20).strip("\ufeff\r\n")
    except (OSError, pl.exceptions.PolarsError):
        return None  # the core's reader says what is wrong
    return [name.strip().strip('"') for name in first.split(max(",;\t|", key=first.count))]


def _made(splits: Splits, recipe: Recipe, rules: Rules) -> Splits:
    """The splits with every column that the rules make, and the recipe's roles as far as the source can fill them."""
    site, new = recipe.schema.site, _new(recipe, rules)

    def columns(rows: Any) -> dict[str, list[Any]]:
        frame = pl.DataFrame(rows.with_format("arrow")[:])
        numbers = [name for name in rules.numbers if name in frame.columns]
        _check_numbers(frame, numbers, splits.source)
        frame = frame.with_columns(number(name).alias(name) for name in numbers)
        made = frame.with_columns(rules.columns(recipe, frame.columns))
        if site in frame.columns:
            where = pl.col(site).cast(pl.String).is_in(sorted(new))
            made = made.with_columns(pl.when(where).then(pl.lit(NEW)).otherwise(pl.lit(HOME)).alias(DOMAIN))
        changed = [name for name in made.columns if name not in frame.columns or name in _roles(recipe)]
        return _lists(made.select(changed))

    made = splits.map_columns(columns)
    present = set(made.train.column_names)
    lacking = [name for name in (*recipe.schema.sensitive, site) if name and name not in present]
    kept = tuple(name for name in recipe.schema.sensitive if name in present)
    schema = recipe.schema.model_copy(update={"sensitive": kept, "site": site if site in present else None})
    notes = (*splits.notes, *(f"the source has no '{name}', and nothing to make it from" for name in lacking))
    return replace(made.with_schema(schema), notes=notes)


def _new(recipe: Recipe, rules: Rules) -> set[str]:
    """The sites that are tested and never trained on, as text."""
    named = recipe.options.get(rules.new, ())
    return {str(value) for value in ((named,) if isinstance(named, str | int) else named)}


def _roles(recipe: Recipe) -> set[str]:
    return {*recipe.schema.input, *recipe.schema.sensitive}


def _check_numbers(frame: pl.DataFrame, columns: Sequence[str], source: str) -> None:
    for name in columns:
        bad = frame.select(text(name).filter(number(name).is_null() & text(name).is_not_null())).to_series()
        if len(bad):
            raise BadInput(
                f"column '{name}' of {source} holds '{str(bad[0])[:40]}', and numbers belong there; mend it, or leave"
                f" the cell empty or '?' where nothing was measured"
            )


def _new_apart(splits: Splits, recipe: Recipe, rules: Rules) -> Splits:
    """Rows of new sites leave train and validation; what the test has of them stays."""
    site, new = splits.schema.site, _new(recipe, rules)
    if site is None or not new:
        return splits
    every = (splits.train, splits.validation, splits.test)
    there = {str(value) for part in every for value in part[site]}
    home = [part.select([i for i, value in enumerate(part[DOMAIN]) if value == HOME]) for part in every[:2]]
    if not all(len(part) for part in home):
        raise BadInput(
            f"options.{rules.new} leaves no row of {splits.source} to train on or to choose by; it names"
            f" {', '.join(sorted(new))}, and '{site}' has {', '.join(sorted(there)[:20])}: name fewer"
        )
    left = sum(len(part) for part in every[:2]) - sum(len(part) for part in home)
    note = f"none of them is in '{site}'" if not new & there else f"{left} rows left out of training"
    names = ", ".join(sorted(new))
    notes = (*splits.notes, f"new places that the model is tested on and never trained on ({names}): {note}")
    return replace(splits, train=home[0], validation=home[1], notes=notes)


def _lists(frame: pl.DataFrame) -> dict[str, list[Any]]:
    return {name: frame[name].to_list() for name in frame.columns}
