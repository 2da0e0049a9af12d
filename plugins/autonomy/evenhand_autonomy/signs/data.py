"""Reads sign pictures for traffic-sign: the sample, GTSRB in its own or in Parquet form, or any table or image folder.

A physical sign is photographed many times while the vehicle passes; those rows are one track, which stays on one side
of a split and is one cluster of the audit. GTSRB numbers tracks within a class, so a sign is a class and a track.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import BadInput, Recipe, Schema, Splits, read_splits, splits_from_rows
from evenhand_autonomy.signs.benchmark import annotation_files, read_annotations
from evenhand_autonomy.signs.pictures import stacked, stored
from evenhand_autonomy.signs.samples import sign_photographs
from evenhand_autonomy.signs.slices import slice_columns
from evenhand_autonomy.simulator.classes import CLASSES, NAMES

COMPUTED = ("sign_family", "brightness", "contrast", "sharpness", "sign_size")
KNOWN_TRUTH = ("weather", "time_of_day", "road_type")  # the simulator's, or metadata that the data brings
SIGN = "sign"


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """The source's signs (None: the simulated sample) with the slice columns; slices that it lacks are left out."""
    wanted = recipe.schema.sensitive
    own = _own_form(recipe, source)
    if own is not None:
        table, named = own
        roles: dict[str, Any] = {"sensitive": ()}
        for role, column in (("group_id", SIGN), ("split", "split")):
            if getattr(recipe.schema, role) is None and column in table and any(table[column]):
                roles[role] = column
        bare = recipe.model_copy(update={"schema_": recipe.schema.model_copy(update=roles)})
        splits = splits_from_rows(bare, table, named)
    else:
        assert source is not None
        bare = recipe.model_copy(update={"schema_": recipe.schema.model_copy(update={"sensitive": ()})})
        splits = read_splits(bare, source)
    label = str(splits.schema.label)
    check_classes([value for part in (splits.train, splits.validation, splits.test) for value in part[label]], source)
    splits = splits.map_columns(lambda rows: {label: [int(value) for value in rows[label]]})
    computed = (*wanted, *recipe.audit.slices)
    splits = splits.map_columns(lambda rows: _slices(rows, splits.schema, computed))
    return _with_slices(splits, wanted)


def _with_slices(splits: Splits, wanted: tuple[str, ...]) -> Splits:
    """The splits audited by those slices of `wanted` that the rows have more than one value of; the rest is noted."""
    from dataclasses import replace

    there = splits.test.column_names
    kept = [name for name in wanted if name in there and len(set(splits.test[name])) > 1]
    absent = [name for name in wanted if name not in there and name in KNOWN_TRUTH]
    strange = [name for name in wanted if name not in there and name not in KNOWN_TRUTH]
    notes = list(splits.notes)
    if strange:
        splits.with_schema(splits.schema.model_copy(update={"sensitive": tuple(strange)}))  # raises, naming it
    if absent:
        notes.append(
            f"the data does not tell {', '.join(absent)}, so whether signs are seen alike there cannot be known"
        )
    for name in wanted:
        if name in there and name not in kept:
            (only,) = set(splits.test[name]) or {"nothing"}
            notes.append(f"every test picture has {name} = {only}, so nothing can be compared by it")
    return replace(splits.with_schema(splits.schema.model_copy(update={"sensitive": tuple(kept)})), notes=tuple(notes))


def check_classes(values: list[Any], source: Any) -> None:
    """Raise BadInput for a class that is none of the 43."""
    for value in values:
        if not is_class(value):
            raise BadInput(
                f"{source or 'the sample'} has the class id {value!r}, which is none of GTSRB's {CLASSES} (whole"
                f" numbers, 0 = {NAMES[0]} to {CLASSES - 1} = {NAMES[-1]}); map or drop those rows, or name the label"
                " column with --set schema.label=COLUMN"
            )


def is_class(value: Any) -> bool:
    """Whether the value, a number or its text, is one of the 43 class ids."""
    try:
        return not isinstance(value, bool) and float(value) == int(float(value)) and 0 <= int(float(value)) < CLASSES
    except (TypeError, ValueError, OverflowError):
        return False


def _slices(rows: Any, schema: Schema, wanted: tuple[str, ...]) -> dict[str, list[str]]:
    """Those computed columns that are wanted and that the rows do not bring."""
    missing = [name for name in COMPUTED if name in wanted and name not in rows.column_names]
    if not missing:
        return {}
    values = stored(rows, schema.require("input", "reading sign pictures"))
    made = slice_columns(stacked(values), rows[schema.label], _sizes(rows, values))
    return {name: made[name] for name in missing}


def _sizes(rows: Any, values: list[Any]) -> list[int]:
    """The longer side of each picture as the camera gave it: its width and height columns, else its own size."""
    if {"width", "height"} <= set(rows.column_names):
        return [max(int(w), int(h)) for w, h in zip(rows["width"], rows["height"], strict=True)]
    import io

    from PIL import Image

    found = []
    for value in values:
        content = value.get("bytes") if isinstance(value, dict) else value if isinstance(value, bytes) else None
        path = value.get("path") if isinstance(value, dict) else value
        with Image.open(io.BytesIO(content) if content is not None else Path(path)) as picture:
            found.append(max(picture.size))
    return found


def _own_form(recipe: Recipe, source: Path | str | None) -> tuple[dict[str, list[Any]] | Any, str] | None:
    """(rows, what to call them) of the sample and of GTSRB's own forms; None for anything else."""
    if source is None:
        return sign_photographs(recipe.seed), "simulated sign photographs of another camera"
    path = Path(source)
    if not path.is_dir():
        return None
    files = annotation_files(path)
    if files:
        return read_annotations(path, files), str(path)
    tables = sorted(path.glob("*.parquet"))
    return (_parquet(tables), str(path)) if tables else None


def _parquet(tables: list[Path]) -> Any:
    """GTSRB's pictures from Parquet files named by split, each row with its physical sign where the track is told."""
    import polars as pl

    frames = []
    for table in tables:
        try:
            frame = pl.read_parquet(table)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise BadInput(f"{table} cannot be read as Parquet ({type(error).__name__}); write it again") from None
        if frame.height == 0:
            raise BadInput(f"{table} has no rows; fill it in, or remove the file")
        first = table.stem.lower().replace("_", "-").split("-")[0]
        split = "test" if "test" in first else "validation" if first.startswith("val") else "train"
        frames.append(frame.with_columns(pl.lit(split).alias("split")) if "split" not in frame.columns else frame)
    whole = pl.concat(frames, how="diagonal_relaxed")
    if {"class_id", "track"} <= set(whole.columns) and SIGN not in whole.columns:
        named = pl.format("{} {}", pl.col("class_id"), pl.col("track"))
        whole = whole.with_columns(pl.when(pl.col("track").is_not_null()).then(named).alias(SIGN))
    return {name: whole[name].to_list() for name in whole.columns}
