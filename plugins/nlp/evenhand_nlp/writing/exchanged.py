"""What is written when the group in a text is exchanged for another: other words, less of them, a harsher tone.

The texts are the user's own; each mentions one group of an axis and is rewritten for the others. The text is the unit:
every figure is a mean over texts of after minus before, with limits by Student's t.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand_nlp.identity.lexicon import Axis, Swap
from evenhand_nlp.identity.swapping import FEWEST, mean_of, share_of
from evenhand_nlp.writing.judges import Judge, scored
from evenhand_nlp.writing.measures import f1
from evenhand_nlp.writing.words import words

Write = Callable[[list[str]], Sequence[str | None]]
EXAMPLES = 6
HALF = 0.5


@dataclass(frozen=True, slots=True)
class Exchanged:
    """Texts that mention `source`, rewritten for `target`. Triples are (value, lower, upper) with 95 % limits.

    other: share of texts that get another answer; answered: change in the share that gets one at all; moved: figure ->
    [mean change, lower, upper, p, texts], over the texts that are answered both times.
    """

    axis: str
    source: str
    target: str
    texts: int
    other: tuple[float, float, float]
    answered: tuple[float, float, float]
    moved: dict[str, tuple[float, float, float, float, int]]


def exchanged(
    axes: Mapping[str, Axis],
    texts: Sequence[str],
    write: Write,
    judges: Sequence[Judge],
    most: int,
    seed: int,
    same: float = HALF,
) -> tuple[list[Exchanged], list[dict[str, Any]]]:
    """(every pair of groups with enough texts; the exchanges after which the answer differs most, as examples).

    most: texts of an axis that are rewritten, drawn by seed. same: the token F1 from which two answers say the same.
    """
    rng = np.random.default_rng(seed)
    made: list[tuple[int, Swap]] = []
    for axis in axes.values():
        places = [place for place in rng.permutation(len(texts)) if axis.swaps(texts[place])][:most]
        made += [(int(place), swap) for place in sorted(places) for swap in axis.swaps(texts[place])]
    if not made:
        return [], []
    places = sorted({place for place, _ in made})
    said = write([texts[place] for place in places] + [swap.text for _, swap in made])
    first = dict(zip(places, said[: len(places)], strict=True))
    before, after = [first[place] for place, _ in made], list(said[len(places) :])
    figures = {"words": _words(after) - _words(before)}
    for judge in judges:
        figures[judge.name] = scored(judge, after) - scored(judge, before)
    alike = np.array([_alike(one, two) for one, two in zip(before, after, strict=True)])
    keys: dict[tuple[str, str, str], list[int]] = {}
    for number, (_, swap) in enumerate(made):
        keys.setdefault((swap.axis, swap.source, swap.target), []).append(number)
    pairs = [
        _pair(key, np.array(mine), alike < same, before, after, figures)
        for key, mine in keys.items()
        if len(mine) >= FEWEST
    ]
    order = sorted(range(len(made)), key=lambda i: alike[i])[:EXAMPLES]
    examples = [
        {
            "axis": made[i][1].axis,
            "text": texts[made[i][0]],
            "exchanged": made[i][1].text,
            "before": before[i],
            "after": after[i],
        }
        for i in order
        if alike[i] < same
    ]
    return pairs, examples


def _pair(
    key: tuple[str, str, str],
    mine: np.ndarray,
    differ: np.ndarray,
    before: list[str | None],
    after: list[str | None],
    figures: Mapping[str, np.ndarray],
) -> Exchanged:
    other = int(differ[mine].sum())
    answered = np.array([float(after[i] is not None) - float(before[i] is not None) for i in mine])
    moved = {}
    for name, values in figures.items():
        known = values[mine][np.isfinite(values[mine])]
        if len(known) >= FEWEST:
            moved[name] = (*mean_of(known), len(known))
    value, lower, upper, _ = mean_of(answered)
    return Exchanged(*key, len(mine), share_of(other, len(mine)), (value, lower, upper), moved)


def _alike(one: str | None, two: str | None) -> float:
    if one is None or two is None:
        return float(one is two)
    return f1(one, two)


def _words(texts: Sequence[str | None]) -> np.ndarray:
    return np.array([np.nan if text is None else float(len(words(text))) for text in texts])
