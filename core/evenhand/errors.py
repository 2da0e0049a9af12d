"""What can go wrong, in words a user can act on: every message says what, where and how to mend it."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable


class BadInput(Exception):
    """The user's file, option or recipe is wrong. The command line prints the sentence and exits with 2."""


class PluginFault(Exception):
    """A plugin raised, or returned what its hook must not return. Names the plugin and the hook."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """ " Did you mean 'sex'?" for the closest of `known`, or "" when none is close."""
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(wrong.lower(), lowered, n=1, cutoff=0.5)
    return f" Did you mean '{lowered[close[0]]}'?" if close else ""


def typed(option: str, value: object) -> str:
    """An option and its value as a shell takes them, for a sentence that says what to type.

    >>> typed("--positive", ">50K"), typed("--positive", "yes")
    ("--positive '>50K'", '--positive yes')
    """
    return f"{option} {shlex.quote(str(value))}"


def missing_column(wanted: str, where: str, columns: Iterable[str], option: str = "") -> BadInput:
    """The error for a column that is not there, naming the ones that are and the closest of them."""
    names = list(columns)
    shown = ", ".join(names[:20]) + (f", … ({len(names)} in all)" if len(names) > 20 else "")
    hint = did_you_mean(wanted, names)
    tail = f"  ({option})" if option else ""
    return BadInput(f"column '{wanted}' is not in {where}; it has: {shown}.{hint}{tail}")
