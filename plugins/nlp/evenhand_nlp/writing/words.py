"""Words of any script: runs of letters, marks and digits; each character alone where a script writes no blanks."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import groupby

from evenhand_nlp.identity.lexicon import UNSPACED

LENGTHS = ((7, "1-7 words"), (12, "8-12 words"), (24, "13-24 words"), (60, "25-60 words"))
LONGER = "61 words or more"
EMPTY = "no words"


@lru_cache(maxsize=20_000)
def _kind(character: str) -> int:
    """1 for what a word is made of, 2 for a character that is a word by itself, 0 for what is between words."""
    if UNSPACED.match(character):
        return 2 if unicodedata.category(character)[0] in "LN" else 1
    return 1 if unicodedata.category(character)[0] in "LNM" else 0


def words(text: str) -> list[str]:
    """The words of a text, composed and without case.

    >>> words("It's 3 o’clock, ça va?"), words("今天很好 ok")
    (['it', 's', '3', 'o', 'clock', 'ça', 'va'], ['今', '天', '很', '好', 'ok'])
    """
    found = []
    for kind, run in groupby(unicodedata.normalize("NFKC", text).casefold(), _kind):
        if kind == 1:
            found.append("".join(run))
        elif kind == 2:
            found.extend(run)
    return found


def length_band(text: str) -> str:
    """The length of a text in words, in bins that people can read."""
    count = len(words(text))
    return EMPTY if count == 0 else next((name for most, name in LENGTHS if count <= most), LONGER)


class AnyScript:
    """rouge-score's tokenizer for any script: its own keeps a to z and 0 to 9 alone."""

    def tokenize(self, text: str) -> list[str]:
        """The words."""
        return words(text)
