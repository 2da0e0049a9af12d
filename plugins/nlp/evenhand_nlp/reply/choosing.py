"""What validation rows decide about retrieval: whether letters count, who votes, how sure it is, when to abstain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evenhand_nlp.reply.retrieval import Found, Memory, Settings
from evenhand_nlp.writing.measures import graded

VOTERS = (1, 3, 5, 10, 20)
WEIGHTS = (0.0, 0.5, 1.0)  # of letters in the likeness
UNLIKE = 0.01  # of the validation messages, that are least like any of the past: as unlike as these is not known
FEWEST = 20  # given replies that a threshold must leave on validation, or all there are


def chosen(
    memory: Memory,
    replies: Sequence[str],
    asked: np.ndarray,
    texts: Sequence[str],
    references: Sequence[str],
    measure: str,
    acceptable: float,
    wanted: float,
) -> tuple[Settings, dict[str, float], str]:
    """(settings, figures on the validation rows, one sentence on the threshold)."""
    tried: list[tuple[float, float, int, Found, np.ndarray]] = []
    for weight in WEIGHTS if memory.letters is not None else (0.0,):
        nearest = memory.nearest(asked, texts, weight)
        for k in VOTERS:
            found = memory.voted(*nearest, k)
            quality = graded(measure, [replies[place] for place in found.reply], references)
            tried.append((float(quality.mean()), weight, k, found, quality))
    # of equals the one with the least of letters and the fewest voters
    _, weight, k, found, quality = max(tried, key=lambda one: (round(one[0], 6), -one[1], -one[2]))
    good = quality >= acceptable
    settings = Settings(k, fitted(found, good), 0.0, weight, float(np.quantile(found.likeness, UNLIKE)))
    sure = found.sure(settings)
    threshold, share = threshold_of(sure, good, wanted)
    given = sure >= threshold
    figures = {
        "quality": float(quality.mean()),
        "acceptable": float(good.mean()),
        "voters": float(k),
        "letters": weight,
        "answered": float(given.mean()),
        "acceptable_of_given": share,
    }
    told = (
        f"it abstains below a confidence of {threshold:.3f}: of the replies given on the {len(good):,} validation rows"
        f" {share:.1%} are acceptable ({wanted:.0%} wanted), and {given.mean():.1%} of messages get one"
    )
    told += f"; one that is less like every past message than {1 - UNLIKE:.0%} of them were gets none"
    if share < wanted:
        told += "; no confidence reaches what was wanted, so this is the best there is"
    return replace(settings, threshold=threshold), figures, told


def fitted(found: Found, good: np.ndarray) -> tuple[float, float, float]:
    """A logistic regression of whether a reply is acceptable on likeness and votes; a constant where all are alike."""
    from sklearn.linear_model import LogisticRegression

    if good.all() or not good.any():
        share = (good.sum() + 0.5) / (len(good) + 1)
        return float(np.log(share / (1 - share))), 0.0, 0.0
    model = LogisticRegression(C=10.0).fit(np.stack([found.likeness, found.share], 1), good)
    return float(model.intercept_[0]), float(model.coef_[0, 0]), float(model.coef_[0, 1])


def threshold_of(sure: np.ndarray, good: np.ndarray, wanted: float) -> tuple[float, float]:
    """(the lowest confidence from which at least `wanted` of the replies are acceptable; the share that are).

    Where none reaches it, the one with the highest share. Each leaves at least FEWEST replies, or all there are.
    """
    order = np.argsort(-sure, kind="stable")
    levels, hits = sure[order], good[order].cumsum()
    given = np.arange(1, len(sure) + 1)
    last = np.append(levels[1:] != levels[:-1], True)  # rows that are equally sure are decided alike
    allowed = np.flatnonzero(last & (given >= min(FEWEST, len(sure))))
    share = hits[allowed] / given[allowed]
    reached = np.flatnonzero(share >= wanted)
    place = int(reached[-1]) if len(reached) else int(share.argmax())
    return float(levels[allowed[place]]), float(share[place])
