"""Scores of a file, batch by batch: killed at any point, the same command goes on, and the result is whole or
absent."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from evenhand.adapting.windows import Unread
from evenhand.console import Progress
from evenhand.errors import BadInput
from evenhand.files import atomic, digest
from evenhand.scoring.scorer import Scorer, load

FORMATS: dict[str, Callable[[pl.LazyFrame, Path], Any]] = {
    ".parquet": lambda frame, path: frame.sink_parquet(path),
    ".pq": lambda frame, path: frame.sink_parquet(path),
    ".csv": lambda frame, path: frame.sink_csv(path),
}


@dataclass(frozen=True, slots=True)
class Scored:
    """What `predict` wrote: where, how many rows, how many of each decision, the columns, and what was different."""

    path: Path
    rows: int
    decisions: tuple[tuple[str, int], ...]
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def predict(run: str | Path, data: Any, out: str | Path | None = None, progress: Progress | None = None) -> Scored:
    """Score the rows of `data` with the model of the finished run in `run`, into a Parquet or CSV file.

    data: a file (CSV, Parquet, JSON lines), a folder of images, or a frame. out: the file; None: DATA-scored.parquet in
    the working folder. Rows come out in their order, with score, prediction and every column that has a role in the
    recipe's schema, so that `evenhand audit` reads the file at once. Memory is that of one batch. Raises BadInput.
    """
    target = _target(data, out)
    scorer = load(run)
    with _parts(target, _identity(scorer, data)) as folder:
        parts, unread = [], _Unread()
        for number, rows in enumerate(scorer.batches(data), start=1):
            part = folder / f"{number:06}.parquet"
            if not part.is_file():
                with atomic(part) as temporary, warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # texts that are cut are said once, of all batches
                    scorer.scored(rows).write_parquet(temporary)
            unread.add(scorer, rows)
            parts.append(part)
            if progress is not None:
                progress.say(f"  batch {number}")
        whole = pl.scan_parquet(parts)
        with atomic(target) as temporary:
            FORMATS[target.suffix.lower()](whole, temporary)
        told = _told(target, whole, scorer)
        return replace(told, notes=(*told.notes, *unread.notes()))


class _Unread:
    """What the model did not read of the texts of all batches."""

    def __init__(self) -> None:
        self.found: Unread | None = None
        self.reach = 0

    def add(self, scorer: Scorer, rows: pl.DataFrame) -> None:
        cut = scorer.unread(rows)
        if cut is not None:
            self.found = cut[0] if self.found is None else self.found.and_of(cut[0])
            self.reach = cut[1]

    def notes(self) -> tuple[str, ...]:
        said = self.found.says(self.reach) if self.found is not None else ""
        return (said,) if said else ()


def _target(data: Any, out: str | Path | None) -> Path:
    if out is None:
        stem = Path(data).stem if isinstance(data, str | Path) else "rows"
        return Path(f"{stem}-scored.parquet")
    target = Path(out)
    if target.suffix.lower() not in FORMATS:
        raise BadInput(f"{target} is neither Parquet nor CSV; name a file that ends in .parquet or .csv (--out)")
    if target.is_dir():
        raise BadInput(f"{target} is a folder; name a file (--out)")
    if isinstance(data, str | Path) and target.resolve() == Path(data).resolve():
        raise BadInput(f"{target} is the data itself; name another file (--out)")
    return target


def _identity(scorer: Scorer, data: Any) -> str:
    """sha256 of everything that decides the scores; rows in memory have none, and are scored anew."""
    content = digest(Path(data)) if isinstance(data, str | Path) and Path(data).exists() else os.urandom(16).hex()
    model = digest(scorer.path / "model")
    return hashlib.sha256(f"{model} {content} {scorer.recipe.model_dump_json(by_alias=True)}".encode()).hexdigest()


@contextlib.contextmanager
def _parts(target: Path, identity: str) -> Iterator[Path]:
    """The hidden folder beside `target` that holds batches until all are there; one process at a time."""
    folder = target.parent / f".{target.name}.parts"
    target.parent.mkdir(parents=True, exist_ok=True)
    if folder.is_symlink():
        raise BadInput(f"{folder} is a link, and scores are not written through links; remove it")
    folder.mkdir(exist_ok=True)
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(
                f"another evenhand predict is writing {target}; wait for it, or give another --out"
            ) from None
        _keep_only(folder, identity)
        try:
            yield folder
        except BadInput:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder)
    finally:
        os.close(lock)


def _keep_only(folder: Path, identity: str) -> None:
    """Forget batches that were scored by another model or from other data."""
    key = folder / "identity"
    if key.is_file() and key.read_text("utf-8") == identity:
        return
    for left in folder.glob("*.parquet"):
        left.unlink()
    with atomic(key) as temporary:
        temporary.write_text(identity, "utf-8")


def _told(target: Path, whole: pl.LazyFrame, scorer: Scorer) -> Scored:
    """What was written; `whole` holds the same rows."""
    names = whole.collect_schema().names()
    if scorer.recipe.task == "regression":
        rows = int(whole.select(pl.len()).collect().item())
        return Scored(target, rows, (), tuple(names), scorer.notes)
    if scorer.recipe.task == "generate":
        counts = whole.select(pl.len(), pl.col(names[-2]).is_null().sum().alias("none")).collect(engine="streaming")
        rows, none = counts.row(0)
        return Scored(target, rows, (("answered", rows - none), ("abstained", none)), tuple(names), scorer.notes)
    decision = names[-1 if scorer.recipe.task == "multilabel" else -2]  # the score stands last, or the list of labels
    counted = whole.group_by(decision).len().sort("len", decision, descending=[True, False])
    decisions = tuple((str(value), int(n)) for value, n in counted.collect(engine="streaming").iter_rows())
    return Scored(target, sum(n for _, n in decisions), decisions, tuple(names), scorer.notes)
