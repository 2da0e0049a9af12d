"""What identifies data by its content: digests of sources and rows, and inputs that occur twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.files import digest

if TYPE_CHECKING:
    from datasets import Dataset

BLOCK = 1 << 20  # bytes of a file that are in memory at once


def of_files(table: Path, others: Iterable[str]) -> str:
    """sha256 of a table together with the files that it names, by relative name and content."""
    root = table.parent.resolve()
    whole = hashlib.sha256(f"{table.name}\0{digest(table)}\n".encode())
    for name in sorted(set(others)):
        file = Path(name)
        whole.update(f"{file.relative_to(root).as_posix()}\0{digest(file)}\n".encode())
    return whole.hexdigest()


def of_rows(parts: dict[str, Dataset]) -> str:
    """sha256 over column names, types and values of rows in memory; the same however they lie in memory."""
    import pyarrow as pa

    whole = hashlib.sha256()
    for name, rows in sorted(parts.items()):
        table: pa.Table = rows.with_format("arrow")[:]
        table = table.replace_schema_metadata(None)
        for field, values in zip(table.schema, table.columns, strict=True):
            whole.update(f"{name}\0{field.name}\0{field.type}\0{len(values)}\n".encode())
            # take() lays the values out afresh: no offset, no slice, nothing left from a larger buffer
            fresh = values.combine_chunks().take(pa.array(range(len(values)), pa.int64()))
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, pa.schema([("", field.type)])) as stream:
                stream.write_batch(pa.record_batch([fresh], names=[""]))
            whole.update(sink.getvalue())
    return whole.hexdigest()


def inputs(rows: Dataset, columns: Iterable[str]) -> list[bytes]:
    """One digest per row of what the model would see there: values, or the bytes of an image."""
    table: Any = rows.select_columns(list(columns)).with_format("arrow")[:]
    whole = [hashlib.blake2b(digest_size=16) for _ in range(table.num_rows)]
    for column in table.columns:
        for row, value in zip(whole, column, strict=True):
            for part in (*_content(value.as_py()), b"\0"):
                row.update(part)
    return [row.digest() for row in whole]


def _content(value: Any) -> Iterator[bytes]:
    """What a cell holds: an image's or a volume's bytes, block by block where they are a file; else its value."""
    if not (isinstance(value, dict) and set(value) == {"bytes", "path"}):
        yield repr(value).encode("utf-8", "surrogatepass")
    elif value["bytes"] is not None:
        yield value["bytes"]
    elif value["path"]:
        with Path(value["path"]).open("rb") as file:
            while block := file.read(BLOCK):
                yield block
