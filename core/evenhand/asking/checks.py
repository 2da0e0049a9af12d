"""What each part of a Question may be: read into plain values, or refused in one sentence that names the part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

from evenhand.errors import BadInput, did_you_mean

MOST_BINS = 100
MOST_LOOKS = 100_000
MOST_CONFIDENCE = 0.999999
TASKS = ("binary", "multiclass", "multilabel", "regression", "selection")
TARGETS = ("sensitivity", "specificity", "selection_rate", "precision")  # of an operating point
MITIGATIONS = ("sweep", "fairlearn")

Read = Callable[[str, Any], Any]  # (name of the part, what was given) -> what the Question holds


class WrongPart(BadInput):
    """A part of a Question that cannot be.

    key: its name, dotted inside a table. says: what is wrong, without the place. unknown: there is no such part at all.
    """

    def __init__(self, key: str, value: Any, says: str, unknown: bool = False) -> None:
        super().__init__(says if unknown else f"{says} (--{key.split('.')[0]})")
        self.key, self.value, self.says, self.unknown = key, value, says, unknown


def column(key: str, value: Any) -> str | None:
    """The name of one column, or None."""
    if value is not None and not isinstance(value, str):
        raise WrongPart(key, value, f"columns are named by text, and {value!r} is none; rename that column")
    return None if value is None else str(value)


def columns(key: str, value: Any) -> tuple[str, ...]:
    """Names of columns, each once; one column may be named alone."""
    found = [column(key, name) for name in _listed(value)]
    if None in found:
        raise WrongPart(key, value, "columns are named by text, and None is none; rename that column")
    return tuple(dict.fromkeys(name for name in found if name is not None))


def metrics(key: str, value: Any) -> tuple[str, ...]:
    """Names of metrics; one may be named alone. Which of them there are depends on the task, and is seen later."""
    return tuple(_metric(key, name) for name in _listed(value))


def _metric(key: str, name: Any) -> str:
    if not isinstance(name, str):
        raise WrongPart(key, name, f"there is no metric '{name}'; metrics are named by text, as tpr")
    return str(name)


def text(key: str, value: Any) -> str | None:
    """A line of text, or None."""
    if value is not None and not isinstance(value, str):
        raise WrongPart(key, value, f"the {key} {value!r} is no text")
    return value or None


def task(key: str, value: Any) -> str | None:
    """What is predicted, or None."""
    if value is not None and value not in TASKS:
        raise WrongPart(key, value, f"the task {value!r} is unknown; it is one of {', '.join(TASKS)}")
    return None if value is None else str(value)


def mitigation(key: str, value: Any) -> str:
    """How other thresholds are previewed."""
    if value not in MITIGATIONS:
        raise WrongPart(key, value, f"the mitigation {value!r} is neither {' nor '.join(MITIGATIONS)}")
    return str(value)


def flag(key: str, value: Any) -> bool:
    """True or false."""
    value = _plain(value)
    if not isinstance(value, bool):
        raise WrongPart(key, value, f"{key} is {value!r}; it is either true or false")
    return value


def threshold(key: str, value: Any) -> float | None:
    """A probability, or None."""
    if value is None:
        return None
    if not _number(value) or not 0 <= value <= 1:
        raise WrongPart(key, value, f"the threshold {value!r} is not a number between 0 and 1")
    return float(value)


def operating_point(key: str, value: Any) -> dict[str, float]:
    """What decisions must reach, by one measure; empty where nothing is asked."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise WrongPart(key, value, f"the operating point {value!r} names no measure; write it as sensitivity=0.9")
    for name, wanted in value.items():
        if name not in TARGETS:
            hint = did_you_mean(str(name), TARGETS)
            says = f"an operating point has no '{name}'.{hint} It is one of {', '.join(TARGETS)}"
            raise WrongPart(key, value, says)
        if not _number(wanted) or not 0 < wanted <= 1:
            raise WrongPart(f"{key}.{name}", wanted, f"the {name} {wanted!r} is not a number above 0 and up to 1")
    if len(value) > 1:
        raise WrongPart(key, value, f"the operating point is asked for by {' and '.join(value)}; keep one of them")
    return {str(name): float(wanted) for name, wanted in value.items()}


def confidence(key: str, value: Any) -> float:
    """The confidence of intervals, in (0.5, 1)."""
    if not _number(value) or not 0.5 < value < 1:
        raise WrongPart(key, value, f"the confidence {value!r} is not a number between 0.5 and 1; 0.95 is usual")
    if value > MOST_CONFIDENCE:
        says = f"the confidence {value!r} is nearer to 1 than any rows can be sure; {MOST_CONFIDENCE} is the most"
        raise WrongPart(key, value, f"{says}, and 0.95 is usual")
    return float(value)


def depth(key: str, value: Any) -> int:
    """How many columns meet in an intersection."""
    if not _whole(value) or value not in (1, 2, 3):
        raise WrongPart(key, value, f"the depth of intersections {value!r} is not 1, 2 or 3")
    return int(value)


def replicates(key: str, value: Any) -> int:
    """How many draws the simultaneous bands rest on."""
    if not _whole(value) or not 200 <= value <= 1_000_000:
        raise WrongPart(key, value, f"{value!r} replicates cannot be drawn; use a whole number from 200 to 1,000,000")
    return int(value)


def look(key: str, value: Any) -> int | None:
    """Which look at the question it is: 1, 2, …; None where looks are not counted."""
    if value is None:
        return None
    if not _whole(value) or not 1 <= value <= MOST_LOOKS:
        raise WrongPart(key, value, f"{value!r} is no look at a question; looks are counted from 1 to {MOST_LOOKS:,}")
    return int(value)


def seed(key: str, value: Any) -> int:
    """Where the draws start."""
    if not _whole(value) or value < 0:
        raise WrongPart(key, value, f"the seed {value!r} is not a whole number of 0 or more")
    return int(value)


def tolerance(key: str, value: Any) -> dict[str, float] | float:
    """Largest acceptable gap by metric, or one number for those that a task is usually judged by."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        return _gap(key, value, "the tolerance")
    return {
        _metric(key, name): _gap(f"{key}.{name}", gap, f"the tolerance of {name}", str(name))
        for name, gap in value.items()
    }


def _gap(key: str, value: Any, what: str, name: str = "tpr") -> float:
    if not _number(value) or value < 0:
        raise WrongPart(key, value, f"{what} is {value!r}, which is no number of 0 or more; write it as {name}=0.05")
    return float(value)


def reference(key: str, value: Any) -> dict[str, Any]:
    """Column -> the group to compare with; the empty text is the group whose value is missing."""
    if value is not None and not isinstance(value, Mapping):
        raise WrongPart(key, value, f"the reference {value!r} names no column; write it as sex=male")
    return {str(name): _group(f"{key}.{name}", _plain(group)) for name, group in (value or {}).items()}


def _group(key: str, value: Any) -> Any:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, float) and math.isnan(value):
        return ""
    if isinstance(value, Mapping) or (isinstance(value, Iterable) and not isinstance(value, str)):
        raise WrongPart(key, value, f"the reference {value!r} is no group but several values; name one, as sex=male")
    return value


def names(key: str, value: Any) -> dict[str, str]:
    """What groups are called: "afam.yes" -> "African American"; a table of tables, as TOML reads afam.yes, too."""
    if value is not None and not isinstance(value, Mapping):
        raise WrongPart(key, value, f"the names {value!r} name no group; write them as afam.yes='African American'")
    found: dict[str, str] = {}
    for name, called in (value or {}).items():
        inside = called.items() if isinstance(called, Mapping) else [(None, called)]
        for group, text in inside:
            if not isinstance(text, str) or not text.strip():
                raise WrongPart(key, value, f"the name {text!r} of '{name}' is no text")
            found[str(name) if group is None else f"{name}.{_plain(group)}"] = text.strip()
    return found


def bins(key: str, value: Any) -> dict[str, int | str | tuple[float, ...]]:
    """Column -> a number of bins, the edges between them, or "each" for a group per value."""
    if value is not None and not isinstance(value, Mapping):
        raise WrongPart(key, value, f"the bins {value!r} name no column; write them as age=4 or age=30,50,65")
    return {str(name): _cut(f"{key}.{name}", name, how) for name, how in (value or {}).items()}


def _cut(key: str, name: Any, how: Any) -> int | str | tuple[float, ...]:
    if isinstance(how, str) and how == "each":
        return how
    if _whole(how):
        if not 2 <= int(how) <= MOST_BINS:
            raise WrongPart(key, how, f"{int(how)} bins of '{name}' cannot be compared; ask for 2 to {MOST_BINS}")
        return int(how)
    if isinstance(how, str | Mapping) or not isinstance(how, Iterable):
        says = (
            f"the bins of '{name}' are {how!r}; "
            "give a number of bins, as age=4, or the edges between them, as age=30,50,65"
        )
        raise WrongPart(key, how, says)
    edges = list(how)
    for edge in edges:
        if not _number(edge):
            raise WrongPart(key, how, f"the edge {edge!r} between the bins of '{name}' is no finite number")
    if not 1 <= len(edges) < MOST_BINS:
        says = f"{len(edges)} edges make {len(edges) + 1} bins of '{name}'; give 1 to {MOST_BINS - 1} edges"
        raise WrongPart(key, how, says)
    if any(high <= low for low, high in pairwise(edges)):
        shown = ", ".join(f"{edge:g}" for edge in edges)
        says = f"the edges {shown} between the bins of '{name}' do not increase; write each once, in order"
        raise WrongPart(key, how, says)
    return tuple(float(edge) + 0.0 for edge in edges)


def top(key: str, value: Any) -> int | float | None:
    """How many rows are selected by score, or which share of them."""
    if value is None:
        return None
    if _whole(value) and value >= 1:
        return int(value)
    if _number(value) and not _whole(value) and 0 < value < 1:
        return float(value)
    raise WrongPart(key, value, f"the top {value!r} is neither a number of rows (100) nor a share of them (0.1)")


def value(key: str, value: Any) -> Any:
    """A value of the data, numpy's made Python's."""
    return _plain(value)


def anything(key: str, value: Any) -> Any:
    """What is read later, where more is known."""
    return value


def _listed(value: Any) -> list[Any]:
    alone = isinstance(value, str) or not isinstance(value, Iterable)
    return [] if value is None else [value] if alone else list(value)


def _plain(value: Any) -> Any:
    """numpy's scalars as Python's."""
    return value.item() if hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0 else value


def _number(value: Any) -> bool:
    """Any finite real number, numpy's too."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
