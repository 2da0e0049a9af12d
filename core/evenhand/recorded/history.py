"""Which model stands for a run: history.json beside it, a chain of lines that the user's key signs.

Every line holds the hash of the line before it and a signature (HMAC-SHA256); the file is sealed over how many there
are, and beside the key lies how long each history was last seen. So a line that was edited, moved or cut off is found,
and so is an old copy that was put back. Who holds the key can still write a history of his own: keep it as you would a
password.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenhand.errors import BadInput
from evenhand.files import atomic, digest, own, read_plain, why

HISTORY, FORMAT, VERSION = "history.json", "evenhand-history", 1
PROMOTE, ROLL_BACK = "promote", "roll back"
START = "0" * 64  # the hash before the first line
SIGNATURE = "signature"
HERE = "."


@dataclass(frozen=True, slots=True)
class History:
    """The lines of a run's history, the oldest first, checked against the key.

    `run`: the folder of the run that it stands beside.
    """

    run: Path
    lines: tuple[Mapping[str, Any], ...] = ()

    @property
    def champions(self) -> tuple[str, ...]:
        """The folders in the order in which they came to stand for the run, without those that were rolled back."""
        found = [HERE]
        for line in self.lines:
            if line["action"] == PROMOTE:
                found.append(str(line["to"]))
            elif len(found) > 1:
                found.pop()
        return tuple(found)

    @property
    def champion(self) -> Path:
        """The folder whose model stands for the run."""
        return self.folder(self.champions[-1])

    def folder(self, name: str) -> Path:
        """The folder that a line names, relative to the run's."""
        return self.run if name == HERE else Path(os.path.normpath(self.run / name))


def key_file() -> Path:
    """Where the key is: $EVENHAND_KEY, else `evenhand/key` in the user's folder of settings."""
    named = os.environ.get("EVENHAND_KEY")
    if named:
        return Path(named)
    try:
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "evenhand" / "key"
    except RuntimeError:  # a user without a home, as in many containers
        raise BadInput("this user has no home folder for a key; set EVENHAND_KEY to a file of yours") from None


def read_history(run: Path) -> History:
    """The history beside `run`, empty where there is none.

    BadInput where it is damaged, was edited or cut, or is signed with another key than this user's.
    """
    if not os.path.lexists(run / HISTORY):
        return History(run)
    history, key = History(run, tuple(_lines(run))), _key(make=False)
    wrong = _wrong(history, _document(run).get("sealed"), key)
    if wrong:
        raise BadInput(f"{run / HISTORY} cannot be trusted: {wrong}; restore it from a copy")
    return history


def promoted(run: str | Path) -> Path:
    """The folder whose model stands for `run`: the one that was promoted last, else `run` itself.

    BadInput where the history was edited or cut, or that model is no longer the one that was promoted.
    """
    history = read_history(Path(run))
    champion = history.champion
    if champion != history.run and _model(champion) != _promotion(history)["model_sha256"]:
        raise BadInput(
            f"{champion} does not hold the model that was promoted for {run}; restore it, or go back to the one before"
            f" (evenhand rollback {run})"
        )
    return champion


def append(history: History, action: str, to: Path, **facts: Any) -> History:
    """The history with one signed line more, on disk at once or not at all. The caller holds the run's lock."""
    key = _key(make=True)
    before = history.lines[-1] if history.lines else None
    name = HERE if to.resolve() == history.run.resolve() else os.path.relpath(to.resolve(), history.run.resolve())
    line: dict[str, Any] = {
        "line": len(history.lines) + 1,
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "action": action,
        "from": history.champions[-1],
        "to": Path(name).as_posix(),
        "model_sha256": _model(to),
        **facts,
        "before": START if before is None else hash_of(before),
    }
    line[SIGNATURE] = _signed(key, _text(line))
    now = History(history.run, (*history.lines, line))
    about = {"format": FORMAT, "version": VERSION, "sealed": _seal(key, now.lines)}
    text = ",\n  ".join(json.dumps(one, ensure_ascii=False) for one in now.lines)
    head = json.dumps(about, indent=1)[:-2]
    with atomic(history.run / HISTORY) as temporary:
        temporary.write_text(f'{head},\n "lines": [\n  {text}\n ]\n}}\n', "utf-8")
    _remember(now)
    return now


def check(run: Path) -> list[tuple[str, bool, str]]:
    """(what, whether it holds, one sentence) for `evenhand verify`; nothing where there is no history."""
    if not os.path.lexists(run / HISTORY):
        return []
    try:
        history = read_history(run)
    except BadInput as error:
        return [(HISTORY, False, str(error))]
    found = [(HISTORY, True, f"{len(history.lines)} signed lines, each after the one before; none is missing")]
    for line in history.lines:
        if line["action"] == PROMOTE:
            same = _model(history.folder(line["to"])) == line["model_sha256"]
            says = "is there as it was promoted" if same else "is gone, or not the one that was promoted"
            found.append((f"the model of {line['to']}", same, says))
    return found


def hash_of(line: Mapping[str, Any]) -> str:
    """sha256 of a whole line, signature and all."""
    return hashlib.sha256(json.dumps(line, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _wrong(history: History, sealed: Any, key: bytes) -> str:
    """What is wrong with the lines, in words; nothing where all is well."""
    before = START
    for number, line in enumerate(history.lines, start=1):
        if not hmac.compare_digest(str(line[SIGNATURE]), _signed(key, _text(line))):
            return f"line {number} was edited, or signed with another key than {key_file()}"
        if line["line"] != number or line["before"] != before:
            return f"a line before line {number} is missing or was moved"
        before = hash_of(line)
    if not hmac.compare_digest(str(sealed), _seal(key, history.lines)):
        return "lines at its end are missing"
    known = _known().get(hash_of(history.lines[0])) if history.lines else None
    if known and (len(history.lines) < known["lines"] or hash_of(history.lines[known["lines"] - 1]) != known["last"]):
        return f"it once had {known['lines']} lines here, and this is an older copy"
    return ""


def _lines(run: Path) -> list[Mapping[str, Any]]:
    lines = _document(run)["lines"]
    needed = {"line": int, "action": str, "to": str, "from": str, "model_sha256": str, "before": str, SIGNATURE: str}
    for line in lines:
        if not isinstance(line, dict) or any(not isinstance(line.get(key), kind) for key, kind in needed.items()):
            raise BadInput(f"{run / HISTORY} is damaged: it holds a line that is none; restore it from a copy")
    return list(lines)


def _document(run: Path) -> dict[str, Any]:
    try:
        found = json.loads(own(run, HISTORY).read_bytes())
        if found["format"] == FORMAT and found["version"] == VERSION and isinstance(found["lines"], list):
            return dict(found)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise BadInput(f"{run / HISTORY} is damaged, or of another version; restore it from a copy")


def _promotion(history: History) -> Mapping[str, Any]:
    """The line that promoted the present champion."""
    return next(x for x in reversed(history.lines) if x["action"] == PROMOTE and x["to"] == history.champions[-1])


def _model(folder: Path) -> str:
    model = own(folder, "model")
    return digest(model) if model.exists() else ""


def _text(line: Mapping[str, Any]) -> bytes:
    unsigned = {name: value for name, value in line.items() if name != SIGNATURE}
    return json.dumps(unsigned, sort_keys=True, ensure_ascii=False).encode()


def _signed(key: bytes, text: bytes) -> str:
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def _seal(key: bytes, lines: Sequence[Mapping[str, Any]]) -> str:
    last = hash_of(lines[-1]) if lines else START
    return _signed(key, f"sealed {len(lines)} {last}".encode())


def _key(make: bool) -> bytes:
    """The key; made where there is none, readable by its owner alone."""
    file = key_file()
    if make and not os.path.lexists(file):
        _make_key(file)
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise BadInput(f"the key {file} can be read by others, who could sign as you; chmod 600 {file}")
        key = read_plain(file).strip()
    except OSError as error:
        raise BadInput(
            f"the history is signed, and its key {file} cannot be read ({why(error)}); name the file with EVENHAND_KEY"
        ) from None
    if len(key) < 32:
        raise BadInput(f"the key {file} is shorter than 32 characters; name another file with EVENHAND_KEY")
    return key


def _make_key(file: Path) -> None:
    """A new key, there whole or not at all; that of another process stays where it was first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    opened, temporary = tempfile.mkstemp(dir=file.parent, prefix=".tmp-")  # readable by its owner alone
    try:
        with os.fdopen(opened, "w") as written:
            written.write(secrets.token_hex(32) + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(temporary, file)
    finally:
        os.unlink(temporary)


def _seen() -> Path:
    """How long each history was, beside the key."""
    file = key_file()
    return file.with_name(f"{file.name}.seen.json")


def _known() -> dict[str, Any]:
    try:
        found = json.loads(_seen().read_bytes())
        return {name: {"lines": int(one["lines"]), "last": str(one["last"])} for name, one in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(f"{_seen()} is damaged; restore it, or remove it to trust the histories as they are") from None


def _remember(history: History) -> None:
    first, last = hash_of(history.lines[0]), hash_of(history.lines[-1])
    known = {**_known(), first: {"lines": len(history.lines), "last": last}}
    with atomic(_seen()) as temporary:
        temporary.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")
