"""What a model says of texts when the group that they mention is exchanged: flips, shifts, and how sure of them.

The texts are the user's own, so nothing is claimed about sentences that nobody wrote. One text mentions one group and
is rewritten for several others; the text is the unit that intervals are clustered by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from evenhand import wilson
from evenhand_nlp.identity.lexicon import Axis, Swap

Score = Callable[[list[str]], np.ndarray]  # probabilities of the positive class
MOST = 400  # texts of an axis that are rewritten, drawn by seed where there are more
EXAMPLES = 6
FEWEST = 5  # texts below which a pair is not listed
Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Pair:
    """Texts that mention `source`, rewritten for `target`. Each triple is (value, lower, upper) with 95 % limits.

    flips: share of texts whose decision changes; up: share that becomes positive; shift: mean change of the score.
    """

    axis: str
    source: str
    target: str
    texts: int
    flips: tuple[float, float, float]
    up: float
    shift: tuple[float, float, float]
    p: float


@dataclass(frozen=True, slots=True)
class Named:
    """Texts that mention `source`, each rewritten for every other group of the axis; the text is the unit.

    turned: share of texts whose decision changes for some other group; shift: the text's score minus the mean score of
    its rewritings, so above 0 where naming `source` raises it. Triples as in `Pair`.
    """

    axis: str
    source: str
    texts: int
    turned: tuple[float, float, float]
    shift: tuple[float, float, float]
    p: float


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A text, the same about another group, and the score of each."""

    swap: Swap
    text: str
    before: float
    after: float


def rewritten(axes: Mapping[str, Axis], texts: Sequence[str], score: Score, seed: int) -> list[Rewritten]:
    """Every exchange in the texts, each text once however often it comes; at most MOST texts of an axis."""
    rng = np.random.default_rng(seed)
    distinct = list(dict.fromkeys(texts))
    made = []
    for axis in axes.values():
        found = {place: swaps for place, text in enumerate(distinct) if (swaps := axis.swaps(text))}
        places = rng.permutation(list(found))[:MOST]
        made += [(int(place), swap) for place in sorted(places) for swap in found[place]]
    if not made:
        return []
    places = sorted({place for place, _ in made})
    before = dict(zip(places, score([distinct[place] for place in places]), strict=True))
    after = score([swap.text for _, swap in made])
    return [
        Rewritten(swap, distinct[place], float(before[place]), float(now))
        for (place, swap), now in zip(made, after, strict=True)
    ]


def pairs_of(found: Sequence[Rewritten], threshold: float) -> list[Pair]:
    """Every pair of groups with enough texts."""
    groups: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for one in found:
        swap = one.swap
        groups.setdefault((swap.axis, swap.source, swap.target), []).append((one.before, one.after))
    return [pair_of(key, np.array(some), threshold) for key, some in groups.items() if len(some) >= FEWEST]


def examples_of(found: Sequence[Rewritten]) -> list[tuple[str, str, str, float, float]]:
    """(axis, text, rewritten, score before, score after) of the exchanges that move the score most, a text once."""
    moved = sorted(found, key=lambda one: -abs(one.after - one.before))
    first = {one.text: one for one in reversed(moved)}
    some = sorted(first.values(), key=lambda one: -abs(one.after - one.before))[:EXAMPLES]
    return [(one.swap.axis, one.text, one.swap.text, one.before, one.after) for one in some]


def named_of(found: Sequence[Rewritten], threshold: float) -> list[Named]:
    """Every group with enough texts."""
    texts: dict[tuple[str, str], dict[str, list[Rewritten]]] = {}
    for one in found:
        texts.setdefault((one.swap.axis, one.swap.source), {}).setdefault(one.text, []).append(one)
    made = []
    for (axis, source), by_text in texts.items():
        if len(by_text) < FEWEST:
            continue
        each = list(by_text.values())
        turned = sum(any((one.before >= threshold) != (one.after >= threshold) for one in some) for some in each)
        apart = np.array([some[0].before - np.mean([one.after for one in some]) for some in each])
        value, lower, upper, p = mean_of(apart)
        made.append(Named(axis, source, len(each), share_of(turned, len(each)), (value, lower, upper), p))
    return made


def pair_of(key: tuple[str, str, str], found: np.ndarray, threshold: float) -> Pair:
    """The pair of one key (axis, source, target) from scores before and after, [texts, 2]."""
    before, after = found[:, 0], found[:, 1]
    flipped = (before >= threshold) != (after >= threshold)
    up = float(((before < threshold) & (after >= threshold)).mean())
    value, lower, upper, p = mean_of(after - before)
    return Pair(*key, len(found), share_of(int(flipped.sum()), len(found)), up, (value, lower, upper), p)


def mean_of(values: np.ndarray) -> tuple[float, float, float, float]:
    """(mean, lower, upper, p of a mean of 0) by Student's t; one value alone says nothing of its spread."""
    from scipy.stats import t

    mean, count = float(values.mean()), len(values)
    if count < 2:
        return mean, float("-inf"), float("inf"), 1.0
    error = float(values.std(ddof=1)) / sqrt(count)
    reach = float(t.ppf(0.975, count - 1)) * error
    if error == 0:
        return mean, mean, mean, 1.0 if mean == 0 else 0.0
    return mean, mean - reach, mean + reach, float(2 * t.sf(abs(mean) / error, count - 1))


def share_of(hits: int, count: int) -> tuple[float, float, float]:
    """A share with its 95 % score interval."""
    lower, upper = wilson(np.array(hits), np.array(count), Z)
    return hits / count, float(lower), float(upper)
