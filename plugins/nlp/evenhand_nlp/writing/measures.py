"""How good one text is beside another, in [0, 1]: token F1 and exact match as SQuAD defines them, chrF, ROUGE.

SQuAD's normalisation (Rajpurkar et al. 2016) is written out here, as no library brings it alone: no case, no
punctuation, no English article, single blanks. Words are those of any script. chrF is sacreBLEU's, ROUGE is
rouge-score's; both come with evenhand-nlp[generate].
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from evenhand import BadInput
from evenhand_nlp.writing.words import AnyScript, words

ARTICLES = frozenset(("a", "an", "the"))
LONGEST = 20_000  # characters of a text that are measured: chrF and ROUGE grow with the product of both lengths
Measure = Callable[[str, str], float]  # (text, reference) -> quality


def normal(text: str) -> list[str]:
    """The words that SQuAD compares; punctuation inside a word goes without parting it (U.S. is us)."""
    kept = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c)[0] != "P")
    return [word for word in words(kept) if word not in ARTICLES]


def exact(text: str, reference: str) -> float:
    """1 where both are the same after SQuAD's normalisation."""
    return float(normal(text) == normal(reference))


def f1(text: str, reference: str) -> float:
    """Harmonic mean of the shares of words that each has of the other; 1 where neither has a word."""
    ours, theirs = normal(text), normal(reference)
    if not ours or not theirs:
        return float(ours == theirs)
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs))


def chrf(text: str, reference: str) -> float:
    """chrF2 of one text (Popović 2015): character n-grams up to six, recall weighing twice."""
    return float(_chrf().sentence_score(text, [reference]).score) / 100


def rouge(kind: str) -> Measure:
    """F-measure of ROUGE (Lin 2004) of one kind."""

    def measure(text: str, reference: str) -> float:
        return float(_rouge().score(reference, text)[kind].fmeasure)

    return measure


@lru_cache(maxsize=1)
def _chrf() -> Any:
    needed("sacrebleu")
    from sacrebleu.metrics import CHRF

    return CHRF()


@lru_cache(maxsize=1)
def _rouge() -> Any:
    needed("rouge_score")
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=AnyScript())


def needed(package: str) -> None:
    """BadInput where a package of the extra is not installed."""
    if find_spec(package) is None:
        raise BadInput(
            f'the Python package {package.replace("_", "-")} is not installed; pip install "evenhand-nlp[generate]"'
            " brings it"
        )


MEASURES: dict[str, Measure] = {
    "f1": f1,
    "exact": exact,
    "chrf": chrf,
    "rouge1": rouge("rouge1"),
    "rouge2": rouge("rouge2"),
    "rougeL": rouge("rougeL"),
}
SAYS = {
    "f1": "token F1 (SQuAD's normalisation, words of any script)",
    "exact": "exact match (SQuAD's normalisation)",
    "chrf": "chrF2 (sacreBLEU)",
    "rouge1": "ROUGE-1 F (rouge-score, words of any script)",
    "rouge2": "ROUGE-2 F (rouge-score, words of any script)",
    "rougeL": "ROUGE-L F (rouge-score, words of any script)",
}


def measure_of(options: Any) -> str:
    """The name of the measure that options.measure chooses."""
    name = options.get("measure", "f1")
    if name not in MEASURES:
        raise BadInput(f"options.measure = {name!r} is no measure; choose one of {', '.join(MEASURES)}")
    if name == "chrf":
        needed("sacrebleu")
    if str(name).startswith("rouge"):
        needed("rouge_score")
    return str(name)


def graded(name: str, texts: Sequence[str | None], references: Sequence[Any]) -> np.ndarray:
    """[texts]: the quality of each; 0 where there is none."""
    measure = MEASURES[name]
    return np.array(
        [
            0.0 if text is None else min(1.0, max(0.0, measure(text[:LONGEST], str(reference)[:LONGEST])))
            for text, reference in zip(texts, references, strict=True)
        ],
        float,
    )
