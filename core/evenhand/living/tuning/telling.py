"""What a search says in sentences: how the winner was chosen, what choosing did to its figures, or who came nearest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evenhand.living.tuning import choosing

NO_EPSILON = (
    "epsilon was not judged: the fits state none, so nothing here is differentially private; the limit counts as met"
)


def of_selection(best: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What the winner's own report must say: how many were tried, on which rows, and what that did."""
    ended = f"{found['tried']} trials"
    told = [
        f"the settings are trial {best['trial']}, the best of {ended} by {found['objective']}"
        f" {_limits(found)}on {found['rows']['judge']:,} validation rows",
        f"its validation figure, {found['objective']} {best['objective']:.4g}, is optimistic, since it is the best of"
        f" {ended}{_wider(best, found)}; the intervals in this report are of test rows, which chose nothing and need"
        " no such widening",
    ]
    return [*told, *_open(found)]


def winner(
    best: Mapping[str, Any], tested: Mapping[str, Any], found: Mapping[str, Any], settings: Sequence[str]
) -> list[str]:
    """What is printed of a search that has a winner."""
    name = found["objective"]
    gap = f"{best['gap_metric']} gap by {best['attribute']}"
    return [
        f"trial {best['trial']} of {found['tried']} is the best {_limits(found)}: {', '.join(settings)}".replace(
            " :", ":"
        ),
        f"on validation rows, where it was chosen: {name} {best['objective']:.4g}{_wider(best, found)}; {gap}"
        f" {best['gap']:.3g}",
        f"on test rows, which chose nothing: {name} {_with_limits(tested['objective'])}; {gap}"
        f" {_with_limits(tested['gap'])}",
        *_open(found),
    ]


def no_winner(found: Mapping[str, Any]) -> list[str]:
    """Why nothing was run: by how much the nearest trial misses the limits."""
    near = choosing.nearest_of(found["trials"])
    return [
        f"none of {found['tried']} trials keeps to all limits ({_said(found['limits'])}); nothing was run",
        f"the nearest is trial {near['trial']}: {choosing.misses(near, found['limits'])}",
        *_open(found),
    ]


def _limits(found: Mapping[str, Any]) -> str:
    return f"that keeps to {_said(found['limits'])} " if found["limits"] else ""


def _said(limits: Mapping[str, float]) -> str:
    named = ((choosing.SAID[name], value) for name, value in limits.items())
    return ", ".join(f"{says} ≤ {value:g}{unit and ' ' + unit}" for (says, unit), value in named)


def _wider(best: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    limits = choosing.after_choosing(dict(best), found["tried"])
    return f" ({limits[0]:.3g} to {limits[1]:.3g} allowing for that)" if limits else ""


def _with_limits(value: Mapping[str, Any]) -> str:
    if value["value"] is None:
        return "undefined"
    if value["lower"] is None or value["upper"] is None:
        return f"{value['value']:.4g}"
    return f"{value['value']:.4g} ({value['lower']:.3g} to {value['upper']:.3g})"


def _open(found: Mapping[str, Any]) -> list[str]:
    """What a limit could not judge."""
    judged = [row for row in choosing.done(found["trials"]) if row["epsilon"] is not None]
    if judged:
        total = sum(row["epsilon"] for row in judged)
        return [
            f"each epsilon is of one trial; {len(judged)} private trials read the same training rows, and whoever sees"
            f" all of them is promised no less than {total:.3g} (the sum)"
        ]
    return [NO_EPSILON] if "epsilon" in found["limits"] else []
