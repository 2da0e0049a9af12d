"""Sentences filled with one identity term after the other, from a file: ranking by term, in Borkan's three AUCs.

Dixon et al. 2018 (AIES) made such files: 50 terms in the same sentences, half of them toxic. Every term has the same
sentences, so what differs between terms is the term. The file is the user's; nothing is learnt from it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import BadInput
from evenhand_nlp.identity.functional import POSITIVE, table_of
from evenhand_nlp.identity.lexicon import plain
from evenhand_nlp.identity.ranking import KINDS, power_mean, three
from evenhand_nlp.identity.swapping import Score

TEXT, LABEL, TERM = ("text", "phrase", "sentence"), ("label", "toxicity", "label_gold"), ("term", "identity")
FEWEST = 10  # texts of either label below which a term is left out
REPLICATES = 100
MOST = 5_000  # sentences that are scored


@dataclass(frozen=True, slots=True)
class Filled:
    """Ranking of filled sentences. means: power means with limits; terms: (term, texts, subgroup, BPSN, BNSP AUC)."""

    texts: int
    means: dict[str, tuple[float, float, float]]
    terms: list[tuple[str, int, float, float, float]]


def templates_of(file: Path) -> Any:
    """Columns text, positive, term as a Polars frame; BadInput where the file has not what is needed."""
    import polars as pl

    rows = table_of(file, "options.templates")
    by_name = {name.lower(): name for name in rows.columns}
    text, label = (next((by_name[n] for n in names if n in by_name), None) for names in (TEXT, LABEL))
    if text is None or label is None:
        lacking = "text" if text is None else "label"
        raise BadInput(
            f"{file} has no column '{lacking}' (options.templates); it needs text and label, and perhaps term, the"
            " identity term that a sentence is filled with"
        )
    term = next((by_name[n] for n in TERM if n in by_name), None)
    texts = [str(value) for value in rows[text].cast(pl.String).fill_null("")]
    positive = [str(value).strip().lower() in POSITIVE for value in rows[label]]
    terms = list(map(str, rows[term])) if term else [term_of(value) for value in texts]
    found = pl.DataFrame({"text": texts, "positive": positive, "term": terms}).filter(pl.col("term") != "")
    if not found["positive"].any() or found["positive"].all() or found["term"].n_unique() < 2:
        raise BadInput(
            f"{file} (options.templates) needs sentences of both labels about two terms at least; labels that count as"
            f" positive are {', '.join(POSITIVE)}, and terms are found by the plugin's list where no column names them"
        )
    return found


@lru_cache(maxsize=1)
def terms() -> frozenset[str]:
    """The terms of published template files."""
    told = tomllib.loads(files(__package__).joinpath("template_terms.toml").read_text("utf-8"))
    return frozenset(told["terms"])


def term_of(text: str) -> str:
    """The term that a sentence is filled with: the last of the list's that stands in it; empty where there is none."""
    words = [word.strip(".,;:!?\"'") for word in plain(text).split()]
    for end in range(len(words), 0, -1):
        for length in (2, 1):
            if (term := " ".join(words[max(0, end - length) : end])) in terms():
                return term
    return ""


def filled(rows: Any, score: Score, seed: int, most: int = MOST) -> Filled:
    """The three AUCs of every term and their power means.

    At most about `most` sentences are scored, whole frames drawn by seed. A frame is a sentence without its term; it is
    what limits draw again, since its sentences differ in the term alone.
    """
    rng = np.random.default_rng(seed)
    frames = np.unique([_frame(*row) for row in rows.select("text", "term").iter_rows()], return_inverse=True)[1]
    share = max(1, round(most / len(frames) * (frames.max() + 1)))
    kept = np.flatnonzero(np.isin(frames, rng.permutation(frames.max() + 1)[:share]))
    rows, frames = rows[kept], frames[kept]
    said = np.asarray(score(rows["text"].to_list()))
    truth, term = rows["positive"].to_numpy(), rows["term"].to_numpy()
    counts = {name: (truth & (term == name)).sum() for name in sorted(set(term))}
    names = [name for name, count in counts.items() if min(count, (term == name).sum() - count) >= FEWEST]
    found = _table(said, truth, term, names)
    places = [np.flatnonzero(frames == frame) for frame in np.unique(frames)]
    drawn = []
    for _ in range(REPLICATES if names else 0):
        some = np.concatenate([places[i] for i in rng.integers(0, len(places), len(places))])
        drawn.append([power_mean(column) for column in _table(said[some], truth[some], term[some], names).T])
    low, high = np.nanquantile(np.array(drawn), [0.025, 0.975], axis=0) if drawn else (np.full(3, np.nan),) * 2
    value = [power_mean(column) for column in found.T]
    means = {
        kind: (value[i], min(float(low[i]), value[i]), max(float(high[i]), value[i])) for i, kind in enumerate(KINDS)
    }
    told = [(name, int((term == name).sum()), *map(float, line)) for name, line in zip(names, found, strict=True)]
    return Filled(len(said), means, told)


def _frame(text: str, term: str) -> str:
    return plain(text).replace(plain(term), "…")


def _table(said: np.ndarray, truth: np.ndarray, term: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """[terms, three]."""
    return np.array([three(said, truth, term == name) for name in names]).reshape(len(names), 3)
