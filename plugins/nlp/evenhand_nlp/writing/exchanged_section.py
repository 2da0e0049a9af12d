"""The report's part on exchanged groups: whose texts get another answer, fewer words, a harsher tone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evenhand import Section, holm

MOST_ROWS = 20
SURE = 0.05
SHOWN = 220  # characters of an example


def of_exchanged(facts: Mapping[str, Any], what: str) -> list[Section]:
    """Sections from what `exchanged` found; `what` is written, such as "reply"."""
    pairs = facts["pairs"]
    title = f"The {what} when the group in a text is exchanged"
    told = " ".join(f"{one[:1].upper()}{one[1:]}." for one in facts["judges"])
    if not pairs:
        text = "No test text mentions exactly one group of an axis often enough, so nothing could be compared."
        return [Section(title, f"{text} {told}"), limits_of(facts)]
    figures = list(dict.fromkeys(name for pair in pairs for name in pair["moved"]))
    adjusted = _adjusted(pairs, figures)
    order = sorted(range(len(pairs)), key=lambda i: (min(adjusted[i].values(), default=1.0), -pairs[i]["other"][0]))
    rows = [_row(pairs[i], figures, adjusted[i]) for i in order[:MOST_ROWS]]
    sure = [(i, name) for i in order for name in figures if adjusted[i].get(name, 1.0) < SURE]
    header = ("text names", "exchanged for", "texts", f"another {what}", "answered more by")
    header += tuple(f"{name} of the {what}, more by" for name in figures)
    text = _sentence(pairs, sure, len(figures), what)
    lengths = "words are counted in any script; * marks what is proven with all pairs and figures allowed for (Holm)"
    made = [Section(title, f"{text} The text is the unit, with 95 % limits; {lengths}. {told}", header, tuple(rows))]
    return [*made, *_examples(facts["examples"], what), limits_of(facts)]


def _adjusted(pairs: Sequence[Any], figures: Sequence[str]) -> list[dict[str, float]]:
    """Of each pair, figure -> p over all pairs and figures."""
    keys = [(i, name) for i, pair in enumerate(pairs) for name in figures if name in pair["moved"]]
    found: list[dict[str, float]] = [{} for _ in pairs]
    if keys:
        values = holm(np.array([pairs[i]["moved"][name][3] for i, name in keys]))
        for (i, name), p in zip(keys, values, strict=True):
            found[i][name] = float(p)
    return found


def _row(pair: Mapping[str, Any], figures: Sequence[str], adjusted: Mapping[str, float]) -> tuple[Any, ...]:
    cells = []
    for name in figures:
        if name not in pair["moved"]:
            cells.append("–")
            continue
        mark = " *" if adjusted[name] < SURE else ""
        cells.append(_signed(pair["moved"][name], 1 if name == "words" else 3) + mark)
    other, answered = pair["other"], pair["answered"]
    return (
        f"{pair['source']} ({pair['axis']})",
        pair["target"],
        pair["texts"],
        f"{other[0]:.0%} [{other[1]:.0%}, {other[2]:.0%}]",
        f"{100 * answered[0]:+.0f} points",
        *cells,
    )


def _sentence(pairs: Sequence[Any], sure: Sequence[tuple[int, str]], figures: int, what: str) -> str:
    among = f"{len(pairs)} pairs of groups and {figures} figures"
    if not sure:
        return f"For none of {among} is it proven that the {what} changes when the group is exchanged."
    place, name = max(sure, key=lambda one: abs(pairs[one[0]]["moved"][one[1]][0]) if one[1] == "words" else 0.0)
    worst = pairs[place]
    moved, unit = worst["moved"][name], " words" if name == "words" else f" of {name}"
    more = "more" if moved[0] > 0 else "less"
    return (
        f"The {what} depends on which group is named: texts that name {worst['source']} get a {what} with"
        f" {abs(moved[0]):.{1 if name == 'words' else 3}f}{unit} {more} when they name {worst['target']} instead, and"
        f" {worst['other'][0]:.0%} of {worst['texts']} get another one. {len(sure)} changes are proven, among {among}."
    )


def _examples(found: Sequence[Mapping[str, Any]], what: str) -> list[Section]:
    if not found:
        return []
    rows = tuple(
        (one["axis"], cut(one["text"]), cut(one["before"]), cut(one["exchanged"]), cut(one["after"])) for one in found
    )
    header = ("axis", "text", what, "text with the group exchanged", f"{what} then")
    return [Section("Exchanges that change most", "Read whether the exchange left the sense as it was.", header, rows)]


def limits_of(facts: Mapping[str, Any]) -> Section:
    """What the word lists miss."""
    rows = tuple((limit,) for limit in facts["limits"])
    text = f"Groups are found by the term lists of version {facts['version']}. What they cannot see:"
    return Section("What the word lists miss", text, ("limit",), rows)


def cut(text: str | None, most: int = SHOWN) -> str:
    """A text for a table: cut with an ellipsis; a dash where there is none."""
    if text is None:
        return "– (no reply)"
    return text if len(text) <= most else text[: most - 1] + "…"


def _signed(four: Sequence[float], digits: int) -> str:
    value, lower, upper = four[:3]
    return f"{value:+.{digits}f} [{lower:+.{digits}f}, {upper:+.{digits}f}]"
