"""Tables and options that nobody should give to an audit, drawn from a seed."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

Rng = random.Random
NAMES = ["a", "b", "c"]
HOSTILE = [
    "\x1b[2J",
    "<script>alert(1)</script>",
    "\u202eabc",
    "x" * 3000,
    "a\nb",
    "",
    " ",
    "1.0",
    "-0",
    "nan",
    "😀",
    '"',
    "|",
    "{}",
]
TEXTS = [
    "y",
    "s",
    "g",
    "d",
    "no such",
    "",
    "x" * 5000,
    "\x1b[31m",
    "<script>",
    "1",
    "0",
    "yes",
    "=",
    ",",
    "é",
    "-1",
    "None",
]
NUMBERS = [
    "0.5",
    "0",
    "1",
    "-1",
    "nan",
    "inf",
    "1e308",
    "1e-308",
    "2",
    "x",
    "",
    "0.9999999999999999",
    "100",
    "10%",
    "9" * 400,
]
METRICS = ["tpr", "fpr", "auc", "selection_rate", "mean_score", "log_loss", "f1", "mae", "calibration_error", "tprr"]
ODD_FILES = [
    "[" * 2000 + "]" * 2000,
    "x = 1",
    "sensitive = ['g']\n[tolerance]\ntpr = 0.1",
    "\x00",
    "confidence = 'x'",
    "[ratio",
]


def drawn(rng: Rng) -> tuple[str, bytes, list[str]]:
    """One try: the file to write, and the words of the command line after `evenhand audit`."""
    name, content = file_of(rng, columns(rng))
    return name, content, [name, *options(rng)]


def columns(rng: Rng) -> dict[str, list[Any]]:
    """A table of some rows; most of its columns are as they should be."""
    rows = rng.choice([0, 1, 2, 3, 10, 40, 40, 200])
    kinds = {
        "y": LABELS,
        "s": SCORES,
        "g": GROUPS,
        "d": LABELS,
        "w": WEIGHTS,
        "h": GROUPS,
        "i": [lambda r, n: list(range(n))],
    }
    return {name: rng.choice(ways[: 1 if rng.random() < 0.6 else None])(rng, rows) for name, ways in kinds.items()}


def each(make: Callable[[Rng], Any]) -> Callable[[Rng, int], list[Any]]:
    """A column of so many draws."""
    return lambda rng, rows: [make(rng) for _ in range(rows)]


LABELS = [
    each(lambda r: r.randrange(2)),
    each(lambda r: r.choice(["yes", "no"])),
    each(lambda r: r.choice([True, False])),
    each(lambda r: r.choice([0.0, 1.0, None])),
    each(lambda r: r.choice(["<=50K", ">50K"])),
    each(lambda r: r.randrange(3)),
    each(lambda r: r.gauss(0, 1) * 10 ** r.randrange(-300, 300)),
    each(lambda r: 1),
    each(lambda r: None),
    each(lambda r: r.choice(HOSTILE)),
]
SCORES = [
    each(lambda r: round(r.random(), 3)),
    each(lambda r: 0.5),
    each(lambda r: r.choice([0.1, 0.9, None])),
    each(lambda r: r.choice([0.1, float("nan"), float("inf")])),
    each(lambda r: r.gauss(0, 1) * 10 ** r.randrange(-300, 300)),
    each(lambda r: r.choice(["0.1", "high"])),
]
GROUPS = [
    each(lambda r: r.choice(NAMES)),
    each(lambda r: r.choice([*NAMES, None])),
    each(lambda r: r.choice(HOSTILE)),
    each(lambda r: r.choice([1.0, 2.0, None])),
    each(lambda r: r.gauss(0, 1)),
    each(lambda r: str(r.random())),
    each(lambda r: "a"),
]
WEIGHTS = [
    each(lambda r: r.randrange(1, 4)),
    each(lambda r: r.choice([0, 1e-300, 1e300])),
    each(lambda r: r.choice([-1, 1])),
    each(lambda r: None),
]


def file_of(rng: Rng, table: dict[str, list[Any]]) -> tuple[str, bytes]:
    """The table as a file, which may then be damaged."""
    frame = pl.DataFrame(table, strict=False)
    kind = rng.choice(["csv", "csv", "parquet", "jsonl"])
    target = io.BytesIO()
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[kind](target)
    content = target.getvalue()
    return f"p.{kind}", rng.choice(DAMAGES)(rng, content) if rng.random() < 0.3 else content


def _bytes_changed(rng: Rng, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randrange(1, 20)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _line_more(rng: Rng, content: bytes) -> bytes:
    lines = content.split(b"\n")
    lines.insert(rng.randrange(len(lines) + 1), rng.choice([b"", b"  ", b",,,", b"1,2,3,4,5,6,7,8,9", b'"', lines[0]]))
    return b"\n".join(lines)


DAMAGES: list[Callable[[Rng, bytes], bytes]] = [
    lambda rng, content: content[: rng.randrange(len(content) + 1)],
    _bytes_changed,
    _line_more,
    lambda rng, content: content.replace(b"y,", b"s,", 1),
    lambda rng, content: content.replace(b"\n", b"\r\n"),
    lambda rng, content: b"\xef\xbb\xbf" + content,
    lambda rng, content: content + b"\n" * rng.randrange(5),
    lambda rng, content: content.decode("latin-1").encode("utf-16"),
    lambda rng, content: content.replace(b",", b";"),
    lambda rng, content: b"",
]


def options(rng: Rng) -> list[str]:
    """Options: the usual ones, one of them odd now and then, and a few that are not usual."""
    words = ["--label", "y", "--sensitive", rng.choice(["g", "g", "g,h", "h"])]
    words += rng.choice([["--score", "s"], ["--prediction", "d"], ["--score", "s", "--prediction", "d"]])
    if rng.random() < 0.5:
        words += ["--tolerance", f"{rng.choice(METRICS[:5])}=0.1"]
    for _ in range(rng.choice([0, 0, 1, 2])):
        words += _option(rng)
    if rng.random() < 0.1:
        words.pop(rng.randrange(len(words)))
    return words


def _option(rng: Rng) -> list[str]:
    name = rng.choice(list(VALUES))
    value = VALUES[name](rng)
    return [f"--{name}", value] if value is not None else [f"--{name}"]


def _of(values: Sequence[str]) -> Callable[[Rng], str]:
    return lambda rng: rng.choice(values)


VALUES: dict[str, Callable[[Rng], str | None]] = {
    **dict.fromkeys(
        ("label", "score", "prediction", "sensitive", "cluster", "weight", "id", "within", "slices"), _of(TEXTS)
    ),
    **dict.fromkeys(("positive", "positive-prediction", "favourable", "title"), _of([*TEXTS, *HOSTILE])),
    **dict.fromkeys(("threshold", "confidence", "top", "replicates", "seed", "look", "intersections"), _of(NUMBERS)),
    "tolerance": lambda rng: rng.choice([f"{rng.choice(METRICS)}={rng.choice(NUMBERS)}", rng.choice(NUMBERS)]),
    "bins": lambda rng: f"{rng.choice(['g', 'h', 's', 'zz'])}={rng.choice([*NUMBERS, '1,2,3', '3,1', 'each'])}",
    "reference": lambda rng: f"g={rng.choice([*TEXTS, *HOSTILE])}",
    "metrics": lambda rng: ",".join(rng.sample(METRICS, 3)),
    "task": _of(["binary", "multiclass", "multilabel", "regression", "selection", "x"]),
    "policy": _of(["us-four-fifths", "nyc-ll144", "equal-opportunity", "none", "odd.toml", "x" * 5000, "."]),
    "question": _of(["odd.toml", "no.toml", "."]),
    "labels": _of(["y,d", "y", "zz"]),
    "names": lambda rng: f"{rng.choice(['g', 'h', 'zz'])}.{rng.choice(['a', 'b', *TEXTS])}={rng.choice(HOSTILE)}",
    "notes": _of(["odd.toml", "no.md", ".", "\x00"]),
    "ledger": _of(["odd.toml", "looks.json", ".", "no/looks.json"]),
    "save-question": _of(["odd.toml", "asked.toml", ".", "\x00"]),
    "out": _of(["report", ".", "odd.toml", "\x00", "x" * 300]),
    "mitigation": _of(["sweep", "fairlearn", "x"]),
    "fail-on": _of(["exceeded", "nothing", "x" * 500]),
    "exact": lambda rng: None,
    "strict": lambda rng: None,
    "no such option": lambda rng: None,
}


def odd_file(rng: Rng) -> str:
    """What odd.toml holds."""
    return rng.choice([*ODD_FILES, json.dumps(rng.choice(TEXTS))])
