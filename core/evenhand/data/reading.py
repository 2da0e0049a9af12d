"""Reads a source into Arrow rows: one table, or one for each official split. Roles and splitting come later."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evenhand.auditing.table.source import numbers_from_text, open_source, unreadable
from evenhand.data import fingerprint
from evenhand.data.image_folders import class_folders, image_column, image_path, inside, is_there
from evenhand.errors import BadInput
from evenhand.files import digest
from evenhand.schema import Schema

if TYPE_CHECKING:
    import polars as pl
    from datasets import Dataset

TABLES = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson")
PARTS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "devtest": "test",
}
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
LONGEST_LINE = 16 << 20  # bytes

Parts = dict[str, "Dataset"]  # "all" for an undivided table, else "train" and perhaps "validation" and "test"


class Piece(NamedTuple):
    """The rows of one file and the split they belong to. `text`: no column was understood yet (CSV)."""

    part: str
    name: str
    frame: pl.DataFrame
    text: bool = False


def read(source: Path | str, schema: Schema, modality: str, unfound: list[str] | None = None) -> tuple[Parts, str]:
    """(rows by part, sha256 of the source's content). Raises BadInput for anything that is no table of rows.

    unfound: a list that takes the names of images that are not there, whose rows are left out; None: they are refused.
    """
    path = Path(source)
    try:
        there = path.exists() and bool(str(source))
    except OSError as error:
        raise BadInput(f"{str(source)[:200]} cannot be looked up: {error.strerror}; check the path (--data)") from None
    if not there:
        if isinstance(source, str) and HUB_NAME.fullmatch(source) and not source.lower().endswith(TABLES):
            return _from_hub(source)
        raise BadInput(f"'{source}' does not exist; check the path (--data)")
    if path.is_dir():
        return joined(list(_from_folder(path, schema, modality, unfound)), schema, modality), digest(path)
    if not path.is_file():
        raise BadInput(f"{path} is neither a file nor a folder; give a CSV, Parquet or JSON-lines file")
    piece = _piece("all", path, schema, modality, unfound)
    column = image_column(piece.frame, schema) if modality == "image" else None
    named = list(piece.frame[column]) if column else []
    return joined([piece], schema, modality), fingerprint.of_files(path, named) if named else digest(path)


def to_rows(columns: dict[str, list[Any]] | pl.DataFrame) -> Dataset:
    """Arrow rows in memory from columns; nothing is written anywhere. Structs of bytes and path become images."""
    import polars as pl
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()  # progress is the run's to show
    frame = columns if isinstance(columns, pl.DataFrame) else pl.DataFrame(columns, strict=False)
    rows = Dataset(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Struct) and {field.name for field in kind.fields} == {"bytes", "path"}:
            rows = _as_images(rows, name)
    return rows


def values_of(rows: Dataset, name: str) -> list[Any]:
    """All values of one column at once; images stay encoded. (`rows[name][i]` looks each row up anew.)"""
    table: Any = rows.select_columns([name]).with_format("arrow")[:]
    return list(table[name].to_pylist())


def joined(pieces: list[Piece], schema: Schema, modality: str) -> Parts:
    """The pieces as rows by part, every column of one type throughout; what not all parts have is left out.

    A group_id column that only some parts have stays, empty in the others: an official test may not tell its groups.
    """
    import polars as pl

    if not all(piece.text for piece in pieces):
        pieces = [
            piece._replace(frame=_understood(piece.frame, schema, modality)) if piece.text else piece
            for piece in pieces
        ]
    for piece in pieces:
        first = next(other for other in pieces if other.part == piece.part)
        strange = sorted(set(piece.frame.columns) ^ set(first.frame.columns))
        if strange:
            raise BadInput(
                f"{piece.name} and {first.name} differ in their columns ('{strange[0]}' is in one only); write the"
                " shards of a split alike"
            )
    every = dict.fromkeys(name for piece in pieces for name in piece.frame.columns)
    columns = [
        name for name in every if name == schema.group_id or all(name in piece.frame.columns for piece in pieces)
    ]
    frames = [piece.frame.select(c for c in columns if c in piece.frame.columns) for piece in pieces]
    try:
        whole = pl.concat(frames, how="diagonal_relaxed").select(columns)
    except pl.exceptions.PolarsError as error:
        names = " and ".join(sorted({piece.name for piece in pieces})[:4])
        raise unreadable(names, error) from None
    rows = to_rows(_understood(whole, schema, modality) if all(piece.text for piece in pieces) else whole)
    if modality == "image":
        column = image_column(whole, schema)
        rows = _as_images(rows, column) if column else rows
    return _by_part(rows, [(piece.part, piece.frame.height) for piece in pieces])


def _by_part(rows: Dataset, lengths: list[tuple[str, int]]) -> Parts:
    index: dict[str, list[int]] = {}
    start = 0
    for part, length in lengths:
        index.setdefault(part, []).extend(range(start, start + length))
        start += length
    return {part: rows.select(found) for part, found in index.items()}


def _understood(frame: pl.DataFrame, schema: Schema, modality: str) -> pl.DataFrame:
    """A CSV's text columns as numbers where every value is one; texts, file names and names of rows stay text."""
    import narwhals as nw
    import polars as pl

    kept = {schema.id, schema.group_id, *(schema.input if modality != "table" else ())}
    lazy: Any = numbers_from_text(
        nw.from_native(frame.lazy()), [c for c, kind in frame.schema.items() if c not in kept and kind == pl.String]
    )
    understood: pl.DataFrame = lazy.to_native().collect()
    return understood


def _from_folder(folder: Path, schema: Schema, modality: str, unfound: list[str] | None = None) -> Iterator[Piece]:
    """A folder of one table, of a table (or shards) per split, of images with a metadata table, or of class folders."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.suffix.lower() in TABLES)
    named = [(PARTS.get(re.split(r"[-_.]", file.stem.lower())[0], ""), file) for file in files]
    if any(part == "train" for part, _ in named):
        for part, file in named:
            if part:
                yield _piece(part, file, schema, modality, unfound)
        return
    metadata = [file for file in files if file.stem.lower() == "metadata"]
    chosen = metadata if len(metadata) == 1 else files
    if len(chosen) == 1:
        yield _piece("all", chosen[0], schema, modality, unfound)
    elif files:
        names = ", ".join(file.name for file in files[:5])
        raise BadInput(
            f"{folder} holds several tables ({names}) and none is called train; name one file with --data, or call them"
            " train and test"
        )
    elif modality == "image":
        yield from _image_folders(folder, schema)
    else:
        raise BadInput(
            f"{folder} holds no table; put CSV, Parquet or JSON-lines files there, such as train.csv and test.csv"
        )


def _piece(part: str, file: Path, schema: Schema, modality: str, unfound: list[str] | None = None) -> Piece:
    """The rows of one file; in an image recipe the file names become paths, checked to lie in the file's folder."""
    import polars as pl

    if file.suffix.lower() == ".json":
        raise BadInput(f"{file} is JSON; write one object per line and call it {file.stem}.jsonl")
    _refuse_endless_lines(file)
    source = open_source(file)
    try:
        native: Any = source.frame.to_native()
        frame: pl.DataFrame = native.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        if source.text:
            _refuse_ragged(file)
        raise unreadable(str(file), error) from None
    if source.text and frame.width > 1:
        if frame[:, -1].null_count():  # a line that is too short looks like one whose last values are missing
            _refuse_ragged(file)
        frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))  # empty lines
    if frame.height == 0:
        raise BadInput(f"{file} has no rows; it needs at least a few dozen to learn from")
    column = image_column(frame, schema) if modality == "image" else None
    if column:
        if unfound is not None:
            there = [bool(name) and is_there(file.parent, name, file) for name in frame[column]]
            unfound += [str(name or "") for name, found in zip(frame[column], there, strict=True) if not found]
            frame = frame.filter(pl.Series(there))
        paths = [image_path(file.parent, name, file) for name in frame[column]]
        frame = frame.with_columns(pl.Series(column, paths, dtype=pl.String))
    return Piece(part, str(file), frame, source.text)


def _refuse_endless_lines(file: Path) -> None:
    """Raise BadInput for a text file with a line that no table has, before anything reads that line whole."""
    length = 0
    with file.open("rb") as content:
        if content.read(4) == b"PAR1":
            return
        while block := content.read(1 << 20):
            last = block.rfind(b"\n")
            length = length + len(block) if last < 0 else len(block) - last
            if length > LONGEST_LINE:
                raise BadInput(
                    f"{file} has a line of more than {LONGEST_LINE >> 20} MB, so it is no table with one row per line;"
                    " write it again"
                )


def _refuse_ragged(file: Path) -> None:
    """Raise BadInput naming the first row of a CSV that has not as many values as its header."""
    import pyarrow as pa
    import pyarrow.csv

    with file.open(encoding="utf-8", errors="replace") as text:
        delimiter = max(",;\t|", key=text.readline().count)
    wrong: list[Any] = []

    def note(row: Any) -> str:
        wrong.append(row)
        return "skip" if len(wrong) == 1 else "error"

    try:
        reader = pyarrow.csv.open_csv(
            file,
            pyarrow.csv.ReadOptions(use_threads=False, autogenerate_column_names=True),
            pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note),
            pyarrow.csv.ConvertOptions(include_columns=["f0"], column_types={"f0": pa.binary()}),
        )
        for _ in reader:
            pass
    except pa.ArrowInvalid:
        pass  # what was noted so far is what is told
    if wrong:
        row = wrong[0]
        raise BadInput(
            f"row {row.number} of {file} does not fit its header (row 1): {row.actual_columns} against"
            f" {row.expected_columns} values; mend that row, or quote values that hold a '{delimiter}'"
        )


def _as_images(rows: Dataset, column: str) -> Dataset:
    from datasets import Image

    return rows.cast_column(column, Image())


def _image_folders(folder: Path, schema: Schema) -> Iterator[Piece]:
    """Images in one folder per class, perhaps below one folder per split; the class folder's name is the label."""
    parts = {
        sub: PARTS[sub.name.lower()] for sub in sorted(folder.iterdir()) if sub.name.lower() in PARTS and sub.is_dir()
    }
    if "train" in parts.values():
        for sub, part in parts.items():
            for piece in _from_folder(sub, schema, "image") if inside(sub, folder) else ():
                yield piece._replace(part=part)
        return
    yield Piece("all", str(folder), class_folders(folder, schema))


def _from_hub(name: str) -> tuple[Parts, str]:
    """A data set of the Hugging Face hub by its name; its fingerprint is that of its Arrow content."""
    from datasets import disable_progress_bars, load_dataset
    from huggingface_hub import HfApi, is_offline_mode

    if is_offline_mode() or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise BadInput(f"{name} is no file here and HF_HUB_OFFLINE is set; give a path, or unset it to ask the hub")
    disable_progress_bars()
    try:
        HfApi().dataset_info(name, timeout=30)  # says at once what load_dataset would retry for half a minute
        found = load_dataset(name)
    except Exception as error:
        why = " ".join(str(error).split())[:200].rstrip(".")
        raise BadInput(
            f"{name} is no file here and the hub does not give it ({why}); check the name, or give a path"
        ) from None
    if len(found) == 1:
        parts = {"all": next(iter(found.values()))}
    else:
        parts = {PARTS[part]: rows for part, rows in found.items() if part in PARTS}
    if not {"all", "train"} & set(parts):
        raise BadInput(f"{name} has no train split; it has: {', '.join(found)}; save the one to use as a file")
    return parts, fingerprint.of_rows(parts)
