"""The finding of an identity audit in a few sentences, which lead the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evenhand import Section, holm
from evenhand_nlp.identity.functional import targets_of

SURE = 0.05
MANY = 20  # texts from which a group is told first; fewer only where no group has so many
APART = 0.1  # pass rates of targets that are told


def lead(said: Mapping[str, Any], before: Mapping[str, Any] | None, positive: str) -> Section:
    """What a reader must not miss."""
    told = [_functional(said, positive), _names(said, positive), _templates(said, positive), _before(said, before)]
    return Section("What naming a group does", " ".join(sentence for sentence in told if sentence), lead=True)


def _names(said: Mapping[str, Any], positive: str) -> str:
    """The group whose name moves the score most, and by how much."""
    found = said["named"]
    if not found:
        return "Too few test texts name exactly one group, so it is not known what naming a group does."
    adjusted = holm(np.array([one["p"] for one in found]))
    sure = [one for one, p in zip(found, adjusted, strict=True) if p < SURE]
    if not sure:
        return f"Naming none of {len(found)} groups is proven to move the score."
    many = [one for one in sure if one["texts"] >= MANY] or sure
    one = max(many, key=lambda one: abs(one["shift"][0]))
    moves = "raises" if one["shift"][0] > 0 else "lowers"
    return (
        f"For {len(sure)} of {len(found)} groups it is proven that their name alone moves the score. Naming"
        f" {one['source']} ({one['axis']}) {moves} it by {abs(one['shift'][0]):.2f} on average: of {one['texts']} texts"
        f" that do, {one['turned'][0]:.0%} would be decided otherwise ({positive} or not) about some other group."
    )


def _functional(said: Mapping[str, Any], positive: str) -> str:
    """The targets whose harmless cases pass least and most."""
    if not said.get("functional"):
        return ""
    passed = {
        target: cells["not positive"]
        for target, cells in targets_of(said["functional"]).items()
        if cells["not positive"]
    }
    rates = {target: right / cases for target, (right, cases) in passed.items() if cases}
    if len(rates) < 2:
        return ""
    worst, best = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    if rates[best] - rates[worst] < APART:
        return f"Functional tests that are not {positive} pass about alike for {len(rates)} target groups."
    return (
        f"Functional tests that are not {positive}, and should be called so: {rates[worst]:.0%} of those about {worst}"
        f" are, and {rates[best]:.0%} of those about {best}."
    )


def _templates(said: Mapping[str, Any], positive: str) -> str:
    """The term that most often stands above what it should not."""
    terms: Sequence[Sequence[Any]] = (said.get("templates") or {}).get("terms", ())
    if not terms:
        return ""
    worst = min(terms, key=lambda one: one[3])
    return (
        f"Of {len(terms)} terms in the same sentences '{worst[0]}' is taken for {positive} most: its sentences that are"
        f" not stand below others' that are with a chance of {worst[3]:.2f} (BPSN AUC)."
    )


def _before(said: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    """What mitigation did to the mean move."""
    if before is None or not before["named"] or not said["named"]:
        return ""
    was, now = (np.mean([abs(one["shift"][0]) for one in model["named"]]) for model in (before, said))
    return f"Without mitigation a group's name moved the score by {was:.3f} on average, and with it by {now:.3f}."
