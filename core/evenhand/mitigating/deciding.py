"""Decisions that are not made at one usual score: at another one for all, at one for each group, or between two.

The scores of the model stay as they are; who is selected at which of them is what a method changed. Where chance is
between two scores, it is drawn from the row itself and the seed: the same row is always decided alike, and rows that
are equal in all inputs are decided alike.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.errors import BadInput
from evenhand.mitigating.groups import Grouping
from evenhand.pretrained.pictures import content_of

UNMITIGATED = "unmitigated"


@dataclass(frozen=True, slots=True)
class Step:
    """Selected from a score on (`above`), or up to it (not `above`)."""

    threshold: float
    above: bool = True

    def of(self, score: np.ndarray) -> np.ndarray:
        """Bool [rows]."""
        return np.asarray(score >= self.threshold if self.above else score < self.threshold)


@dataclass(frozen=True, slots=True)
class Mixture:
    """The chance of selection: the steps by their shares, then `ignored` of it replaced by `instead`."""

    steps: tuple[tuple[float, Step], ...]
    ignored: float = 0.0
    instead: float = 0.0

    def chance(self, score: np.ndarray) -> np.ndarray:
        """[rows], in [0, 1]."""
        drawn = sum((share * step.of(score) for share, step in self.steps), np.zeros(len(score)))
        return np.asarray(np.clip(self.ignored * self.instead + (1 - self.ignored) * drawn, 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Deciding:
    """Who is selected. shared: for rows of no known group, and for all where `groups` is None.

    groups: how a row's group is told, and by_group: the rule of each. reads: inputs that chance is drawn from.
    """

    method: str
    shared: float
    groups: Grouping | None = None
    by_group: Mapping[str, Mixture] | None = None
    reads: tuple[str, ...] = ()
    seed: int = 0

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns without which nothing can be decided."""
        return self.groups.columns if self.groups is not None else ()

    def selects(self, score: np.ndarray, rows: Any | None) -> np.ndarray:
        """Bool [rows]. rows: the rows that were scored, with the columns of `needs`; BadInput without them."""
        if self.groups is None or self.by_group is None:
            return np.asarray(score >= self.shared)
        if rows is None:
            raise BadInput(
                f"this model decides by group ({', '.join(self.needs)}), and was given scores alone; give the rows, as"
                " `evenhand predict` does"
            )
        chance, named = (score >= self.shared).astype(float), self.groups.of(rows)
        for name, rule in self.by_group.items():
            here = named == name
            chance[here] = rule.chance(score[here])
        between = (chance > 0) & (chance < 1)
        selected = chance >= 1
        if between.any():
            selected[between] = draws(rows, self.reads, self.seed)[between] < chance[between]
        return selected

    def facts(self) -> dict[str, Any]:
        """As model.json holds it."""
        rules = {
            name: {
                "steps": [[share, step.threshold, step.above] for share, step in rule.steps],
                "ignored": rule.ignored,
                "instead": rule.instead,
            }
            for name, rule in (self.by_group or {}).items()
        }
        return {
            "method": self.method,
            "shared": self.shared,
            "groups": None if self.groups is None else self.groups.facts(),
            "by_group": rules,
            "reads": list(self.reads),
            "seed": self.seed,
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any] | None) -> Deciding | None:
        """What `facts` gave; None of nothing."""
        if not facts:
            return None
        rules = {
            name: Mixture(
                tuple((float(share), Step(float(at), bool(above))) for share, at, above in rule["steps"]),
                float(rule["ignored"]),
                float(rule["instead"]),
            )
            for name, rule in facts["by_group"].items()
        }
        groups = None if facts["groups"] is None else Grouping.from_facts(facts["groups"])
        return cls(
            facts["method"],
            float(facts["shared"]),
            groups,
            rules if groups is not None else None,
            tuple(facts["reads"]),
            int(facts["seed"]),
        )


def draws(rows: Any, columns: tuple[str, ...], seed: int) -> np.ndarray:
    """A number in [0, 1) for each row, uniform over rows, from the content of its columns and the seed alone."""
    values = [_stored(rows, column) for column in columns]
    found = np.empty(len(values[0]))
    for place, row in enumerate(zip(*values, strict=True)):
        told = json.dumps([seed, *(_plain(value, place) for value in row)], ensure_ascii=False)
        found[place] = int.from_bytes(hashlib.blake2b(told.encode(), digest_size=8).digest()[:7], "big") / 2**56
    return found


def _stored(rows: Any, column: str) -> list[Any]:
    """The values of a column; of pictures, as they are stored."""
    features = getattr(rows, "features", None)
    if features is not None and type(features.get(column)).__name__ == "Image":
        import datasets

        rows = rows.cast_column(column, datasets.Image(decode=False))
    return list(rows[column])


def _plain(value: Any, place: int) -> Any:
    """A value as it is hashed: numbers alike whatever their type, pictures by their content."""
    if value is None or value != value:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | float | np.number):
        return float(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, dict | bytes):
        return hashlib.sha256(content_of(value, place)).hexdigest()
    return str(value)
