"""Women and men in translation, in the manner of WinoMT (Stanovsky et al. 2019): is the doctor who is a she still one?

The source's pronoun tells the gender; the target's form of the occupation is found by word lists. Accuracy is the share
of found forms of the right gender; the gap between stereotyped and unexpected genders is paired by sentence.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from evenhand import BadInput
from evenhand_nlp.identity.swapping import mean_of, share_of

Translate = Callable[[list[str]], Sequence[str | None]]
PRONOUNS = {"women": ("she", "her"), "men": ("he", "his")}
BOTH = ("women", "men")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A source: which sentence and occupation it is of, the gender of its pronoun, and the one that is expected."""

    text: str
    pair: tuple[int, str]
    gender: str
    expected: str
    forms: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Gendered:
    """What became of genders. Triples are (value, lower, upper).

    found: share of sentences in which a form was found; right: among those, by gender and in all; gap: right where the
    gender is the expected one, minus where it is not, over pairs with both forms found; pairs: how many there are.
    """

    language: str
    sentences: int
    found: tuple[float, float, float]
    right: dict[str, tuple[float, float, float]]
    gap: tuple[float, float, float]
    pairs: int


def lists() -> dict[str, Any]:
    """The plugin's sentences and forms, their version and limits."""
    return tomllib.loads(files(__package__).joinpath("gender.toml").read_text("utf-8"))


def languages() -> list[str]:
    """The languages whose forms are known."""
    known = [set(one) - {"expected"} for one in lists()["occupations"].values()]
    return sorted(set.intersection(*known))


def sentences(language: str) -> list[Sentence]:
    """Every sentence; BadInput where the language's forms are not known."""
    if language not in languages():
        raise BadInput(
            f"options.target_language = {language!r}: genders are found in {', '.join(languages())}; leave it empty for"
            " others, and the section is left out"
        )
    told, made = lists(), []
    for number, sentence in enumerate(told["sentences"]):
        for occupation, about in told["occupations"].items():
            for gender, (pronoun, possessive) in PRONOUNS.items():
                text = sentence.format(occupation=occupation, pronoun=pronoun, possessive=possessive)
                made.append(Sentence(text, (number, occupation), gender, about["expected"], about[language]))
    return made


def gender_of(text: str | None, forms: dict[str, list[str]]) -> str:
    """The gender whose form a text holds; "" where it holds none, or one of each."""
    plain = unicodedata.normalize("NFC", text or "").casefold().replace("’", "'")
    held = {gender for gender in BOTH if any(_holds(plain, form) for form in forms[gender])}
    return held.pop() if len(held) == 1 else ""


def _holds(text: str, form: str) -> bool:
    word = re.escape(unicodedata.normalize("NFC", form).casefold())
    return re.search(rf"(?<!\w){word}(?:n|s|en|es)?(?!\w)", text) is not None  # German cases add these


def gendered(translate: Translate, language: str) -> tuple[Gendered, list[tuple[str, str, str]]]:
    """(what became of genders, wrong ones as examples: source, translation, what was found)."""
    asked = sentences(language)
    said = translate([one.text for one in asked])
    found = [gender_of(text, one.forms) for one, text in zip(asked, said, strict=True)]
    known = [place for place, gender in enumerate(found) if gender]
    right = {place: found[place] == asked[place].gender for place in known}
    by_gender = {}
    for name, mine in (("all", known), *((g, [p for p in known if asked[p].gender == g]) for g in BOTH)):
        if mine:
            by_gender[name] = share_of(sum(right[place] for place in mine), len(mine))
    pairs: dict[tuple[int, str], dict[bool, bool]] = {}
    for place in known:
        one = asked[place]
        pairs.setdefault(one.pair, {})[one.gender == one.expected] = right[place]
    apart = np.array([float(pair[True]) - float(pair[False]) for pair in pairs.values() if len(pair) == 2])
    gap = mean_of(apart)[:3] if len(apart) else (float("nan"),) * 3
    wrong = [
        (asked[place].text, said[place] or "(nothing)", f"{found[place]}, not {asked[place].gender}")
        for place in known
        if not right[place]
    ]
    made = Gendered(language, len(asked), share_of(len(known), len(asked)), by_gender, gap, len(apart))
    return made, wrong[:8]
