"""Opens what is to be audited: a file (CSV, Parquet, JSON lines) or any frame narwhals knows. Nothing is counted
here."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from evenhand.errors import BadInput
from evenhand.files import is_there

HEAD = 4 << 20  # bytes that must hold at least one line: a table has lines, and they are shorter than this
BLANK_END = 1 << 16  # bytes in which blank lines at the end are looked for
PARQUET = b"PAR1"
PARQUET_SUFFIXES = {".parquet", ".pq"}
JSON_LINES_SUFFIXES = {".jsonl", ".ndjson"}
NOT_A_TABLE = {
    b"\x1f\x8b": "is compressed with gzip; decompress it first",
    b"PK\x03\x04": "is a zip archive or a spreadsheet; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an old spreadsheet; save the sheet as CSV",
    b"%PDF": "is a PDF; give the table itself, as CSV or Parquet",
    b"\xff\xfe": "is UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text; save it as UTF-8",
}


@dataclass(frozen=True, slots=True)
class Source:
    """An opened table. `text`: every column came as text and still has to be understood (CSV).

    `seekable`: rows in the middle can be read without those before them (Parquet).
    """

    frame: nw.LazyFrame[Any]
    where: str
    sha256: str | None
    text: bool = False
    seekable: bool = False


def open_source(source: Any) -> Source:
    """The table behind a path or a frame; raises BadInput for anything that is neither."""
    if isinstance(source, str | Path):
        return _open_file(Path(source))
    try:
        frame = nw.from_native(_without_halves(source))
    except TypeError:
        kind = type(source).__name__
        raise BadInput(
            f"an audit cannot read a {kind}; give a file (CSV, Parquet, JSON lines) or a pandas, Polars, Arrow, DuckDB,"
            " Dask or Spark table"
        ) from None
    except nw.exceptions.NarwhalsError as error:  # two columns of one name
        raise unreadable("the table", error) from error
    return Source(frame.lazy() if isinstance(frame, nw.DataFrame) else frame, "the table", None)


def _without_halves(source: Any) -> Any:
    """A table of pandas with its floats of 16 bits in 32, in which pandas can look for distinct values."""
    if type(source).__module__.partition(".")[0] != "pandas" or not hasattr(source, "columns"):
        return source
    if not source.columns.is_unique:
        return source
    halves = [name for name, kind in source.dtypes.items() if str(kind) == "float16"]
    return source.astype(dict.fromkeys(halves, "float32")) if halves else source


def _open_file(path: Path) -> Source:
    if not is_there(path):
        raise BadInput(f"{path} does not exist; check the path")
    if path.is_dir():
        raise BadInput(f"{path} is a folder; give the file of predictions in it")
    if not path.is_file():
        raise BadInput(f"{path} is a pipe or a device, which can be read once only; write it to a file first")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            tail = _tail(path, file)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; check its permissions") from None
    if not head:
        raise BadInput(f"{path} is empty; it needs a header line and rows")
    suffix = path.suffix.lower()
    if head.startswith(PARQUET) or suffix in PARQUET_SUFFIXES:
        frame, text, seekable = _parquet(path, head, tail), False, True
    else:
        seekable = False
        _check_text(path, head)
        text = suffix not in JSON_LINES_SUFFIXES
        frame = _csv(path, head) if text else _json_lines(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Source(nw.from_native(frame), path.name, digest, text, seekable)


def _tail(path: Path, file: Any) -> bytes:
    file.seek(max(0, path.stat().st_size - 4))
    return bytes(file.read(4))


def _parquet(path: Path, head: bytes, tail: bytes) -> pl.LazyFrame:
    if not head.startswith(PARQUET):
        raise BadInput(f"{path} is named Parquet but is not a Parquet file; rename it if it is CSV, or write it again")
    if tail != PARQUET or path.stat().st_size < 12:
        raise BadInput(f"{path} is a Parquet file that was cut off; copy or write it again")
    try:
        frame = pl.scan_parquet(path, glob=False)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path.name, error) from None
    return frame


def _check_text(path: Path, head: bytes) -> None:
    for magic, what in NOT_A_TABLE.items():
        if head.startswith(magic):
            raise BadInput(f"{path} {what}")
    if b"\0" in head:
        raise BadInput(f"{path} is not text: it holds binary data; give CSV, Parquet or JSON lines")
    if len(head) == HEAD and b"\n" not in head and b"\r" not in head:
        raise BadInput(
            f"{path} has no line break in its first {HEAD >> 20} MB, so it is no table with one row per line; write it"
            " again"
        )
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(head) < HEAD or error.start < len(head) - 4:
            line = head.count(b"\n", 0, error.start) + 1
            raise BadInput(f"{path} is not UTF-8 text (line {line}); save it with UTF-8 encoding") from None


def _csv(path: Path, head: bytes) -> pl.LazyFrame:
    """Every column as text: types are decided by all values of a column, never by the first hundred."""
    header = head.split(b"\n", 1)[0].decode("utf-8", "replace")
    separator = max(",;\t|", key=header.count)
    _check_names(path, head, separator)
    try:
        frame = pl.scan_csv(path, separator=separator, infer_schema=False, glob=False)
        frame.collect_schema()
        frame = _without_blank_end(frame, path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path.name, error) from None
    return frame


def _without_blank_end(frame: pl.LazyFrame, path: Path) -> pl.LazyFrame:
    """The table without blank lines at its end, which many editors leave; one in the middle is a row without values."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - BLANK_END))
        end = file.read().replace(b"\r\n", b"\n")
    lines = end.removesuffix(b"\n").split(b"\n")
    blank = next((i for i, line in enumerate(reversed(lines)) if line.strip()), 0)
    if not blank:
        return frame
    empty = pl.all_horizontal(pl.all().fill_null("").str.strip_chars() == "")
    found = frame.select(empty.sum()).collect(engine="streaming").item()
    return frame.filter(~empty) if found == blank else frame


def _check_names(path: Path, head: bytes, separator: str) -> None:
    """BadInput where two columns have one name: the engine would rename one of them, and the other be taken unsaid."""
    try:
        names = next(csv.reader(io.StringIO(head.decode("utf-8-sig", "replace"), newline=""), delimiter=separator), [])
    except csv.Error:  # of a field beyond any length; the engine says what is wrong with it
        return
    twice = [name for name, times in Counter(names).items() if times > 1 and name.strip()]
    if twice:
        raise BadInput(
            f"{path.name} has {names.count(twice[0])} columns called '{twice[0]}'; rename or drop one of them"
        )


def _json_lines(path: Path) -> pl.LazyFrame:
    try:
        frame = pl.scan_ndjson(path, infer_schema_length=None)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path.name, error) from None
    return frame


def unreadable(where: str, error: BaseException) -> BadInput:
    """The engine's complaint about a table, as one sentence."""
    reason = (" ".join(str(error).split())[:200] or type(error).__name__).rstrip(".:")
    if isinstance(error, pl.exceptions.PanicException):  # says where the engine's code stopped, not what is wrong
        reason = "its content is damaged"
    return BadInput(f"{where} cannot be read as a table: {reason}; check the file or write it again")


def numbers_from_text(frame: nw.LazyFrame[Any], columns: list[str]) -> nw.LazyFrame[Any]:
    """Text columns of a CSV turned into numbers where every value is one; the others stay text."""
    native: pl.LazyFrame = nw.to_native(frame)
    stripped = {c: pl.col(c).str.strip_chars() for c in columns}
    tests = [
        (stripped[c].cast(kind, strict=False).is_null() & stripped[c].is_not_null()).any().alias(f"{c}\0{name}")
        for c in columns
        for name, kind in (("int", pl.Int64()), ("float", pl.Float64()))
    ]
    failed = native.select(tests).collect(engine="streaming").row(0, named=True) if tests else {}
    kinds = {
        c: next((k for n, k in (("int", pl.Int64()), ("float", pl.Float64())) if not failed[f"{c}\0{n}"]), None)
        for c in columns
    }
    return nw.from_native(
        native.with_columns(stripped[c].cast(kind).alias(c) for c, kind in kinds.items() if kind is not None)
    )
