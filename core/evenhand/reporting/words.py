"""Numbers and verdicts in a reader's words: percent for shares, points for their gaps, words for what is undefined."""

from __future__ import annotations

import math
import re
from typing import Any

THIN = "\u202f"  # narrow space that does not break
VERDICTS = {
    "within": ("within", "Within tolerance", "✓"),
    "exceeded": ("exceeded", "Tolerance exceeded", "✕"),
    "not enough evidence": ("unsure", "Not enough evidence", "?"),
    None: ("unjudged", "Not judged", "–"),
}
SEVERITY = {"exceeded": 0, "not enough evidence": 1, "within": 2}
DIRECTION = {"higher": "higher is better", "lower": "lower is better", "": "neither direction is better in itself"}
KINDS = {
    "difference": "against the reference group",
    "rest": "against everyone else",
    "largest": "largest gap between any two groups",
    "ratio": "lowest group as a ratio of the highest",
}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_STEERING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]")  # they turn the direction of what follows
_BREAKS = re.compile("[\x85\u2028\u2029]")


def clean(text: Any) -> str:
    """Text that HTML, XML and YAML can hold: what they forbid becomes the replacement character."""
    return _BREAKS.sub(" ", _CONTROL.sub("\ufffd", str(text)))


def one_line(text: Any) -> str:
    """For attributes and titles, where no <bdi> can stand: no line breaks, no direction marks."""
    return " ".join(_STEERING.sub("", clean(text)).split())


def visible_marks(text: str) -> str:
    """The same text with its invisible direction marks spelled out."""
    return _STEERING.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def finite(value: Any) -> float | None:
    """The number, or None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def number(value: Any) -> str:
    """Three decimals, fewer for large numbers; an en dash for what is not there."""
    if isinstance(value, (bool, str)):
        return clean(value)
    found = finite(value)
    if found is None:
        return "–"
    if isinstance(value, int):
        return count(value)
    if found and abs(found) < 0.001:
        return f"{found:.2g}"
    return (f"{found:.3f}" if abs(found) < 100 else f"{found:,.1f}".replace(",", THIN)).replace("-", "−")


def count(value: Any) -> str:
    """A whole number with narrow spaces between the thousands."""
    found = finite(value)
    return "–" if found is None else f"{round(found):,}".replace(",", THIN).replace("-", "−")


def show(value: Any, unit: Any = "") -> str:
    """A value of a metric: shares in percent."""
    found = finite(value)
    if unit != "share" or found is None:
        return number(value)
    return _hundredths(found) + THIN + "%"


def gap(value: Any, unit: Any = "", kind: str = "difference") -> str:
    """A gap: differences of shares in percentage points, ratios as they are."""
    found = finite(value)
    if kind == "ratio" or unit != "share" or found is None:
        return number(found if found is None or kind != "ratio" else round(found, 3))
    return _hundredths(found) + THIN + "points"


def _hundredths(value: float) -> str:
    percent = 100 * value
    text = f"{percent:.1f}" if percent == 0 or abs(percent) >= 0.1 else f"{percent:.2g}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def between(entry: dict[str, Any], unit: Any = "", tail: str = "", kind: str | None = None) -> str:
    """ "71.2 % to 79.0 %"; a side without a limit is said to be open."""
    lower, upper = finite(entry.get(f"lower{tail}")), finite(entry.get(f"upper{tail}"))
    if lower is None and upper is None:
        return "–"

    def side(value: float) -> str:
        return show(value, unit) if kind is None else gap(value, unit, kind)

    if lower is None or upper is None:
        return f"at least {side(lower)}" if lower is not None else f"at most {side(upper or 0.0)}"
    first, second = side(lower), side(upper)
    shared = next((f"{THIN}{word}" for word in ("%", "points") if second.endswith(word)), "")
    return f"{first.removesuffix(shared)} to {second}"


def plain(value: Any) -> str:
    """A setting or fact as text: lists with commas, tables as key = value."""
    if isinstance(value, dict):
        return ", ".join(f"{key} = {plain(part)}" for key, part in value.items()) or "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(part) for part in value) or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None or value == "" else clean(value)


def verdict(value: Any) -> tuple[str, str, str]:
    """(class name, words, sign) of a verdict."""
    return VERDICTS.get(value, VERDICTS[None])


def label_of(metric: dict[str, Any]) -> str:
    """The metric's readable name."""
    return str(metric.get("label") or metric["name"])


def direction(metric: dict[str, Any]) -> str:
    """Which way is better, in words; never left to an abbreviation."""
    return DIRECTION.get(metric.get("better") or "", DIRECTION[""])


def quantity(n: int, word: str) -> str:
    """ "1 group", "3 groups"."""
    return f"{count(n)} {word}{'' if n == 1 else 's'}"


def join(parts: list[str], last: str = "and") -> str:
    """ "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}" if parts else ""
