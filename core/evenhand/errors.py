"""What can go wrong, in words a user can act on: every message says what, where and how to mend it."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable

LONGEST = 399  # characters of a sentence: what is echoed must not hide what is said
LONG_WORD = re.compile(r"\S{61,}")


class BadInput(Exception):
    """The user's file, option or recipe is wrong. The command line prints the sentence and exits with 2.

    >>> len(str(BadInput("the column " + "x" * 5_000 + " is not there; name another")))
    89
    """

    def __init__(self, says: object = "") -> None:
        super().__init__(in_short(str(says)))


class PluginFault(Exception):
    """A plugin raised, or returned what its hook must not return. Names the plugin and the hook."""

    def __init__(self, says: object = "") -> None:
        super().__init__(in_short(str(says)))


def in_short(says: str) -> str:
    """A sentence under 400 characters: one that is longer loses the middle of its long words, and then its own."""
    if len(says) > LONGEST:
        says = LONG_WORD.sub(lambda found: f"{found[0][:40]}…{found[0][-10:]}", says)
    if len(says) > LONGEST:
        says = f"{says[: LONGEST - 151]} … {says[-148:]}"  # how to mend it stands at the end
    return says


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """ " Did you mean 'sex'?" for the closest of `known`, or "" when none is close."""
    if len(wrong) > LONGEST:  # of no name; comparing takes the square of its length
        return ""
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(wrong.lower(), lowered, n=1, cutoff=0.5)
    return f" Did you mean '{lowered[close[0]]}'?" if close else ""


def typed(option: str, value: object) -> str:
    """An option and its value as a shell takes them, for a sentence that says what to type.

    >>> typed("--positive", ">50K"), typed("--positive", "yes")
    ("--positive '>50K'", '--positive yes')
    """
    return f"{option} {shlex.quote(str(value))}"


def of_toml(error: Exception) -> str:
    """What is wrong with TOML that cannot be read.

    >>> of_toml(RecursionError("maximum recursion depth exceeded"))
    'its brackets nest too deep'
    """
    return "its brackets nest too deep" if isinstance(error, RecursionError) else str(error)


def missing_column(wanted: str, where: str, columns: Iterable[str], option: str = "") -> BadInput:
    """The error for a column that is not there, naming the ones that are and the closest of them."""
    names = list(columns)
    shown = ", ".join(names[:20]) + (f", … ({len(names)} in all)" if len(names) > 20 else "")
    hint = did_you_mean(wanted, names)
    tail = f"  ({option})" if option else ""
    return BadInput(f"column '{wanted}' is not in {where}; it has: {shown}.{hint}{tail}")
