"""Does adapting help? A sentence from the paired gain over the best baseline: yes, no, or not shown and what would."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from evenhand.figures import count, number

POWER = (1.96 + 0.84) / 1.96  # half widths of the interval that a true gain needs, to show four times of five


class Gain(NamedTuple):
    """How a gain is told: who is better and how, and of what; points: in hundredths of it."""

    ours: str
    theirs: str
    what: str
    points: bool = True


GAINS = {
    "quality_gain": Gain("the adapted model's texts are better", "the best baseline's texts are better", "quality"),
    "macro_f1_gain": Gain("the adapted model is better", "the best baseline is better", "macro F1"),
    "mae_gain": Gain("the adapted model errs less", "the best baseline errs less", "mean absolute error", points=False),
    "auc_gain": Gain(
        "the adapted model tells positive rows from others better",
        "the best baseline tells positive rows from others better",
        "AUC",
    ),
    "accuracy_gain": Gain("the adapted model is right more often", "the best baseline is right more often", "accuracy"),
}  # what says most comes first


def helps(evaluation: list[dict[str, Any]]) -> str:
    """Whether adapting helped, how much, and over which baseline."""
    if not evaluation:
        return "It cannot be said: nothing was measured, as no test row has a label."
    gain = _decisive(evaluation)
    if gain is None:
        alone = len({m["model"] for m in evaluation}) < 2
        why = "the recipe has no baseline" if alone else "no baseline was compared with it row by row"
        return f"It cannot be said: {why}. The rows below stand for themselves."
    told, rival = GAINS[gain["name"]], _rival(gain)
    value, lower, upper = gain["value"], gain["lower"], gain["upper"]
    if lower > 0:
        return f"Yes: {told.ours} than the best baseline{rival}, by {_size(value, told)} ({_ends(lower, upper, told)})."
    if upper < 0:
        much = f"{_size(-value, told)} ({_ends(-upper, -lower, told)})"
        return f"No: {told.theirs}{rival}, by {much}. Prefer it: it is simpler and better."
    seen = _size((upper - lower) / 2 * POWER, told)
    return (
        f"Not shown: the difference to the best baseline{rival} could be chance, {_size(value, told)} for the adapted"
        f" model ({_ends(lower, upper, told)}). A true gain of {seen} would show on {count(gain['n'])} such rows four"
        " times of five; to see a smaller one takes more rows. Prefer the simpler model."
    )


def _decisive(evaluation: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The gain that says most, over the baseline that leaves least of it; None where there is none with limits."""
    for name in GAINS:
        found = [m for m in evaluation if m["name"] == name and m["lower"] is not None and m["upper"] is not None]
        if found:
            return min(found, key=lambda m: float(m["value"]))
    return None


def _rival(gain: dict[str, Any]) -> str:
    """ " (logistic)": the baseline's name, where the gain tells it."""
    if gain["model"] != "adapted":
        return f" ({gain['model']})"
    named = re.search(r"best baseline (\(.*?\))", gain.get("says") or "")
    return f" {named[1]}" if named else ""


def _size(value: float, told: Gain) -> str:
    return f"{100 * value:.1f} points of {told.what}" if told.points else f"{number(value)} of {told.what}"


def _ends(lower: float, upper: float, told: Gain) -> str:
    return f"{100 * lower:.1f} to {100 * upper:.1f}" if told.points else f"{number(lower)} to {number(upper)}"
