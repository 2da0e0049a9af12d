"""The same sentences with one group after the other: what a model makes of the group's name alone.

Two groups of an axis are compared sentence by sentence; the sentence is the unit. The sentences come with the plugin
and are few, so an interval speaks of sentences like these.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import combinations

import numpy as np

from evenhand_nlp.identity.lexicon import Axis
from evenhand_nlp.identity.swapping import Score, mean_of

ROLE = "plural"


@dataclass(frozen=True, slots=True)
class Compared:
    """Mean score of `one` minus that of `other` over the same sentences of a kind, with 95 % limits."""

    axis: str
    kind: str
    one: str
    other: str
    sentences: int
    shift: tuple[float, float, float]
    p: float


def sentences() -> tuple[str, dict[str, list[str]]]:
    """(version, kind -> sentences with {plural} in them)."""
    told = tomllib.loads(files(__package__).joinpath("templates.toml").read_text("utf-8"))
    return str(told.pop("version")), told


def filled(axis: Axis, sentence: str) -> dict[str, str]:
    """group -> the sentence about it; groups without a plural are left out."""
    made = {}
    for group, roles in axis.terms.items():
        if ROLE in roles:
            text = sentence.format(plural=roles[ROLE][0])
            made[group] = text[:1].upper() + text[1:]
    return made


def compared(axes: Mapping[str, Axis], score: Score) -> list[Compared]:
    """Every two groups of every axis, on sentences of each kind."""
    _, kinds = sentences()
    texts = [
        (axis.name, kind, group, text)
        for axis in axes.values()
        for kind, some in kinds.items()
        for sentence in some
        for group, text in filled(axis, sentence).items()
    ]
    if not texts:
        return []
    scores: dict[tuple[str, str], dict[str, list[float]]] = {}
    for (axis, kind, group, _), value in zip(texts, score([text for *_, text in texts]), strict=True):
        scores.setdefault((axis, kind), {}).setdefault(group, []).append(float(value))
    found = []
    for (axis, kind), by_group in scores.items():
        for one, other in combinations(by_group, 2):
            apart = np.array(by_group[one]) - np.array(by_group[other])
            value, lower, upper, p = mean_of(apart)
            found.append(Compared(axis, kind, one, other, len(apart), (value, lower, upper), p))
    return found
