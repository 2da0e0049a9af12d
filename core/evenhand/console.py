"""What a person sees while something long runs: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

# Control characters, and those that turn the direction of text: in a name they could repaint the terminal.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with every character that a terminal would obey, or could not show, written as its number."""
    return UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


def visible_lines(text: str) -> str:
    """The same for a text of several lines, whose line ends stay."""
    return "\n".join(visible(line) for line in text.split("\n"))


def visible_json(text: str) -> str:
    """The same for JSON, whose texts then mean what they did."""
    return UNSEEN.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


class Progress:
    """Prints to standard error, so that results on standard output can be piped."""

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._live = not quiet and self._stream.isatty()
        self._shown = ("", -1)
        self._drawn = 0.0

    def say(self, line: str) -> None:
        """One line that stays."""
        if not self._quiet:
            self._stream.write(("\r\x1b[K" if self._live else "") + visible(line) + "\n")
            self._stream.flush()

    def step(self, done: int, total: int, what: str) -> None:
        """`done` of `total` for `what`; lines elsewhere than on a terminal come at every quarter."""
        share = done / total if total else 1.0
        if self._quiet:
            return
        if self._live:
            self._draw(share, done, total, what)
        elif (what, int(share * 4)) != self._shown:
            self._shown = (what, int(share * 4))
            self._stream.write(f"    {what}: {done} of {total}\n")
            self._stream.flush()

    def _draw(self, share: float, done: int, total: int, what: str) -> None:
        if share < 1 and time.monotonic() - self._drawn < 0.1:
            return
        self._drawn = time.monotonic()
        filled = int(share * 24)
        self._stream.write(f"\r\x1b[K    {what} [{'█' * filled}{'·' * (24 - filled)}] {done}/{total}")
        if share >= 1:
            self._stream.write("\r\x1b[K")
        self._stream.flush()


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Left-aligned columns of text, as wide as their longest cell."""
    lines = [[_cell(name) for name in header], *[[_cell(value) for value in row] for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else visible(" ".join(str(value).split()))


def print_table(header: tuple[str, ...], rows: list[tuple[Any, ...]], as_json: bool) -> None:
    """Rows on standard output: columns for people, or a list of objects."""
    if as_json:
        import json

        print(json.dumps([dict(zip(header, row, strict=True)) for row in rows], indent=1, default=str), flush=True)
    elif rows:
        print(table(header, rows), flush=True)


def print_records(keys: tuple[str, ...], rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """The same for rows that are objects."""
    print_table(keys, [tuple(row[key] for key in keys) for row in rows], as_json)
