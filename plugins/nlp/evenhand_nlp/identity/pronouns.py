"""Sentences that are the same but for a pronoun, from a file: whether the score and the decision stay.

Rudinger et al. 2018 (NAACL): 120 templates about occupations, each with he, she and they. Sentences about one
occupation are alike, so the occupation is the unit that limits are clustered by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import BadInput
from evenhand_nlp.identity.functional import table_of
from evenhand_nlp.identity.swapping import Score, mean_of, share_of

COLUMNS = ("sentid", "sentence")


@dataclass(frozen=True, slots=True)
class Apart:
    """Mean score with `one` minus that with `other`; flips: share of sentences whose decision differs.

    shift and its p by occupation; flips with the occupations in which some sentence flips as the unit of its limits.
    """

    one: str
    other: str
    sentences: int
    clusters: int
    flips: int
    flipped_clusters: tuple[float, float, float]
    shift: tuple[float, float, float]
    p: float


def pronouns_of(file: Path) -> Any:
    """The file's rows; BadInput where an identifier is not occupation.participant.answer.gender."""
    rows = table_of(file, "options.pronouns")
    lacking = [name for name in COLUMNS if name not in rows.columns]
    if lacking:
        raise BadInput(f"{file} has no column '{lacking[0]}' (options.pronouns); it needs {' and '.join(COLUMNS)}")
    for value in rows["sentid"]:
        if len(_parts(str(value))) != 4:
            raise BadInput(
                f"{file} names a sentence '{str(value)[:60]}' (options.pronouns); write"
                " occupation.participant.answer.gender, such as nurse.patient.1.female"
            )
    return rows


def _parts(name: str) -> list[str]:
    return name.removesuffix(".txt").split(".")


def apart(rows: Any, score: Score, threshold: float) -> list[Apart]:
    """Every two genders of the file, over the sentences that have both."""
    said = score([str(text) for text in rows["sentence"]])
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for name, value in zip(rows["sentid"], said, strict=True):
        *sentence, gender = _parts(str(name))
        found.setdefault(gender, {})[tuple(sentence)] = float(value)
    return [_apart(one, other, found, threshold) for one, other in combinations(sorted(found), 2)]


def _apart(one: str, other: str, found: dict[str, dict[tuple[str, ...], float]], threshold: float) -> Apart:
    both = [key for key in found[one] if key in found[other]]
    clusters: dict[str, list[tuple[float, bool]]] = {}
    for key in both:
        a, b = found[one][key], found[other][key]
        clusters.setdefault(key[0], []).append((a - b, (a >= threshold) != (b >= threshold)))
    value, lower, upper, p = mean_of(np.array(_means(list(clusters.values())) or [0.0]))
    flipped = [any(turn for _, turn in some) for some in clusters.values()]
    flips = sum(turn for some in clusters.values() for _, turn in some)
    share = share_of(sum(flipped), len(flipped)) if flipped else (0.0, 0.0, 1.0)
    return Apart(one, other, len(both), len(clusters), flips, share, (value, lower, upper), p)


def _means(clusters: Sequence[list[tuple[float, bool]]]) -> list[float]:
    return [float(np.mean([moved for moved, _ in some])) for some in clusters]
