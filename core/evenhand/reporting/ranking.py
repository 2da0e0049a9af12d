"""Which groups a reader sees first where there are many: those that most certainly differ; the small ones apart."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

FEW = 12  # groups that stand in their own order, all at once
MANY = 24  # groups of all attributes together, beyond which paper holds what decides and a screen the rest
UNKNOWN = "(missing)"  # no group: the last of them
SMALL = 30  # rows; groups with fewer are gathered where there are many groups


class Ranked(NamedTuple):
    """The groups of an attribute in the order of a page; small: gathered, and counted."""

    large: list[dict[str, Any]]
    small: list[dict[str, Any]]
    sorted: bool


def ranked(attribute: dict[str, Any], judged: Collection[str]) -> Ranked:
    """Few groups as they are; of many the most certainly different from everyone else by what is judged first."""
    groups: list[dict[str, Any]] = attribute["groups"]
    if len(groups) <= FEW:
        return Ranked(groups, [], False)
    certain = _certain(attribute, judged)
    small = [group for group in groups if group["rows"] < SMALL]
    large = [group for group in groups if group["rows"] >= SMALL]
    large.sort(key=lambda group: (UNKNOWN in group["values"], -certain.get(group["name"], -1e300), -group["rows"]))
    small.sort(key=lambda group: -group["rows"])
    return Ranked(large, small, True) if large else Ranked(small, [], True)


def _certain(attribute: dict[str, Any], judged: Collection[str]) -> dict[str, float]:
    """Group -> by how much it certainly differs from everyone else, allowing for all comparisons."""
    rests = [gap for gap in attribute["gaps"] if gap["kind"] == "rest"]
    asked = [gap for gap in rests if gap["metric"] in judged] or [
        gap for gap in rests if gap["metric"] == rests[0]["metric"]
    ]
    found: dict[str, float] = {}
    for gap in asked:
        lower, upper = gap["lower_simultaneous"], gap["upper_simultaneous"]
        if lower is not None and upper is not None:
            found[gap["group"]] = max(found.get(gap["group"], -1e300), lower, -upper)
    return found


def crowded(attributes: Collection[dict[str, Any]]) -> bool:
    """Whether an audit has so many groups, all attributes together, that paper holds only what decides."""
    return sum(len(attribute["groups"]) for attribute in attributes) > MANY


def shown_gaps(attribute: dict[str, Any]) -> list[tuple[dict[str, Any], bool]]:
    """(gap, whether paper holds it too) of the gaps that a page shows: of few groups all, else those that decide."""
    deciding = deciding_gaps(attribute)
    if len(attribute["groups"]) > FEW:
        return [(gap, True) for gap in deciding]
    chosen = {id(gap) for gap in deciding}
    return [(gap, id(gap) in chosen) for gap in attribute["gaps"]]


def deciding_gaps(attribute: dict[str, Any]) -> list[dict[str, Any]]:
    """The gaps that nobody may miss: the largest of each metric that is judged, and the exceeded ones with the least
    doubt; every other stands in audit.json."""
    gaps: list[dict[str, Any]] = attribute["gaps"]
    largest = [gap for gap in gaps if gap["kind"] == "largest" and gap["verdict"]]
    exceeded = [gap for gap in gaps if gap["kind"] in ("rest", "difference") and gap["verdict"] == "exceeded"]
    exceeded.sort(key=lambda gap: gap["p_adjusted"] if gap["p_adjusted"] is not None else 1.0)
    return largest + exceeded[:FEW]
