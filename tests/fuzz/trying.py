"""Audits that should not be: `make fuzz`, or `python tests/fuzz/trying.py --seed 7 --count 500`.

Every outcome is exit code 0, 1 or 3 with an audit.json that the schema knows and nothing on standard error, or exit
code 2 with one sentence under 400 characters and nothing on standard output. What is neither is printed with the seed
that draws it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import spoiling

from evenhand.commands.app import main
from evenhand.console import UNSEEN

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "audit.schema.json"
SECONDS = 120  # after which a try hangs


class Outcome(NamedTuple):
    """What a command left behind."""

    code: Any
    out: str
    err: str


def tried(seed: int, folder: Path) -> tuple[list[str], Outcome]:
    """(the words of the command, what came of it) of one seed, in an empty folder."""
    rng = random.Random(seed)
    name, content, words = spoiling.drawn(rng)
    (folder / name).write_bytes(content)
    (folder / "odd.toml").write_text(spoiling.odd_file(rng))
    return words, commanded(["audit", *words, "--json"], folder)


def commanded(words: list[str], folder: Path) -> Outcome:
    """A command line run in this process, with what it and native code wrote."""
    before, place, code = sys.argv, Path.cwd(), None
    with written() as said:
        try:
            os.chdir(folder)
            sys.argv = ["evenhand", *words]
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                main()
        except SystemExit as end:
            code = end.code or 0
        except BaseException as error:  # which a user would see as a traceback
            code = repr(error)
        finally:
            sys.argv = before
            os.chdir(place)
    return Outcome(code, *said)


@contextlib.contextmanager
def written() -> Iterator[list[str]]:
    """A list that holds, afterwards, what was written to the descriptors 1 and 2 meanwhile."""
    said: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "out"), Path(folder, "err")
        kept = [os.dup(number) for number in (1, 2)]
        streams = sys.stdout, sys.stderr
        for number, file in zip((1, 2), files, strict=True):
            opened = os.open(file, os.O_WRONLY | os.O_CREAT)
            os.dup2(opened, number)
            os.close(opened)
        sys.stdout, sys.stderr = (open(number, "w", closefd=False, encoding="utf-8") for number in (1, 2))  # noqa: SIM115
        try:
            yield said
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            sys.stdout, sys.stderr = streams
            for number, was in zip((1, 2), kept, strict=True):
                os.dup2(was, number)
                os.close(was)
            said += [file.read_text("utf-8", "replace") for file in files]


def wrong(found: Outcome, schema: Any) -> str | None:
    """Why an outcome is none that may be; None for one that may."""
    if found.code in (0, 1, 3):
        if found.err:
            return f"said beside the audit: {found.err[:300]!r}"
        try:
            jsonschema.validate(json.loads(found.out), schema)
        except ValueError:
            return f"printed no JSON: {found.out[:200]!r}"
        except jsonschema.ValidationError as error:
            return f"is not as the schema says: {error.json_path}: {error.message[:200]}"
        return f"printed control characters: {found.out!r}" if UNSEEN.search(found.out.replace("\n", "")) else None
    if found.code != 2:
        return f"ended with {found.code!r}: {found.err[-300:]!r}"
    said = found.err.removesuffix("\n")
    if found.out or UNSEEN.search(said) or not said.startswith("evenhand: ") or len(said) - len("evenhand: ") >= 400:
        return f"is no sentence: {found.out[:100]!r} {found.err[:600]!r}"
    return f"says {said!r}" if "a fault of evenhand itself" in said else None


@contextlib.contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in what takes longer."""

    def late(*_: Any) -> None:
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fuzz(seed: int, count: int) -> tuple[Counter[Any], list[str]]:
    """(how often each exit code came, what may not be) of so many tries from a seed on."""
    schema, codes, faults = json.loads(SCHEMA.read_text()), Counter[Any](), []
    for one in range(seed, seed + count):
        with tempfile.TemporaryDirectory() as folder, limited(SECONDS):
            words, found = tried(one, Path(folder))
        codes[found.code] += 1
        if why := wrong(found, schema):
            faults.append(f"--seed {one} --count 1: {' '.join(words)[:300]}\n    {why}")
    return codes, faults


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=500)
    asked = parser.parse_args()
    codes, faults = fuzz(asked.seed, asked.count)
    print("\n".join(faults))
    print(
        f"{asked.count} tries from seed {asked.seed}: "
        + ", ".join(f"{n} ended with {code}" for code, n in codes.items())
    )
    sys.exit(1 if faults else 0)
