"""A run directory: artefacts that are whole or absent, a manifest that says what is done, one writer at a time."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from evenhand.console import Progress
from evenhand.errors import BadInput
from evenhand.files import at_place, atomic, digest, open_own, own
from evenhand.recipe import Recipe
from evenhand.recorded.finished import FORMAT, MANIFEST, VERSION, read_manifest
from evenhand.recorded.writing import sweep, take_lock

LOG = "log.jsonl"


def cache_folder() -> Path:
    """Where features and samples are kept between runs: $EVENHAND_CACHE, else the user's cache folder."""
    named = os.environ.get("EVENHAND_CACHE")
    if named:
        return Path(named)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evenhand"
    except RuntimeError:  # a user without a home, as in many containers
        raise BadInput("this user has no home folder for a cache; set EVENHAND_CACHE to a writable folder") from None


class Run:
    """The folder of one walk while it is open. Use as a context manager: it holds the lock.

    `path`: the folder; `recipe`: what runs (None in a walk without one); `walk`: the walk's name;
    `stages`: what each of its stages writes, in order; `manifest`: versions, seeds, digests and stages so far;
    `cache`: shared between runs; `scratch`: an empty folder that goes with the process;
    `console`: where the person who looks on is told;
    `rank`, `world_size`: this process's place under torchrun (only rank 0 writes).
    """

    def __init__(
        self,
        path: Path,
        recipe: Recipe | None,
        identity: str,
        progress: Progress | None = None,
        *,
        walk: str,
        stages: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.path = path
        self.recipe = recipe
        self.identity = identity
        self.walk, self.stages = walk, dict(stages)
        self.cache = cache_folder()
        self.rank = int(os.environ.get("RANK", "0"))
        self.world_size = int(os.environ.get("WORLD_SIZE", "1"))
        self.manifest: dict[str, Any] = {}
        self.console = progress or Progress(quiet=True)
        self._lock: IO[bytes] | None = None
        self._made: list[Path] = []  # folders that this run made, the deepest first

    def __enter__(self) -> Run:
        try:
            if self.rank == 0:
                self._made = [path for path in (self.path, *self.path.parents) if not path.exists()]
                self.path.mkdir(parents=True, exist_ok=True)
                self._lock = take_lock(self.path)
                sweep(self.path)
            self.manifest = self._read_manifest()
            self.scratch = Path(tempfile.mkdtemp(prefix="evenhand-"))
        except BaseException:
            self._leave(failed=True)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
        self._leave(failed=kind is not None)

    def _leave(self, failed: bool) -> None:
        """Let go of the lock; a folder made for a run that recorded nothing goes too."""
        if self._lock is None:
            return
        if failed and self.path in self._made and not (self.path / MANIFEST).exists():
            shutil.rmtree(self.path, ignore_errors=True)
            with contextlib.suppress(OSError):  # until one that holds something else
                for folder in self._made[1:]:
                    folder.rmdir()
        self._lock.close()
        self._lock = None

    def _read_manifest(self) -> dict[str, Any]:
        about = {"name": self.walk, "stages": list(self.stages)}
        fresh = {"format": FORMAT, "version": VERSION, "identity": self.identity, "walk": about, "stages": {}}
        if not os.path.lexists(self.path / MANIFEST):
            self._refuse_strangers()
            return fresh
        manifest = read_manifest(self.path)
        if manifest["walk"]["name"] != self.walk:
            raise BadInput(
                f"{self.path} was left by `{manifest['walk']['name'][:40]}`, not by `{self.walk}`; give another --out"
            )
        if manifest["identity"] != self.identity:
            raise BadInput(
                f"{self.path} holds a run of another recipe, setting or data; remove it or give another --out"
            )
        return {**manifest, "walk": about}

    def _refuse_strangers(self) -> None:
        """A folder without a manifest may hold what a walk that was killed early wrote, and nothing else."""
        if self.rank or not self.path.exists():
            return
        known = {LOG, *(name for names in self.stages.values() for name in names)}
        strangers = sorted({path.name for path in self.path.iterdir() if not path.name.startswith(".")} - known)
        if strangers:
            raise BadInput(f"{self.path} holds other files ({strangers[0]}, …); give an empty or new folder with --out")

    def is_done(self, stage: str) -> bool:
        """Whether `stage` was finished and everything it wrote is still there, unchanged."""
        record = self.manifest["stages"].get(stage)
        return record is not None and all(
            (file := own(self.path, name)).exists() and digest(file) == sha for name, sha in record["artefacts"].items()
        )

    def finish(self, stage: str, seconds: float, **facts: Any) -> None:
        """Record that `stage` is done, with the digest of each artefact; later stages are forgotten."""
        missing = [name for name in self.stages[stage] if not (self.path / name).exists()]
        if missing:
            raise RuntimeError(f"stage {stage} of {self.walk} promises {missing[0]} and did not write it")
        order = list(self.stages)
        kept = order[: order.index(stage)]
        stages = {name: record for name, record in self.manifest["stages"].items() if name in kept}
        digests = {name: digest(own(self.path, name)) for name in self.stages[stage]}
        stages[stage] = {"artefacts": digests, "seconds": round(seconds, 3), **facts}
        self.record(stages=stages)

    def record(self, **facts: Any) -> None:
        """Put `facts` into the manifest and write it."""
        self.manifest = {**self.manifest, **facts}
        self.write(MANIFEST, json.dumps(self.manifest, indent=1, sort_keys=True, default=str) + "\n")

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
        return json.loads(own(self.path, name).read_text("utf-8"))

    def log(self, event: str, **fields: Any) -> None:
        """Append one event to log.jsonl."""
        if self.rank:
            return
        text = json.dumps({"time": round(time.time(), 3), "event": event, **fields}, default=str) + "\n"
        log, line = self.path / LOG, text.encode()
        with os.fdopen(open_own(self.path, LOG, os.O_WRONLY | os.O_APPEND), "ab", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            try:
                if file.write(line) != len(line):
                    raise OSError(errno.ENOSPC, "")
            except OSError as error:
                file.truncate(end)  # a line is there whole or not at all
                raise at_place(error.errno or errno.EIO, log) from None

    def say(self, line: str) -> None:
        """One line for the person who looks on."""
        if self.rank == 0:
            self.console.say(line)

    def progress(self, done: int, total: int, what: str) -> None:
        """Show how far a long step is: a bar on a terminal, plain lines elsewhere."""
        if self.rank == 0:
            self.console.step(done, total, what)


class ReadRun(Run):
    """A finished run of which nothing is changed: what is written goes to the folder `out`, and nothing is logged."""

    def __init__(
        self, path: Path, recipe: Recipe, identity: str, *, walk: str, stages: Mapping[str, tuple[str, ...]], out: Path
    ) -> None:
        super().__init__(path, recipe, identity, walk=walk, stages=stages)
        self.out = out

    def __enter__(self) -> ReadRun:
        self.manifest = self._read_manifest()
        self.out.mkdir(parents=True, exist_ok=True)
        self.scratch = Path(tempfile.mkdtemp(prefix="evenhand-"))
        return self

    def write_with(self, name: str, writer: Callable[[Path], Any]) -> None:
        """Let `writer(path)` make a file, then rename it to `name` in the other folder."""
        with atomic(self.out / name) as temporary:
            writer(temporary)

    def log(self, event: str, **fields: Any) -> None:
        """A folder that is only read takes no log."""
