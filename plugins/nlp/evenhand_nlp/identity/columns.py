"""Columns of what texts mention: one per axis, with the group, `several`, or `no mention`."""

from __future__ import annotations

from collections.abc import Iterable

from evenhand_nlp.identity.lexicon import NONE, SEVERAL, Axis, Lexicon

LONGEST = 100_000  # characters of a text that are looked through


def mentioned(axis: Axis, text: str) -> str:
    """The group of the axis that a text mentions; `several` for more than one."""
    groups = axis.groups(text[:LONGEST])
    return groups[0] if len(groups) == 1 else SEVERAL if groups else NONE


def columns(lexicon: Lexicon, axes: Iterable[str], texts: Iterable[str]) -> dict[str, list[str]]:
    """axis -> one value for each text."""
    read = list(texts)
    return {name: [mentioned(lexicon.axes[name], text) for text in read] for name in axes}
