"""A panic of the engine is one sentence of ours, not a screen of Rust's."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

_HUSHED = threading.Lock()


@contextmanager
def panics_unheard() -> Iterator[None]:
    """Rust prints every panic to standard error before Python hears of it; here that print is dropped.

    Whatever else is printed meanwhile comes out afterwards. Another thread that is at it already is left alone.
    """
    if not _HUSHED.acquire(blocking=False):
        yield
        return
    try:
        heard = _redirected()
        if heard is None:
            yield
            return
        file, kept = heard
        try:
            yield
        finally:
            _restore(file, kept)
    finally:
        _HUSHED.release()


def _redirected() -> tuple[IO[bytes], int] | None:
    """(a file that standard error now goes to, where it went before); None where there is none, or no such file."""
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115
    except OSError:
        return None
    try:
        _flush()
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
    except OSError:
        file.close()
        return None
    return file, kept


def _restore(file: IO[bytes], kept: int) -> None:
    _flush()
    os.dup2(kept, 2)
    os.close(kept)
    with file:
        file.seek(0)
        said = file.read()
    if b"panicked at" not in said:
        with suppress(OSError):
            os.write(2, said)


def _flush() -> None:
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
