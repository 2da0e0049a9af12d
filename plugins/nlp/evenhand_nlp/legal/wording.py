"""How a clause is worded, in lawyers' words or in everyday ones, and how long it is: properties of a text."""

from __future__ import annotations

import re
from collections.abc import Iterable

LEGALESE, PLAIN = "legalese", "plain wording"
LENGTHS = ((15, "1-15 words"), (30, "16-30 words"), (60, "31-60 words"))
LONGEST = "61 words or more"

# Words that plain-language guides tell drafters to replace (Plain Language Association; Garner, Legal Writing in Plain
# English, 2001; the US Plain Writing Act's guidelines), matched as whole words in any case.
MARKERS = re.compile(
    r"\b(shall|hereby|herein\w*|hereof|hereto|hereunder|thereof|therein|thereto|thereunder|whereas|aforesaid"
    r"|notwithstanding|pursuant|forthwith|deemed|in no event|without limitation|including but not limited to"
    r"|to the (?:fullest|maximum|full) extent|at (?:its|our|their) sole (?:and absolute )?discretion"
    r"|sole discretion|indemnif\w+|hold harmless|prior to|in the event (?:that|of)|in accordance with|warrant\w*"
    r"|liabilit\w+|jurisdiction|terminat\w+|consequential|merchantability)\b",
    re.IGNORECASE,
)
ABOUT = (
    "Wording and length are properties of a clause, not of people: whoever drafts plainly should not have the same"
    " clause overlooked. Words are counted between spaces, so texts in languages without them are all short here.",
    ("column", "rule"),
    (
        (
            "wording",
            "legalese: holds a word or phrase that guides to plain drafting tell to replace; else plain wording",
        ),
        ("sentence_length", "words in the text: 1-15, 16-30, 31-60, 61 or more"),
    ),
)


def wording(text: str) -> str:
    """LEGALESE where the text has one of the markers, else PLAIN."""
    return LEGALESE if MARKERS.search(text) else PLAIN


def sentence_length(text: str) -> str:
    """The text's length in words, in four bins."""
    words = len(text.split())
    return next((name for most, name in LENGTHS if words <= most), LONGEST)


COLUMNS = {"wording": wording, "sentence_length": sentence_length}


def columns(names: Iterable[str], texts: Iterable[str]) -> dict[str, list[str]]:
    """Those of the columns that are named, one value for each text."""
    read = list(texts)
    return {name: [COLUMNS[name](text) for text in read] for name in names if name in COLUMNS}
