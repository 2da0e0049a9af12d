"""Features of a frozen backbone, kept on disk in chunks: killed at any point, the next call goes on from there.

A chunk's name is the hash of the encoder's identity and the content of its rows, and a row's batch depends on
its own chunk alone, so what comes out does not depend on what was there before.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evenhand.files import atomic

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.pretrained import Encoder
    from evenhand.schema import Schema

CHUNK = 1024  # rows


def silent(done: int, total: int, what: str) -> None:
    """Progress for callers that show none."""


class FeatureCache:
    """Chunks of features in `folder` (None: nothing is kept). `progress(done, total, what)` is told of rows.

    Under torchrun (`rank` of `world_size`) each process makes its share of the chunks, then all read all.
    """

    def __init__(
        self,
        folder: Path | None,
        progress: Callable[[int, int, str], None] = silent,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.folder, self.progress = folder, progress
        self.rank, self.world_size = rank, world_size

    def features(
        self,
        encoder: Encoder,
        rows: Dataset,
        schema: Schema,
        what: str = "features",
        siblings: Sequence[Encoder] = (),
    ) -> np.ndarray:
        """float32 of shape [rows, width], from the cache where it is whole.

        siblings: variants of the encoder whose features will be asked for too, and are kept from the same pass.
        """
        contents = encoder.contents(rows, schema)
        starts = range(0, len(rows), CHUNK)
        if self.folder and len(siblings) > 1:
            self._fill(siblings, rows, schema, contents)
        keys = [chunk_key(encoder.identity, contents[start : start + CHUNK]) for start in starts]
        if self.world_size > 1 and self.folder:
            from evenhand.adapting.distributed import barrier

            for start, key in list(zip(starts, keys, strict=True))[self.rank :: self.world_size]:
                self._chunk(encoder, rows, schema, start, key)
            barrier()
        parts = [np.empty((0, encoder.width), np.float32)]
        for start, key in zip(starts, keys, strict=True):
            parts.append(self._chunk(encoder, rows, schema, start, key))
            self.progress(min(start + CHUNK, len(rows)), len(rows), what)
        return np.concatenate(parts)

    def _fill(self, siblings: Sequence[Encoder], rows: Dataset, schema: Schema, contents: Sequence[bytes]) -> None:
        """Make the chunks that any of the siblings lacks, of all of them in one pass over the rows."""
        for start in range(0, len(rows), CHUNK)[self.rank :: self.world_size]:
            part = contents[start : start + CHUNK]
            files = [self._file(chunk_key(one.identity, part)) for one in siblings]
            if all(read_chunk(file) is not None for file in files):
                continue
            made = siblings[0].together(siblings, rows.select(range(start, start + len(part))), schema)
            for file, values in zip(files, made, strict=True):
                with contextlib.suppress(OSError):
                    write_chunk(file, values)

    def _file(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / "features" / key[:2] / f"{key}.bin"

    def _chunk(self, encoder: Encoder, rows: Dataset, schema: Schema, start: int, key: str) -> np.ndarray:
        length = min(CHUNK, len(rows) - start)
        file = self._file(key) if self.folder else None
        found = read_chunk(file) if file else None
        if found is not None and found.shape == (length, encoder.width) and found.dtype == np.float32:
            return found
        made = encoder.features(rows.select(range(start, start + length)), schema)
        if file:
            with contextlib.suppress(OSError):  # a full or read-only disk costs speed, not the run
                write_chunk(file, made)
        return made


def chunk_key(identity: str, contents: Sequence[bytes]) -> str:
    """sha256 of the encoder's identity and of every row's content, each with its length before it."""
    whole = hashlib.sha256(identity.encode())
    for content in contents:
        whole.update(len(content).to_bytes(8, "little"))
        whole.update(content)
    return whole.hexdigest()


def write_chunk(file: Path, values: np.ndarray) -> None:
    """The sha256 of an .npy image and the image, under a temporary name that is renamed when whole."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    content = buffer.getvalue()
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic(file) as temporary:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)


def read_chunk(file: Path) -> np.ndarray | None:
    """The chunk in `file`, or None where it is missing or damaged."""
    try:
        content = file.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            return None
        values: np.ndarray = np.load(io.BytesIO(content[32:]), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return values
