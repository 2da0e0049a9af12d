"""The log of what was answered: a journal line per request before it is answered, Parquet files for `monitor` later.

A line is in the system's hands before the answer leaves, so that a killed server has logged whatever it answered; a
machine that loses power can lose the lines of its last seconds. A journal that a killed server left becomes a Parquet
file at the next start.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from evenhand.errors import BadInput
from evenhand.files import atomic, open_own, own, why

FORMAT, VERSION = "evenhand-journal", 1
SUFFIX = ".journal"
KINDS: dict[str, Any] = {
    "text": pl.String,
    "number": pl.Float64,
    "whole": pl.Int64,
    "truth": pl.Boolean,
    "date": pl.Date,
    "time": pl.Datetime("us"),
}
OWN = {"time": pl.Datetime("us", "UTC"), "request": pl.String, "row": pl.Int64, "model": pl.String}


class Journal:
    """The open log in `folder`: `add` from the model's thread; one writer at a time.

    model: the identity of the run. rows, seconds: when a journal becomes a file and the next is begun.
    """

    def __init__(self, folder: Path, model: str, rows: int, seconds: float) -> None:
        self.folder, self._model, self._most, self._seconds = folder, model, rows, seconds
        self._lock = _locked(folder)
        self._writer = ThreadPoolExecutor(1, "log")
        self._made: list[Future[tuple[int, int]]] = []
        self._file: int | None = None
        self._path, self._rows, self._begun = folder, 0, 0.0
        self._kinds: dict[str, str] = {}

    def recover(self) -> list[str]:
        """What killed servers left becomes Parquet; one sentence for each journal."""
        said = []
        for path in sorted(self.folder.glob(f".*{SUFFIX}")):
            rows, lost = to_parquet(path)
            lines = f"; {lost} line{'s' * (lost != 1)} of it cut, and dropped" if lost else ""
            said.append(f"a log that was not closed is recovered: {rows:,} rows{lines}")
        return said

    def add(self, answered: list[tuple[str, pl.DataFrame]], kinds: Mapping[str, str]) -> None:
        """Log requests, (id, rows) each. kinds: of each column, in their order. OSError where the disk does not take
        them."""
        if self._file is not None and (self._kinds != kinds or self._is_due()):
            self.rotate()
        file = self._begin(dict(kinds)) if self._file is None else self._file
        now = datetime.datetime.now(datetime.UTC).isoformat()
        lines = "".join(
            json.dumps([now, request, rows.select(*kinds).rows()], default=_plain, ensure_ascii=False) + "\n"
            for request, rows in answered
        )
        before = os.fstat(file).st_size
        try:
            _write(file, lines.encode())
        except OSError:
            os.ftruncate(file, before)  # half a line would spoil the next one
            raise
        self._rows += sum(rows.height for _, rows in answered)

    def tick(self) -> None:
        """Close a journal whose time is over."""
        if self._file is not None and self._is_due():
            self.rotate()

    def rotate(self) -> None:
        """Close the journal; another thread makes its Parquet file."""
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        self._made.append(self._writer.submit(to_parquet, self._path))

    def close(self) -> int:
        """Close all; the number of Parquet files that this writer made. OSError where one could not be written."""
        self.rotate()
        self._writer.shutdown()
        os.close(self._lock)
        return sum(made.result()[0] > 0 for made in self._made)

    def _is_due(self) -> bool:
        return self._rows >= self._most or time.monotonic() - self._begun >= self._seconds

    def _begin(self, kinds: dict[str, str]) -> int:
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        name = f".{stamp}{SUFFIX}"
        file = open_own(self.folder, name, os.O_WRONLY | os.O_APPEND | os.O_EXCL)
        head = {"format": FORMAT, "version": VERSION, "model": self._model, "columns": kinds}
        _write(file, (json.dumps(head, ensure_ascii=False) + "\n").encode())
        self._file, self._path, self._kinds = file, self.folder / name, kinds
        self._rows, self._begun = 0, time.monotonic()
        return file


def to_parquet(path: Path) -> tuple[int, int]:
    """A journal as Parquet beside it, which then goes; (rows, lines that were cut or damaged). No rows: no file."""
    *whole, end = own(path.parent, path.name).read_bytes().split(b"\n")
    lost = int(bool(end))
    head = _head(whole[0]) if whole else None
    if head is None:
        path.unlink()
        return 0, lost + len(whole)
    rows: list[tuple[Any, ...]] = []
    for line in whole[1:]:
        try:
            rows += list(_read(line, head))
        except (ValueError, TypeError, RecursionError):
            lost += 1
    if rows:
        schema = OWN | {name: KINDS[kind] for name, kind in head["columns"].items()}
        target = path.with_name(path.name.removeprefix(".").removesuffix(SUFFIX) + ".parquet")
        with atomic(target) as temporary:
            pl.DataFrame(rows, schema=schema, orient="row").write_parquet(temporary)
    path.unlink()
    return len(rows), lost


def _head(line: bytes) -> dict[str, Any] | None:
    try:
        head = json.loads(line)
        right = head["format"] == FORMAT and head["version"] == VERSION and isinstance(head["model"], str)
        return head if right and all(kind in KINDS for kind in head["columns"].values()) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _read(line: bytes, head: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of one request; ValueError or TypeError where the line is not what `add` writes."""
    when, request, rows = json.loads(line)
    at, kinds = datetime.datetime.fromisoformat(when), list(head["columns"].values())
    for number, values in enumerate(rows, start=1):
        yield at, str(request), number, head["model"], *(_typed(v, k) for v, k in zip(values, kinds, strict=True))


def _typed(value: Any, kind: str) -> Any:
    """A value as its column's kind; ValueError or TypeError where it cannot be."""
    if value is None:
        return None
    if kind == "time":
        return datetime.datetime.fromisoformat(value).replace(tzinfo=None)
    if kind == "date":
        return datetime.date.fromisoformat(value)
    return {"text": str, "number": float, "whole": int, "truth": bool}[kind](value)


def _plain(value: Any) -> Any:
    """A value of the model's as JSON has it."""
    return value.isoformat() if hasattr(value, "isoformat") else value.item() if hasattr(value, "item") else str(value)


def _write(file: int, content: bytes) -> None:
    """All of it, or OSError."""
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _locked(folder: Path) -> int:
    if folder.is_symlink():
        raise BadInput(f"{folder} is a link, and a log is not written through links; name the folder itself (--log)")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open_own(folder, ".lock", os.O_RDWR)
    except OSError as error:
        raise BadInput(f"the log cannot be written to {folder}: {why(error)}; name another folder (--log)") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise BadInput(f"another evenhand serve logs to {folder}; stop it, or name another folder (--log)") from None
    for left in folder.glob(".tmp-*"):  # a Parquet file that a killed server did not end
        with contextlib.suppress(OSError):
            left.unlink()
    return lock
