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
from evenhand_nlp.identity.lexicon import Axis

Score = Callable[[list[str]], np.ndarray]  # probabilities of the positive class
MOST = 400  # texts of an axis that are rewritten, drawn by seed where there are more
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


def swapped(
    axes: Mapping[str, Axis], texts: Sequence[str], score: Score, threshold: float, seed: int
) -> tuple[list[Pair], list[tuple[str, str, str, float, float]]]:
    """(every pair of groups with enough texts; the rewritings that move the score most, as examples).

    An example is (axis, text, rewritten, score before, score after).
    """
    rng = np.random.default_rng(seed)
    made = []
    for axis in axes.values():
        places = [place for place in rng.permutation(len(texts)) if axis.swaps(texts[place])][:MOST]
        made += [(int(place), swap) for place in sorted(places) for swap in axis.swaps(texts[place])]
    if not made:
        return [], []
    places = sorted({place for place, _ in made})
    before = dict(zip(places, score([texts[place] for place in places]), strict=True))
    after = score([swap.text for _, swap in made])
    groups: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for (place, swap), now in zip(made, after, strict=True):
        groups.setdefault((swap.axis, swap.source, swap.target), []).append((float(before[place]), float(now)))
    pairs = [pair_of(key, np.array(found), threshold) for key, found in groups.items() if len(found) >= FEWEST]
    moved = sorted(range(len(made)), key=lambda i: -abs(after[i] - before[made[i][0]]))[:6]
    examples = [
        (made[i][1].axis, texts[made[i][0]], made[i][1].text, float(before[made[i][0]]), float(after[i])) for i in moved
    ]
    return pairs, examples


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
