"""A run directory: artefacts that are whole or absent, a manifest that says what is done, one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from evenhand.console import Progress
from evenhand.errors import BadInput
from evenhand.recipe import Recipe

STAGES = ("load_data", "finetune", "predict", "evaluate", "audit_bias", "report")


def cache_folder() -> Path:
    """Where features and samples are kept between runs: $EVENHAND_CACHE, else the user's cache folder."""
    named = os.environ.get("EVENHAND_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evenhand"


def digest(path: Path) -> str:
    """sha256 of a file, or of a folder's file names and contents."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for file_path in sorted(p for p in path.rglob("*") if p.is_file()):
        whole.update(f"{file_path.relative_to(path).as_posix()}\0{digest(file_path)}\n".encode())
    return whole.hexdigest()


class Run:
    """One job's folder while it is open. Use as a context manager: it holds the lock.

    `path`: the folder; `recipe`: what runs; `manifest`: versions, seeds, digests and stages so far;
    `cache`: shared between runs; `scratch`: an empty folder that goes with the process;
    `rank`, `world_size`: this process's place under torchrun (only rank 0 writes).
    """

    def __init__(self, path: Path, recipe: Recipe, identity: str, progress: Progress | None = None) -> None:
        self.path = path
        self.recipe = recipe
        self.identity = identity
        self.cache = cache_folder()
        self.rank = int(os.environ.get("RANK", "0"))
        self.world_size = int(os.environ.get("WORLD_SIZE", "1"))
        self.manifest: dict[str, Any] = {}
        self._progress = progress or Progress(quiet=True)
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> Run:
        if self.rank == 0:
            self.path.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            self._sweep()
        self.manifest = self._read_manifest()
        self.scratch = Path(tempfile.mkdtemp(prefix="evenhand-"))
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
        if self._lock:
            self._lock.close()

    def _take_lock(self) -> None:
        self._lock = (self.path / ".lock").open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise BadInput(
                f"another evenhand run is writing to {self.path}; wait for it, or give another --out"
            ) from None

    def _sweep(self) -> None:
        """Remove what a killed process left half-written; we hold the lock, so nobody is writing."""
        for left in self.path.glob(".tmp-*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def _read_manifest(self) -> dict[str, Any]:
        fresh = {"format": "evenhand-run", "version": 1, "identity": self.identity, "stages": {}}
        file = self.path / "manifest.json"
        if not file.exists():
            strangers = (
                [p.name for p in self.path.iterdir() if not p.name.startswith(".")] if self.path.exists() else []
            )
            known = {"recipe.toml", "data.json", "model", "log.jsonl"}
            if self.rank == 0 and set(strangers) - known:
                raise BadInput(
                    f"{self.path} holds other files ({sorted(strangers)[0]}, …); give an empty or new folder with --out"
                )
            return fresh
        try:
            manifest: dict[str, Any] = json.loads(file.read_text("utf-8"))
            recorded = manifest["identity"]
        except (ValueError, KeyError, TypeError):
            raise BadInput(f"{file} is damaged; remove the folder {self.path} or give another --out") from None
        if recorded != self.identity:
            raise BadInput(
                f"{self.path} holds a run of another recipe, setting or data; remove it or give another --out"
            )
        return manifest

    def is_done(self, stage: str) -> bool:
        """Whether `stage` was finished and everything it wrote is still there, unchanged."""
        record = self.manifest["stages"].get(stage)
        return record is not None and all(
            (self.path / name).exists() and digest(self.path / name) == sha for name, sha in record["artefacts"].items()
        )

    def finish(self, stage: str, artefacts: tuple[str, ...], seconds: float, **facts: Any) -> None:
        """Record that `stage` is done, with the digest of each artefact; later stages are forgotten."""
        later = STAGES[STAGES.index(stage) + 1 :]
        stages = {name: record for name, record in self.manifest["stages"].items() if name not in later}
        digests = {name: digest(self.path / name) for name in artefacts}
        stages[stage] = {"artefacts": digests, "seconds": round(seconds, 3), **facts}
        self.record(stages=stages)

    def record(self, **facts: Any) -> None:
        """Put `facts` into the manifest and write it."""
        self.manifest = {**self.manifest, **facts}
        self.write("manifest.json", json.dumps(self.manifest, indent=1, sort_keys=True, default=str) + "\n")

    def write(self, name: str, text: str) -> None:
        """Write a text artefact: it is there whole, or as it was before."""
        self.write_with(name, lambda path: path.write_text(text, "utf-8"))

    def write_with(self, name: str, writer: Callable[[Path], Any]) -> None:
        """Let `writer(path)` make a file or folder at a temporary path, then rename it to `name`."""
        if self.rank:
            return
        with atomic(self.path / name) as temporary:
            writer(temporary)

    def read_json(self, name: str) -> Any:
        """The content of a JSON artefact."""
        return json.loads((self.path / name).read_text("utf-8"))

    def log(self, event: str, **fields: Any) -> None:
        """Append one event to log.jsonl."""
        if self.rank:
            return
        line = json.dumps({"time": round(time.time(), 3), "event": event, **fields}, default=str)
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def progress(self, done: int, total: int, what: str) -> None:
        """Show how far a long step is: a bar on a terminal, plain lines elsewhere."""
        if self.rank == 0:
            self._progress.step(done, total, what)


@contextlib.contextmanager
def atomic(target: Path) -> Iterator[Path]:
    """A temporary path beside `target` that replaces it when the block ends well, and goes when it does not."""
    temporary = target.with_name(f".tmp-{os.getpid()}-{target.name}")
    try:
        yield temporary
        _sync(temporary)
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(temporary, target)
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
