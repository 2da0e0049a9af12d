"""One writer at a time in a folder, and a set of files that takes its place there as one."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from evenhand.errors import BadInput
from evenhand.files import at_place, open_own, own, remove, sync

LOCK, READY = ".lock", ".ready"


def take_lock(folder: Path) -> IO[bytes]:
    """The lock of a folder, held until the file is closed; BadInput where another process holds it."""
    file = folder / LOCK
    lock = os.fdopen(open_own(folder, LOCK, os.O_RDWR), "r+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(lock.fileno()), file.lstat()):
            raise BlockingIOError  # its holder has just taken the folder away
    except (BlockingIOError, FileNotFoundError):
        lock.close()
        raise BadInput(f"another evenhand run is writing to {folder}; wait for it, or give another --out") from None
    return lock


def sweep(folder: Path) -> None:
    """Remove what a killed process left half-written; whoever sweeps holds the lock, so nobody is writing."""
    for left in folder.glob(".tmp-*"):
        remove(left)


@contextlib.contextmanager
def replaced_together(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """An empty folder to write files of these names in; when the block ends well they take the place of those in
    `folder`, all of them; else it stays as it was, or is not made.

    A process that is killed leaves the old set or the new one: what is whole lies in `.ready`, and the next to write
    there moves the rest of it to its place first. Raises BadInput where another process is writing, or where a folder
    has one of the names.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            _finish(folder, names)
            sweep(folder)
            _check_places(folder, names)
            yield from _staged(folder, names)
    finally:
        with contextlib.suppress(OSError):  # until one that holds something
            for path in made:
                path.rmdir()


def _staged(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    staged = folder / f".tmp-{os.getpid()}"
    staged.mkdir()
    try:
        yield staged
        sync(staged)
        _check_places(folder, names)
        staged.rename(folder / READY)
        _finish(folder, names)
    except OSError as error:
        inside = error.filename is None or str(error.filename).startswith(str(staged))
        raise at_place(error.errno, folder) if inside and error.errno else error from None
    finally:
        with contextlib.suppress(OSError):
            remove(staged)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the lock, and takes it away afterwards: whoever waits for it finds another file there, and is refused."""
    lock = take_lock(folder)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / LOCK).unlink()
        lock.close()


def _finish(folder: Path, names: Sequence[str]) -> None:
    """Move what is left in `.ready` to its place."""
    ready = own(folder, READY)
    if ready.is_dir():
        for name in names:
            if (ready / name).is_file():
                os.replace(ready / name, folder / name)
    remove(ready)


def _check_places(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        if (folder / name).is_dir() and not (folder / name).is_symlink():
            raise BadInput(f"{folder / name} is a folder, where a file has to be; name another folder with --out")
