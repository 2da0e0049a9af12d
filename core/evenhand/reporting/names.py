"""Names from outside: shortened where they are shown, kept whole once at the end of the page, never let loose as mark-up."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

from evenhand.reporting.words import clean, one_line, visible_marks

SHOWN = 56  # characters of a name in a table
SENTENCE = 700  # characters of a text in a paragraph
BUDGET = 500_000  # bytes that all whole names together may take, so that the page stays below 2 MB
KEPT = 300  # characters that are kept of a name for which the budget has no room
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]")


class Names:
    """The names of one page: gives each long one a number under which the reader finds it whole."""

    def __init__(self) -> None:
        self.whole: dict[str, int] = {}

    def text(self, raw: Any) -> str:
        """A name as plain text, for attributes and charts."""
        line = one_line(raw)
        if len(line) <= SHOWN:
            return line or "(empty)"
        return f"{_shortened(line)} [{self._number(str(raw))}]"

    def label(self, raw: Any) -> Markup:
        """A name set apart from the direction of the text around it; without a link, for headings and buttons."""
        return Markup("<bdi>{}</bdi>").format(self.text(raw))

    def name(self, raw: Any) -> Markup:
        """A name with a link to the whole of it where it had to be shortened."""
        line = one_line(raw)
        if len(line) <= SHOWN:
            return self.label(raw)
        n = self._number(str(raw))
        return Markup('<bdi>{}</bdi> <a class="ref" href="#name-{}" aria-label="name {} in full">[{}]</a>').format(
            _shortened(line), n, n, n
        )

    def prose(self, raw: Any) -> Markup:
        """A text from outside: names in it that are long or run from right to left are shortened and set apart."""
        text, parts = clean(raw), []
        for name in sorted(self.whole, key=len, reverse=True):
            text = text.replace(clean(name), self.text(name))
        if len(text) > SENTENCE:
            n = self._number(str(raw))
            parts.append(Markup(' <a class="ref" href="#name-{}" aria-label="text {} in full">[{}]</a>').format(n, n, n))
            text = text[:SENTENCE] + "…"
        body = Markup("<bdi>{}</bdi>").format(text) if _RIGHT_TO_LEFT.search(text) else escape(text)
        return Markup("").join([body, *parts])

    def listed(self) -> list[tuple[int, str, str]]:
        """(number, whole name, what had to be left out) of every shortened name."""
        room, found = BUDGET, []
        for name, n in self.whole.items():
            text = visible_marks(clean(name))
            size = len(str(escape(text)).encode())
            if size <= room:
                room -= size
                found.append((n, text, ""))
            else:
                found.append((n, text[:KEPT] + "…", f"{len(text):,} characters; audit.json holds all of them"))
        return found

    def _number(self, raw: str) -> int:
        return self.whole.setdefault(raw, len(self.whole) + 1)


def _shortened(line: str) -> str:
    """Beginning and end of a name; of each part where attributes meet, so that parts stay apart."""
    parts = line.split(" × ")
    room = max(10, (SHOWN - 3 * (len(parts) - 1)) // len(parts))
    if len(parts) > 4:
        parts, room = [line], SHOWN
    return " × ".join(p if len(p) <= room else f"{p[: room * 2 // 3]}…{p[-(room // 4) :]}" for p in parts)
