"""Reads rows that a model has met at work: their time, what names each, what was decided, and what turned out true."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from evenhand.auditing.table.source import open_source
from evenhand.errors import BadInput, did_you_mean, missing_column
from evenhand.files import is_there
from evenhand.living.monitoring.measuring import CLASSES
from evenhand.living.monitoring.windows import KEY, TIME
from evenhand.living.sites.ground import UNKNOWN, numbered
from evenhand.scoring.new_rows import open_rows
from evenhand.scoring.scorer import Scorer

REQUEST = ("request", "row")  # what `evenhand serve` names a row by
OWN = frozenset((TIME, KEY))


@dataclass(frozen=True, slots=True)
class Log:
    """Rows as they were given, with TIME and KEY where they have a time and a name.

    scored: whether they bring what the model said; label: the column of labels among them; says: what was left out.
    """

    rows: pl.DataFrame
    where: str
    timed: bool
    named: bool
    scored: bool
    label: str | None
    says: tuple[str, ...]


def read_log(scorer: Scorer, data: Any, labels: str | None, identity: str) -> Log:
    """The rows of a file, a frame, a folder of Parquet files or of images. Raises BadInput.

    identity: the run's; what a server logged of another model is left out.
    """
    given, where = _opened(data)
    given = given if given is not None else data
    columns = open_source(given).frame.collect_schema().names() if not _is_folder(given) else []
    scored = is_scored(columns, scorer)
    readable = _is_folder(given) or all(name in columns for name in scorer.recipe.schema.input)
    try:
        if readable or not scored:
            lazy, called = open_rows(given, scorer.recipe, scorer.types, scorer.plugins)
            rows = lazy.collect()
        else:
            opened = open_source(given)
            rows, called = pl.DataFrame(pl.from_arrow(opened.frame.collect().to_arrow())), opened.where
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"{where or data} cannot be read ({str(error)[:120]}); write it again") from None
    where = where or called
    if taken := OWN & set(rows.columns):
        raise BadInput(f"{where} has a column '{sorted(taken)[0]}', a name that the monitor uses; rename it")
    rows, says = _of_this_model(rows, identity, where)
    if scorer.recipe.modality == "image" and scored:
        rows = _without_lost_images(rows, scorer.recipe.schema.input)
    label = _label_column(rows, scorer, labels, where)
    if label is not None and scorer.recipe.task in CLASSES:
        numbered(rows[label].to_list(), scorer.adapted.classes, where)  # a strange label is said before all else
    rows, timed = _with_time(rows, scorer, where)
    rows, named, twice = _with_names(rows, scorer, where, timed, label)
    if twice:
        says.append(f"{twice:,} rows were given twice and are counted once")
    return Log(rows, where, timed, named, scored, label, tuple(says))


def _of_this_model(rows: pl.DataFrame, identity: str, where: str) -> tuple[pl.DataFrame, list[str]]:
    """(what a server logged of this run, a sentence about the rest); all rows, where no server logged them."""
    if not all(name in rows.columns for name in (*REQUEST, "model")) or not rows.height:
        return rows, []
    mine = rows.filter(pl.col("model").cast(pl.String) == identity)
    if not mine.height:
        raise BadInput(f"{where} was logged by another model than this run's; name its run, or another log (--data)")
    left = rows.height - mine.height
    return mine, [f"{left:,} rows were logged by another model, and are left out"] if left else []


def _without_lost_images(rows: pl.DataFrame, inputs: Sequence[str]) -> pl.DataFrame:
    """The rows without a column of paths at which no image lies: a log keeps scores longer than images."""
    lost = [
        name
        for name in inputs
        if name in rows.columns
        and rows[name].dtype == pl.String
        and not all(path is not None and is_there(Path(path)) for path in rows[name])
    ]
    return rows.drop(lost)


def later(log: Log, scorer: Scorer, predictions: Path) -> Log:
    """The rows after the last that the run was tested on, where both tell the schema's time."""
    column = scorer.recipe.schema.time
    if not log.timed or column is None or column not in log.rows.columns:
        return log
    tested = pl.read_parquet(predictions)
    if column not in tested.columns:
        return log
    last: Any = _with_time(tested, scorer, predictions.name)[0][TIME].max()
    rows = log.rows.filter(pl.col(TIME) > last)
    if not rows.height:
        raise BadInput(
            f"no row of {log.where} is later than the run's own by '{column}' ({last:%Y-%m-%d %H:%M}); give newer rows"
            " (--data)"
        )
    past = log.rows.height - rows.height
    says = [f"{past:,} rows are not later than the run's own, and are its past"] if past else []
    return replace(log, rows=rows, says=(*log.says, *says))


def is_scored(columns: Sequence[str], scorer: Scorer) -> bool:
    """Whether rows bring what the model said, as `evenhand predict` and `evenhand serve` name it."""
    task = scorer.recipe.task
    wanted = {"regression": ["prediction"], "generate": ["prediction", "confidence"], "multilabel": ["prediction"]}
    needed = wanted.get(task, ["prediction", "score"])
    if task == "multilabel":
        needed = [*needed, *(f"score_{name}" for name in scorer.adapted.classes)]
    return all(name in columns for name in needed)


def _is_folder(data: Any) -> bool:
    return isinstance(data, str | Path) and Path(data).is_dir()


def _opened(data: Any) -> tuple[pl.DataFrame | None, str]:
    """(the rows of a folder's Parquet files, one below the other; its name); None where `data` is no such folder."""
    if not _is_folder(data):
        return None, ""
    files = sorted(path for path in Path(data).rglob("*.parquet") if not path.name.startswith("."))
    if not files:
        return None, ""
    parts = []
    for file in files:
        opened = open_source(file)  # says which file was cut off
        try:
            parts.append(opened.frame.to_native().collect())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise BadInput(f"{file} is a damaged Parquet file ({str(error)[:100]}); copy or write it again") from None
    try:
        return pl.concat(parts, how="diagonal_relaxed"), str(data)
    except pl.exceptions.PolarsError as error:
        raise BadInput(
            f"the files of {data} hold one column in different types ({str(error)[:120]}); mend them"
        ) from None


def _label_column(rows: pl.DataFrame, scorer: Scorer, labels: str | None, where: str) -> str | None:
    if labels is not None and labels not in rows.columns:
        hint = did_you_mean(labels, rows.columns)
        raise BadInput(f"column '{labels}' is not in {where}; it has: {', '.join(rows.columns)}.{hint} (--labels)")
    name = labels or scorer.recipe.schema.label
    return name if name in rows.columns else None


def _with_time(rows: pl.DataFrame, scorer: Scorer, where: str) -> tuple[pl.DataFrame, bool]:
    """The rows with their time in UTC, where a column tells it."""
    name = next((n for n in (scorer.recipe.schema.time, "time") if n and n in rows.columns), None)
    if name is None or not rows.height:
        return rows, False
    given = rows[name]
    if given.dtype == pl.String:
        given = given.str.to_datetime(time_zone="UTC", strict=False)
    elif given.dtype == pl.Date:
        given = given.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    elif isinstance(given.dtype, pl.Datetime):
        zone = given.dtype.time_zone
        given = given.dt.replace_time_zone("UTC") if zone is None else given.dt.convert_time_zone("UTC")
    elif name == scorer.recipe.schema.time:  # a number that orders rows, such as a step of a simulation
        return rows, False
    bad = given.is_null().arg_true() if isinstance(given.dtype, pl.Datetime) else pl.Series([0])
    if len(bad):
        value = str(rows[name][int(bad[0])])[:40]
        raise BadInput(
            f"column '{name}' of {where} holds '{value}' in row {int(bad[0]) + 1:,}, which is no time such as"
            " 2026-03-31 08:00:00; mend it"
        )
    return rows.with_columns(given.cast(pl.Datetime("us", "UTC")).alias(TIME)), True


def _with_names(
    rows: pl.DataFrame, scorer: Scorer, where: str, timed: bool, label: str | None
) -> tuple[pl.DataFrame, bool, int]:
    """(rows with what names each: request and row, the schema's id, or with a time all that they hold; whether they
    have one; how many were given twice and are left out)."""
    column = scorer.recipe.schema.id
    naming = REQUEST if all(name in rows.columns for name in REQUEST) else (column,) if column else ()
    if naming and naming[0] in rows.columns:
        for name in naming:
            if (gone := rows[name].is_null().arg_true()).len():
                raise BadInput(f"column '{name}' of {where} is empty in row {gone[0] + 1:,}, and names rows; fill it")
        keys = ["/".join(map(str, row)) for row in rows.select(naming).iter_rows()]
    elif timed:
        keys = contents(rows, label)
    else:
        return rows, False, 0
    rows = rows.with_columns(pl.Series(KEY, keys, dtype=pl.String))
    once = rows.unique(KEY, keep="first", maintain_order=True)
    return once, True, rows.height - once.height


def contents(rows: pl.DataFrame, label: str | None) -> list[str]:
    """A digest of each row without its label; equal rows are told apart by their order."""
    seen: Counter[str] = Counter()
    found = []
    for row in rows.drop([label] if label else []).iter_rows():
        content = hashlib.sha256(repr(row).encode()).hexdigest()[:24]
        found.append(f"{content}-{seen[content]}")
        seen[content] += 1
    return found


LABELS: dict[str, pl.DataType] = {KEY: pl.String(), "label": pl.Int64(), "known": pl.Datetime("us", "UTC")}


def labels_of(rows: pl.DataFrame, label: str | None, classes: Sequence[Any], where: str) -> pl.DataFrame:
    """KEY, label (a class number) and known (when; null where nobody says) of the rows that have a label."""
    if label is None or not classes:
        return pl.DataFrame(schema=LABELS)
    numbers = numbered(rows[label].to_list(), classes, where)
    known = pl.lit(None, dtype=LABELS["known"]).alias("known")
    found = rows.select(KEY, pl.Series("label", numbers), known)
    return found.filter(pl.col("label") != UNKNOWN)


def late_labels(scorer: Scorer, file: Any, labels: str | None) -> pl.DataFrame:
    """The same from a file of labels alone, which names each row by `request` and `row`, or by the schema's id.

    A column `time` says when each label came to be known.
    """
    opened = open_source(file)
    try:
        rows = pl.DataFrame(pl.from_arrow(opened.frame.collect().to_arrow()))
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"{file} cannot be read ({str(error)[:120]}); write it again") from None
    where, schema = opened.where, scorer.recipe.schema
    name = next((n for n in (labels, schema.label, "label") if n and n in rows.columns), None)
    if name is None:
        raise missing_column(labels or schema.label or "label", where, rows.columns, option="--labels")
    if not all(part in rows.columns for part in REQUEST) and (schema.id is None or schema.id not in rows.columns):
        what = f"'request' and 'row'{f', or {schema.id!r}' if schema.id else ''}"
        raise BadInput(f"{where} does not say which row each label is of; give the columns {what} (--labels-late)")
    rows, timed = _with_time(rows, scorer, where)
    rows, _, _ = _with_names(rows, scorer, where, False, name)
    found = labels_of(rows, name, scorer.adapted.classes, where)
    return found.drop("known").join(rows.select(KEY, pl.col(TIME).alias("known")), on=KEY) if timed else found
