"""The old rows of a run and the newer ones, each divided by the recipe's rule; a row of the old is not among the new.

A run that was updated before has several old periods. They are read again in their order, as they were read then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.data import fingerprint
from evenhand.data.reading import values_of
from evenhand.data.splitting import moments
from evenhand.errors import BadInput
from evenhand.extending.discovering import Plugins
from evenhand.recipe import Recipe
from evenhand.recorded.finished import FinishedRun
from evenhand.values import Splits

if TYPE_CHECKING:
    from datasets import Dataset

SAMPLE = "the recipe's sample"
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Periods:
    """Both sides of an update, of one schema. earlier: where the old rows come from, the first period first."""

    old: Splits
    new: Splits
    earlier: tuple[dict[str, Any], ...]

    @property
    def both(self) -> Splits:
        """All rows to learn from and to choose by, the old first; the new period's test rows."""
        joined = {part: together(getattr(self.old, part), getattr(self.new, part)) for part in PARTS[:2]}
        return replace(self.new, **joined)


def earlier_of(found: FinishedRun) -> list[dict[str, Any]]:
    """The periods that a finished run, or an update of one, has learnt from, and how each was divided."""
    inputs = found.manifest.get("inputs", {})
    walk = found.manifest["walk"]["name"]
    if walk not in ("run", "update") or not isinstance(inputs.get("sha256"), str):
        raise BadInput(f"{found.path} was left by `{walk[:40]}`; only a run, or an update of one, can be updated")
    own = {"source": inputs.get("source"), "sha256": inputs["sha256"], "by": inputs.get("by")}
    return [*inputs.get("earlier", []), own]


def timely(recipe: Recipe) -> Recipe:
    """The recipe as it divides newer rows: in time, where the schema has a time and the recipe names no other rule."""
    by_time = recipe.schema.time is not None and recipe.split.by is None and recipe.schema.split is None
    return recipe.with_settings(["split.by=time"], "update") if by_time else recipe


def read_periods(
    recipe: Recipe, found: FinishedRun, data: str | Path, source: str | Path | None, plugins: Plugins
) -> Periods:
    """The run's rows, read again, and those of `data`. source: where the run's first data has moved.

    Raises BadInput where the old rows are not at hand, or the new ones cannot follow them.
    """
    earlier = earlier_of(found)
    old: Splits | None = None
    for number, period in enumerate(earlier):
        named = source if source is not None and number == 0 else period["source"]
        one = _again(recipe, period, named, found.path, plugins)
        old = one if old is None else _joined(old, _newer(recipe, old, one))
    assert old is not None
    path = Path(data)
    if not path.exists() and not (isinstance(data, str) and "/" in data):
        raise BadInput(f"{data} is not there; name the file of newer rows (--data)")
    new = plugins.first(timely(recipe), "load_data", recipe=timely(recipe), source=path if path.exists() else data)
    if new.fingerprint in {period["sha256"] for period in earlier}:
        raise BadInput(
            f"{data} holds the very rows that {found.path} has learnt from (sha256 {new.fingerprint[:12]}…); name newer"
            " ones (--data)"
        )
    new = _newer(recipe, old, new)
    _check_labels(recipe, old, new)
    return Periods(old, new, tuple(earlier))


def _again(recipe: Recipe, period: dict[str, Any], named: Any, run: Path, plugins: Plugins) -> Splits:
    """The rows of a period, which must be those of then."""
    where: Path | str | None = None if named == SAMPLE else named
    if (where is not None and Path(where).exists()) or (isinstance(where, str | Path) and "/" not in str(where)):
        where = Path(where)
    if (isinstance(where, Path) and not where.exists()) or (isinstance(where, str) and Path(where).is_absolute()):
        raise BadInput(f"the data of {run} ({named}) is not there any more; name it with --source")
    asked = timely(recipe) if period.get("by") == "time" else recipe
    splits: Splits = plugins.first(asked, "load_data", recipe=asked, source=where)
    if splits.fingerprint != period["sha256"]:
        raise BadInput(f"{named} is not the data that {run} has learnt from, or has changed; name that with --source")
    return splits


def _newer(recipe: Recipe, old: Splits, new: Splits) -> Splits:
    """The new splits without rows that the old ones have: by time, else by id, else by what the model reads."""
    notes = list(new.notes)
    schema = new.schema
    if old.schema.input != schema.input or old.schema.label != schema.label:
        raise BadInput(f"{new.source} has other inputs or another label than the run; give rows of the same columns")
    if schema.time and old.schema.time:
        last = max(float(times(getattr(old, part), schema.time, old.source).max()) for part in PARTS)
        kept = {p: times(getattr(new, p), schema.time, new.source) > last for p in PARTS}
        why = f"not after the last of the run's (by '{schema.time}')"
        if not any(keep.any() for keep in kept.values()):
            raise BadInput(
                f"no row of {new.source} is later than the run's own data by '{schema.time}': it is older or of the"
                " same time; name newer rows (--data)"
            )
    else:
        columns = [schema.id] if schema.id and old.schema.id else [*schema.input, str(schema.label)]
        seen = {row for part in PARTS for row in fingerprint.inputs(getattr(old, part), columns)}
        kept = {p: np.array([r not in seen for r in fingerprint.inputs(getattr(new, p), columns)], bool) for p in PARTS}
        why = "already among the run's rows"
        notes.append("no column tells a time, so that these rows are newer is your word")
    gone = sum(int((~keep).sum()) for keep in kept.values())
    if gone:
        notes.append(f"left out of the new rows, being {why}: {gone:,}")
    found = {part: getattr(new, part).select(np.flatnonzero(kept[part])) for part in PARTS}
    empty = next((part for part in PARTS if not len(found[part])), None)
    if empty:
        raise BadInput(
            f"{new.source} leaves no {empty} row that is newer: {gone:,} of its rows are {why}; give more newer rows"
        )
    return replace(new, **found, notes=tuple(notes))


def times(rows: Dataset, column: str, where: str) -> np.ndarray:
    """The times of rows as numbers of one unit, [rows]: microseconds, or the numbers that stand there."""
    import polars as pl

    values = values_of(rows, column)
    series = pl.Series(values, strict=False)
    if series.dtype.is_temporal() and not series.null_count():
        return series.cast(pl.Datetime("us")).to_physical().to_numpy()
    return moments(values, column, where)


def _joined(old: Splits, new: Splits) -> Splits:
    parts = {part: together(getattr(old, part), getattr(new, part)) for part in PARTS}
    return replace(old, **parts, source=f"{old.source} and {new.source}")


def together(first: Dataset, second: Dataset) -> Dataset:
    """The rows of both, in the columns that both have and the types of the first; BadInput where those differ."""
    from datasets import concatenate_datasets

    shared = [name for name in first.column_names if name in second.column_names]
    first, second = first.select_columns(shared), second.select_columns(shared)
    try:
        if second.features != first.features:
            second = second.cast(first.features)
        return concatenate_datasets([first, second])
    except (ValueError, TypeError, NotImplementedError) as error:
        why = " ".join(str(error).split())[:200]
        raise BadInput(f"the newer rows hold other types than the run's ({why}); write the columns alike") from None


def _check_labels(recipe: Recipe, old: Splits, new: Splits) -> None:
    label = new.schema.require("label", "updating")
    known = {str(value) for value in values_of(old.train, label)}
    found = {str(value) for part in PARTS for value in values_of(getattr(new, part), label)}
    if strange := sorted(found - known):
        raise BadInput(
            f"{new.source} has the label '{strange[0][:40]}', which the model does not know; leave those rows out, or"
            " run the recipe again on all rows"
        )
    if len({str(value) for value in values_of(new.train, label)}) < 2:
        raise BadInput(
            f"the newer rows to learn from have one class alone in '{label}' of {new.source}; give more rows"
        )
