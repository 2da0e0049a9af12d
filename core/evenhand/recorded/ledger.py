"""A ledger of looks: how often a question has been asked, so that asking again costs what it must."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evenhand.asking.question import Question
from evenhand.errors import BadInput
from evenhand.files import atomic, open_own

UNCOUNTED = ("title", "look")  # parts of a question that make it no other one


def take_look(ledger: str | Path, question: Question, data: Any) -> Question:
    """The question as the look at `data` that it is by the ledger, a JSON file that is made where there is none.

    The look is written down before any number is computed, so that what was seen is always counted. The same data is
    the same look, as often as it is asked about; a table in memory, which has no digest, is a new one each time.

    data : path or frame, as `evenhand.audit` takes it.
    Raises BadInput for a ledger that cannot be read or written, and for data that cannot be read.

    >>> import tempfile
    >>> import polars as pl
    >>> folder = tempfile.TemporaryDirectory()
    >>> rows = pl.DataFrame({"hired": [1, 0, 1, 0], "sex": ["f", "f", "m", "m"]})
    >>> asked = Question(prediction="hired", sensitive="sex", tolerance={"selection_rate": 0.1})
    >>> [take_look(folder.name + "/looks.json", asked, rows).look for _ in range(3)]
    [1, 2, 3]
    >>> folder.cleanup()
    """
    from evenhand.auditing.table.source import open_source

    sha256, path = open_source(data).sha256, Path(ledger)
    with _locked(path):
        found = _read(path)
        looks = found["questions"].setdefault(_name(question), {"question": _counted(question), "looks": []})["looks"]
        known = next((one["look"] for one in looks if sha256 is not None and one["data_sha256"] == sha256), None)
        if known is not None:
            return question.but(look=known)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        looks.append({"look": len(looks) + 1, "data_sha256": sha256, "at": now})
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
        return question.but(look=len(looks))


def _counted(question: Question) -> dict[str, Any]:
    return {name: part for name, part in question.table().items() if name not in UNCOUNTED}


def _name(question: Question) -> str:
    text = json.dumps(_counted(question), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two audits at once are two looks."""
    name = f".{path.name}.lock"
    try:
        with os.fdopen(open_own(path.parent, name, os.O_RDWR), "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise BadInput(
            f"the ledger {path} cannot be written: {error.strerror}; name a file in a folder of yours (--ledger)"
        ) from None


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {"format": "evenhand-ledger", "version": 1, "questions": {}}
    try:
        found = json.loads(path.read_text("utf-8"))
        whole = found["format"] == "evenhand-ledger" and all(
            [look["look"] for look in one["looks"]] == list(range(1, len(one["looks"]) + 1))
            and all("data_sha256" in look for look in one["looks"])
            for one in found["questions"].values()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError):
        whole = False
    if not whole:
        raise BadInput(
            f"{path} is no ledger of looks, or a damaged one; name another file, or restore it: without it looks are"
            " not counted (--ledger)"
        )
    return dict(found)
