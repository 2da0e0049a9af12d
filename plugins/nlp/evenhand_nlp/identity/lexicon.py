"""Term lists: which groups a text mentions, and the same text with one group exchanged for another of its axis.

Terms match whole words in any script: no letter, digit or mark may touch them, except in scripts written without
blanks, where every occurrence counts. Case is ignored, and what is put in takes the case of what it replaces.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from evenhand import BadInput

NONE, SEVERAL = "no mention", "several"
BEFORE = "before_people"
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
MARK = r"[\w\u0300-\u036f]"  # what may not touch a term; \w leaves combining marks out
VOWEL = re.compile(r"[aeio]", re.IGNORECASE)
HOLDER = re.compile(r"\s+\w")


@dataclass(frozen=True, slots=True)
class Term:
    """A term of one group: what it stands for, and its role in a sentence."""

    group: str
    role: str
    named: bool  # whether the list writes it with a capital, as a proper name


@dataclass(frozen=True, slots=True)
class Swap:
    """A text in which every mention of `source` became one of `target`."""

    axis: str
    source: str
    target: str
    text: str


@dataclass(frozen=True)
class Axis:
    """Groups that can stand for each other. terms: group -> role -> terms, the first of which is put in."""

    name: str
    terms: Mapping[str, Mapping[str, Sequence[str]]]
    people: Sequence[str]

    @cached_property
    def known(self) -> dict[str, tuple[Term, ...]]:
        """Term in lower case -> what it may be, in the order of the list."""
        found: dict[str, tuple[Term, ...]] = {}
        for group, roles in self.terms.items():
            for role, terms in roles.items():
                for term in terms:
                    key = plain(term)
                    found[key] = (*found.get(key, ()), Term(group, role, term[:1].isupper()))
        return found

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches any term of the axis; the longest where several begin at one place."""
        follows = rf"(?=\s+(?:{'|'.join(map(re.escape, self.people))})(?!{MARK}))"
        written = []
        for term in sorted(self.known, key=lambda one: (-len(one), one)):
            only_before = all(one.role == BEFORE for one in self.known[term])
            body = r"\s+".join(map(re.escape, term.split()))
            bounded = body if UNSPACED.search(term) else rf"(?<!{MARK}){body}(?!{MARK})"
            written.append(bounded + (follows if only_before else ""))
        return re.compile("|".join(written), re.IGNORECASE)

    def found(self, text: str) -> list[tuple[re.Match[str], tuple[Term, ...]]]:
        """Every mention in the text, with what it may be."""
        matches = self.pattern.finditer(text)
        return [(match, self.known[" ".join(plain(match.group()).split())]) for match in matches]

    def groups(self, text: str) -> tuple[str, ...]:
        """The groups that a text mentions, in the order of the list."""
        seen = {term.group for _, terms in self.found(text) for term in terms}
        return tuple(group for group in self.terms if group in seen)

    def swaps(self, text: str) -> list[Swap]:
        """The text with its group exchanged for each other group that has a term for every role that it needs.

        Nothing where no group is mentioned, or more than one.
        """
        found = self.found(text)
        if len(self.groups(text)) != 1:
            return []
        source = found[0][1][0].group
        made = []
        for target in self.terms:
            if target != source and (changed := self._changed(text, found, target)) is not None:
                made.append(Swap(self.name, source, target, changed))
        return made

    def _changed(self, text: str, found: list[tuple[re.Match[str], tuple[Term, ...]]], target: str) -> str | None:
        parts, end = [], 0
        for match, terms in found:
            role = self._role(match, terms, text)
            if role not in self.terms[target]:
                return None
            first = not text[: match.start()].strip() or text[: match.start()].rstrip()[-1] in ".!?"
            put = cased(self.terms[target][role][0], match.group(), first or not terms[0].named)
            parts += [_article(text[end : match.start()], put), put]
            end = match.end()
        return "".join([*parts, text[end:]])

    @cached_property
    def _before(self) -> re.Pattern[str]:
        return re.compile(rf"\s+(?:{'|'.join(map(re.escape, self.people))})(?!{MARK})", re.IGNORECASE)

    def _role(self, match: re.Match[str], terms: tuple[Term, ...], text: str) -> str:
        """What a match is in its sentence, by the word after it: `her` may own something, `Muslim` may say of whom."""
        roles = [term.role for term in terms]
        if "possessive" in roles and len(roles) > 1:
            owns = HOLDER.match(text, match.end()) is not None
            return "possessive" if owns else next(role for role in roles if role != "possessive")
        if "adjective" in roles and self._before.match(text, match.end()):
            return "adjective"
        return roles[0]


def _article(before: str, put: str) -> str:
    """The text before a term, its last article fitted to the term: an atheist, a Muslim."""
    article = re.search(rf"(?<!{MARK})(an?)(\s+)$", before, re.IGNORECASE)
    if article is None:
        return before
    fitted = "an" if VOWEL.match(put) else "a"
    word = fitted.capitalize() if article.group(1)[0].isupper() else fitted
    return before[: article.start()] + word + article.group(2)


def cased(term: str, like: str, capital: bool) -> str:
    """A term written as another was: all capitals, or a capital at its start where that is no name's (`capital`)."""
    if len(like) > 1 and like.isupper():
        return term.upper()
    return term[:1].upper() + term[1:] if capital and like[:1].isupper() else term


def plain(text: str) -> str:
    """Composed and in lower case."""
    return unicodedata.normalize("NFC", text).lower()


@dataclass(frozen=True)
class Lexicon:
    """Axes by name, the version of the list, and what is known of its limits."""

    version: str
    axes: Mapping[str, Axis]
    limits: tuple[str, ...]


def lexicon(own: str = "") -> Lexicon:
    """The plugin's list, with the axes and groups of the user's TOML file `own` put in or in place of ours.

    Raises BadInput where the file cannot be read or is no list of axes, groups, roles and terms.
    """
    return _lexicon(str(Path(own).expanduser().absolute()) if own else "")


@lru_cache(maxsize=4)
def _lexicon(own: str) -> Lexicon:
    ours = tomllib.loads(files(__package__).joinpath("terms.toml").read_text("utf-8"))
    axes: dict[str, dict[str, Any]] = {name: dict(groups) for name, groups in ours["axes"].items()}
    people, version, limits = list(ours["people"]), str(ours["version"]), list(ours["limits"])
    if own:
        told = _read(Path(own))
        for name, groups in told.get("axes", {}).items():
            axes.setdefault(name, {}).update(groups)
        people += told.get("people", [])
        limits += told.get("limits", [])
        version += f" with {Path(own).name} {told.get('version', '(no version)')}"
    made = {name: Axis(name, groups, people) for name, groups in axes.items()}
    return Lexicon(version, made, tuple(limits))


def _read(file: Path) -> dict[str, Any]:
    try:
        told = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"the term list {file} (options.terms) cannot be read: {error}") from None
    for key, value in (("people", told.get("people", [])), ("limits", told.get("limits", []))):
        if not _texts(value):
            raise BadInput(f"'{key}' of the term list {file} is no list of texts; write {key} = [\"…\"]")
    axes = told.get("axes", {})
    if not isinstance(axes, dict) or not all(isinstance(groups, dict) for groups in axes.values()):
        raise BadInput(f'the term list {file} needs tables [axes.AXIS.GROUP] with roles, such as plural = ["…"]')
    for axis, groups in axes.items():
        for group, roles in groups.items():
            if not isinstance(roles, dict) or not roles or not all(_texts(terms, True) for terms in roles.values()):
                raise BadInput(
                    f'[axes.{axis}.{group}] of the term list {file} needs roles with terms, such as plural = ["…"]'
                )
    return told


def _texts(value: Any, some: bool = False) -> bool:
    listed = isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value)
    return listed and (bool(value) or not some)
