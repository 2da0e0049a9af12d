"""Takes the columns in use out of a table, and refuses in one sentence what cannot be audited."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace
from numbers import Number
from typing import Any

import narwhals as nw
import polars as pl

from evenhand.auditing.table.engine_noise import panics_unheard
from evenhand.auditing.table.handover import handed_over
from evenhand.auditing.table.rows import MOST_KNOWN, Roles, Rows, collect
from evenhand.auditing.table.source import Source, numbers_from_text, unreadable
from evenhand.errors import BadInput, missing_column

LISTS = "lists or records"
HEAVIEST = 1e100  # squares of weights, and sums of them, must still be numbers
MOST_GROUPS = 1_000
MOST_CLASSES = 1_000


def take_roles(source: Source, roles: Roles) -> Rows:
    """The rows of `source` with the columns in use, checked. Raises BadInput for what cannot be audited."""
    if not roles.sensitive:
        raise BadInput("no sensitive column is named; say which groups to compare with --sensitive COLUMN")
    if roles.score is None and roles.prediction is None:
        raise BadInput("neither a score nor a prediction column is named; add --score COLUMN or --prediction COLUMN")
    try:
        columns = [name for name in source.frame.collect_schema().names() if isinstance(name, str)]
    except (Exception, pl.exceptions.PanicException) as error:
        raise unreadable(source.where, error) from error
    for _, column, option in roles.named():
        if column not in columns:
            raise missing_column(column, source.where, columns, option)
    frame = source.frame.select(nw.col(column).alias(name) for name, column, _ in roles.named())
    if source.text:
        numeric = [r for r in ("label", "prediction", "score", "weight") if getattr(roles, r) is not None]
        numeric += [f"s{i}" for i in range(len(roles.slices))]
        try:
            with panics_unheard():
                frame = numbers_from_text(frame, numeric)
        except (Exception, pl.exceptions.PanicException) as error:
            raise unreadable(source.where, error) from error
    return _look(frame, roles, source.where, source.seekable)


def _look(frame: nw.LazyFrame[Any], roles: Roles, where: str, seekable: bool) -> Rows:
    schema = frame.collect_schema()
    texts = _check_kinds(frame, schema, roles, where)
    frame = handed_over(frame, texts)
    schema = frame.collect_schema()
    floats = frozenset(name for name in schema.names() if schema[name].is_float())
    blank = Rows(frame, roles, where, {}, floats, seekable)
    facts, known = _facts(blank, schema.names())
    rows = replace(blank, facts=facts, known=known)
    _check(rows)
    return rows


def _check_kinds(frame: nw.LazyFrame[Any], schema: nw.Schema, roles: Roles, where: str) -> set[str]:
    """Single values everywhere, numbers where numbers are meant, labels of one kind. The objects that are all text."""
    texts = set()
    for name, column, option in roles.named():
        kinds = _kinds(frame, name, where) if schema[name] == nw.Object else set()
        texts |= {name} if kinds == {"text"} else set()
        if isinstance(schema[name], nw.List | nw.Struct | nw.Array) or _is_map(schema[name]) or LISTS in kinds:
            raise BadInput(
                f"column '{column}' in {where} holds {LISTS}, not single values; choose another column ({option})"
            )
        if len(kinds) > 1 and name in ("label", "prediction"):
            raise BadInput(
                f"column '{column}' in {where} mixes {' and '.join(sorted(kinds))}; write every value the same way"
                f" ({option})"
            )
    for name in ("score", "weight"):
        if name in schema.names() and not (schema[name].is_numeric() or schema[name] == nw.Boolean):
            raise not_numbers(frame, name, getattr(roles, name), where)
    return texts


def _is_map(kind: Any) -> bool:
    """A type of Arrow and Parquet; not every narwhals has it."""
    return type(kind).__name__ == "Map"


def _kinds(frame: nw.LazyFrame[Any], name: str, where: str) -> set[str]:
    """What the values of a column of Python objects are, in words; pandas alone has such columns."""
    values = collect(frame.select(name), where).get_column(name).to_list()
    found = {"text"} if str in set(map(type, values)) else set()
    for value in (v for v in values if type(v) is not str):
        if isinstance(value, list | tuple | dict | set) or not isinstance(value, Hashable):
            found.add(LISTS)
        elif isinstance(value, bool) or type(value).__name__ == "bool":
            found.add("truth values")
        elif isinstance(value, Number):
            found |= set() if value != value else {"numbers"}
        elif value is not None and type(value).__name__ not in ("NAType", "NaTType"):
            found.add("text" if isinstance(value, str) else type(value).__name__)
    return found


def _facts(rows: Rows, names: Sequence[str]) -> tuple[dict[str, Any], dict[str, pl.Series]]:
    """(how many rows, how many are missing, how many distinct, between which limits; the distinct values where few)."""
    asked: dict[str, nw.Expr] = {"rows": nw.len()}
    for name in (n for n in names if n not in _carried(rows.roles)):
        asked[f"{name} missing"] = _tally(rows.missing(name))
        if name in ("score", "weight"):
            number = nw.col(name).cast(nw.Float64)
            asked[f"{name} good"] = _tally(number.is_finite() & ~rows.missing(name))
            asked[f"{name} min"], asked[f"{name} max"] = number.min(), number.max()
        elif name != "score":
            asked[f"{name} distinct"] = nw.col(name).n_unique()
    apart = {}
    if (
        rows.frame.implementation.is_polars()
    ):  # whose count of distinct values holds the whole column, and `unique` does not
        apart = {name: asked.pop(name) for name in list(asked) if name.endswith(" distinct")}
    found = collect(rows.frame.select(**asked), rows.where)
    facts = {name: found.get_column(name).to_list()[0] for name in asked}
    known = {}
    for name in (asked.removesuffix(" distinct") for asked in apart):
        facts[f"{name} distinct"], values = _distinct(rows, name)
        if values is not None and name not in ("id", "cluster", "within"):
            known[name] = values
    return {
        k: (float(v) if k.endswith(("min", "max")) else int(v or 0)) if v is not None else 0 for k, v in facts.items()
    }, known


def _distinct(rows: Rows, name: str) -> tuple[int, pl.Series | None]:
    """(how many distinct values a column has, which they are where they are few); Polars alone."""
    each = nw.to_native(rows.frame).select(name).unique()
    first = [] if each.collect_schema()[name] == pl.Object else [pl.col(name).head(MOST_KNOWN + 1).implode()]
    found = collect(nw.from_native(each.select(pl.len().alias("\0n"), *first)), rows.where).to_polars()
    many = int(found["\0n"][0])
    return many, found[name].explode() if first and many <= MOST_KNOWN else None


def _carried(roles: Roles) -> set[str]:
    """The internal names of columns that are only carried along: nothing is asked of their values."""
    return {f"s{i}" for i in range(len(roles.slices))}


def _tally(flag: nw.Expr) -> nw.Expr:
    """How many rows the flag is true in; Spark adds up no booleans."""
    return nw.when(flag).then(nw.lit(1)).otherwise(nw.lit(0)).sum()


def _check(rows: Rows) -> None:
    roles, facts, where = rows.roles, rows.facts, rows.where
    if rows.count == 0:
        raise BadInput(f"{where} has no rows; it needs at least one prediction")
    for name, column, option in roles.named():
        if name not in {"id", "cluster", "weight", *_carried(roles)} and facts[f"{name} missing"] == rows.count:
            raise BadInput(f"column '{column}' in {where} is empty in every row; choose another column ({option})")
    if roles.score is not None:
        _check_finite(rows, "score", "mend or drop these rows")
    if roles.weight is not None:
        _check_finite(rows, "weight", "give every row a weight of 0 or more")
        if facts["weight min"] < 0:
            raise BadInput(
                f"column '{roles.weight}' in {where} has negative weights ({_first(rows, nw.col('weight') < 0)});"
                " weights are 0 or more (--weight)"
            )
        if facts["weight max"] == 0:
            raise BadInput(
                f"column '{roles.weight}' in {where} is 0 in every row; give at least some rows a weight (--weight)"
            )
        if not 1 / HEAVIEST <= facts["weight max"] <= HEAVIEST:
            raise BadInput(
                f"column '{roles.weight}' in {where} has weights up to {facts['weight max']:g}, which cannot be added"
                " up; divide them all by the same number (--weight)"
            )
    if roles.id is not None:
        _check_ids(rows)
    if roles.cluster is not None and facts["cluster missing"]:
        raise BadInput(
            f"column '{roles.cluster}' in {where} is missing in {facts['cluster missing']:,} rows; every row needs its"
            " cluster (--cluster)"
        )


def _check_finite(rows: Rows, role: str, mend: str) -> None:
    bad = rows.count - rows.facts[f"{role} good"]
    if bad:
        column = getattr(rows.roles, role)
        first = _first(rows, ~(nw.col(role).cast(nw.Float64).is_finite() & ~rows.missing(role)))
        raise BadInput(
            f"column '{column}' in {rows.where} has {bad:,} {role}s that are missing, NaN or infinite, {first}; {mend}"
            f" (--{role})"
        )


def check_probabilities(rows: Rows) -> None:
    """Scores of a classifier are probabilities."""
    low, high = rows.facts["score min"], rows.facts["score max"]
    if low < 0 or high > 1:
        first = _first(rows, (nw.col("score") < 0) | (nw.col("score") > 1))
        raise BadInput(
            f"column '{rows.roles.score}' in {rows.where} has scores outside [0, 1] (from {low:g} to {high:g},"
            f" {first}); turn them into probabilities first (--score)"
        )


def _check_ids(rows: Rows) -> None:
    if rows.facts["id missing"]:
        raise BadInput(
            f"column '{rows.roles.id}' in {rows.where} is missing in {rows.facts['id missing']:,} rows; every row needs"
            " an id (--id)"
        )
    twice = rows.count - rows.facts["id distinct"]
    if twice:
        counted = rows.frame.group_by("id").agg(nw.len().alias("n")).filter(nw.col("n") > 1).select("id")
        example = min(str(v) for v in collect(counted, rows.where).get_column("id").to_list())
        raise BadInput(
            f"column '{rows.roles.id}' in {rows.where} names {twice:,} rows twice (for example '{example}'); "
            "drop the duplicates, or if rows belong together name the column with --cluster instead (--id)"
        )


def check_finite_numbers(rows: Rows, role: str) -> None:
    """A column of a regression: numbers, missing ones allowed, infinite ones not."""
    column, kind = getattr(rows.roles, role), rows.frame.collect_schema()[role]
    if not kind.is_numeric():
        raise not_numbers(rows.frame, role, column, rows.where)
    number = nw.col(role).cast(nw.Float64)
    endless = collect(rows.frame.select(n=_tally(~number.is_finite() & ~rows.missing(role))), rows.where)
    if bad := int(endless.get_column("n").to_list()[0] or 0):
        raise BadInput(
            f"column '{column}' in {rows.where} has {bad:,} infinite values; mend or drop these rows (--{role})"
        )


def not_numbers(frame: nw.LazyFrame[Any], name: str, column: str, where: str, option: str | None = None) -> BadInput:
    """The error for a column of text where numbers are meant, with the first value that is none."""
    values = collect(frame.select(name), where).get_column(name).to_list()
    bad = [(i, v) for i, v in enumerate(values, 1) if v is not None and not _is_number(v)]
    example = f" ({len(bad):,} of them, first '{str(bad[0][1])[:40]}' in row {bad[0][0]:,})" if bad else ", but text"
    return BadInput(
        f"column '{column}' in {where} holds values that are not numbers{example}; mend them or choose another column"
        f" ({option or f'--{name}'})"
    )


def _is_number(value: Any) -> bool:
    try:
        return not math.isnan(float(value))
    except (TypeError, ValueError):
        return False


def _first(rows: Rows, wrong: nw.Expr) -> str:
    """'first in row 3' of the rows where `wrong` holds."""
    flags = collect(rows.frame.select(flag=wrong), rows.where).get_column("flag").to_list()
    return f"first in row {next((i for i, flag in enumerate(flags, 1) if flag or flag is None), 1):,}"
