"""Whether a text has marks of African American English in its words or spelling: a slice of texts, not of people."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files

from evenhand_nlp.identity.lexicon import MARK

MARKED, PLAIN = "marks of African American English", "no such mark"
LONGEST = 100_000  # characters of a text that are looked through


def dialect(text: str) -> str:
    """MARKED where a word, spelling or turn of dialect.toml stands in the text, else PLAIN."""
    return MARKED if _pattern().search(text[:LONGEST].replace("’", "'")) else PLAIN


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    told = _told()
    words = [re.escape(word) for word in told["words"]]
    either = "|".join(sorted(words, key=len, reverse=True) + list(told["turns"]))
    return re.compile(rf"(?<![{MARK[1:-1]}'@#/])(?:{either})(?!{MARK})", re.IGNORECASE)


@lru_cache(maxsize=1)
def _told() -> dict[str, list[str]]:
    return tomllib.loads(files(__package__).joinpath("dialect.toml").read_text("utf-8"))


def limits() -> tuple[str, ...]:
    """What the marks cannot tell."""
    return tuple(_told()["limits"])
