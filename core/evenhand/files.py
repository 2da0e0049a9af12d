"""Files that are whole or absent, and their digests."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

NATIVE_ERROR = re.compile(r"\(os error (\d+)\)")  # how polars and safetensors end what the system told them


def digest(path: Path) -> str:
    """sha256 of a file, or of a folder's file names and contents."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for file_path in sorted(p for p in path.rglob("*") if p.is_file()):
        whole.update(f"{file_path.relative_to(path).as_posix()}\0{digest(file_path)}\n".encode())
    return whole.hexdigest()


def at_place(number: int, path: Path) -> OSError:
    """The system's error with the place that it is about."""
    return OSError(number, os.strerror(number), str(path))


@contextlib.contextmanager
def atomic(target: Path) -> Iterator[Path]:
    """A temporary path beside `target` that replaces it when the block ends well, and goes when it does not.

    An error of the disk names `target`, also where native code met it and told only the error's number.
    """
    temporary = target.with_name(f".tmp-{os.getpid()}-{target.name}")
    try:
        yield temporary
        _sync(temporary)
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(temporary, target)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary), temporary):
            raise
        raise at_place(error.errno, target) from None
    except Exception as error:
        if found := NATIVE_ERROR.search(str(error)):
            raise at_place(int(found[1]), target) from None
        raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Ask the system to put a file on disk before its name says that it is there."""
    for file_path in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
        with file_path.open("rb") as file:
            os.fsync(file.fileno())
