"""Files that are whole or absent, their digests, and those of a folder that somebody else may have made."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from evenhand.errors import BadInput

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


def is_there(path: Path) -> bool:
    """Whether something has this path; nothing has one that the system cannot have."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long; with a zero in it
        return False


def read_plain(path: Path) -> bytes:
    """The content of a file; OSError where it is not there or no plain file, such as a pipe that nobody writes to."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(path))
        return file.read()


def why(error: Exception) -> str:
    """What the system says, in words."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def backbone_folder(path: Path) -> Path:
    """Where the backbone of `local:PATH` lies: `path` itself, or its folder `backbone`, where a pretraining left it."""
    inside = path / "backbone"
    return inside if inside.is_dir() else path


def at_place(number: int, path: Path) -> OSError:
    """The system's error with the place that it is about."""
    return OSError(number, os.strerror(number), str(path))


def own(folder: Path, name: str) -> Path:
    """`name` in `folder`, for reading: it lies there itself, or nothing does.

    BadInput where it, or anything below it, is a link or a pipe: a folder from elsewhere could name any file with one.
    """
    path = folder / name
    _check_plain(path)
    for at, folders, files in os.walk(path):
        for found in (*folders, *files):
            _check_plain(Path(at, found))
    return path


def open_own(folder: Path, name: str, flags: int) -> int:
    """A descriptor of the file `name` in `folder`, which is made where it is not there; BadInput where it is a link."""
    path = folder / name
    try:
        opened = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a pipe that nobody reads
            raise _stranger(path) from None
        raise
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise _stranger(path)
    return opened


def _check_plain(path: Path) -> None:
    if os.path.lexists(path) and stat.S_IFMT(path.lstat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
        raise _stranger(path)


def _stranger(path: Path) -> BadInput:
    return BadInput(f"{path} is a link or no plain file, which is not followed; put the file itself in its place")


@contextlib.contextmanager
def atomic(target: Path) -> Iterator[Path]:
    """A temporary path beside `target` that replaces it when the block ends well, and goes when it does not.

    An error of the disk names `target`, also where native code met it and told only the error's number.
    """
    if target.name in ("", ".."):
        raise at_place(errno.EISDIR, target)  # '.', '/' and '..' are folders whatever they lead to
    temporary = target.with_name(f".tmp-{os.getpid()}-{target.name}")
    try:
        remove(temporary)  # a link that waits there would be written through
        yield temporary
        sync(temporary)
        if target.is_dir() and not target.is_symlink() and not temporary.is_dir():
            raise at_place(errno.EISDIR, target)  # a folder of somebody's is not ours to take away for a file
        if target.is_symlink() or target.is_dir():
            remove(target)
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
        with contextlib.suppress(OSError):
            remove(temporary)


def remove(path: Path) -> None:
    """Take away a file, a folder or a link, never what a link leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Ask the system to put a file on disk before its name says that it is there."""
    for file_path in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
        with file_path.open("rb") as file:
            os.fsync(file.fileno())
