"""Who among pedestrians is missed, at what distance half are seen, and how soon each would be reached."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from evenhand import Chart, Line, Section
from evenhand_autonomy.obstacles.frames import NOT_APPLICABLE, NOT_TOLD, OF_PEDESTRIAN
from evenhand_autonomy.obstacles.safety import half_seen, half_seen_gap, urgency, weighted_recall
from evenhand_autonomy.obstacles.seen_again import SeenAgain
from evenhand_autonomy.scenes.facts import PEDESTRIAN
from evenhand_autonomy.signs.intervals import clustered_share

EDGES = (5.0, 8.0, 11.0, 15.0, 20.0, 28.0)  # metres
LEAST = 20  # pedestrians of a group, below which no distance is told
MEASURED = ("who", "clothing", "skin_tone", "stature", "weather", "time_of_day", "road_type")


def groups(seen: SeenAgain) -> Iterator[tuple[str, str, np.ndarray]]:
    """(column, group, its rows) of pedestrians, and of clothing by hour."""
    people = seen.column("category") == PEDESTRIAN
    for name in MEASURED:
        values = seen.column(name)
        for value in sorted(set(values[people].tolist()) - {NOT_TOLD, NOT_APPLICABLE}):
            yield name, value, people & (values == value)
    clothing, time = seen.column("clothing"), seen.column("time_of_day")
    for hour in sorted(set(time[people].tolist()) - {NOT_TOLD}):
        for value in sorted(set(clothing[people].tolist()) - {NOT_TOLD, NOT_APPLICABLE}):
            yield "clothing by hour", f"{value}, {hour}", people & (clothing == value) & (time == hour)


def who_is_seen(seen: SeenAgain) -> list[Section]:
    """The section; none where no pedestrian is there."""
    rows = []
    pictures, distance, ttc = seen.column("image_id"), seen.column("distance_m"), seen.column("ttc_s")
    for name, value, mine in groups(seen):
        hit, where = seen.hit[mine], pictures[mine].tolist()
        missed, low, high = clustered_share(~hit, where)
        soon = weighted_recall(hit.astype(float), urgency(ttc[mine].astype(float)), where)
        half = "too few"
        if len(hit) >= LEAST:
            half = _metres(*half_seen(distance[mine].astype(float), hit.astype(float), where))
        told = f"{missed:.0%} [{low:.0%}, {high:.0%}]"
        rows.append(
            (name.replace("_", " "), value, len(hit), told, half, f"{soon[0]:.0%} [{soon[1]:.0%}, {soon[2]:.0%}]")
        )
    if not rows:
        return []
    known = ", ".join(name.replace("_", " ") for name in OF_PEDESTRIAN)
    text = (
        "Pedestrians alone. Half seen at: the distance at which a logistic curve of log distance crosses one half."
        " Weighted by urgency: each counts one over the seconds until the vehicle would reach them, at most 2. 95 %"
        f" intervals by picture. From pixels alone, {known} cannot be known: they are the simulator's truth, or columns"
        " that the data brings."
    )
    text += _gap(seen)
    header = ("column", "group", "people", "missed", "half seen at", "seen, weighted by urgency")
    return [Section("Who among pedestrians is missed", text, header, tuple(rows), charts=tuple(_charts(seen)))]


def _gap(seen: SeenAgain) -> str:
    """By how far people in bright clothes are seen before those in dark ones, at night."""
    clothing = seen.column("clothing")
    both = np.isin(clothing, ("bright", "dark")) & (seen.column("time_of_day") == "night")
    if min((both & (clothing == name)).sum() for name in ("bright", "dark")) < LEAST:
        return ""
    distance, found = seen.column("distance_m")[both].astype(float), seen.hit[both].astype(float)
    names, bright = seen.column("image_id")[both].tolist(), clothing[both] == "bright"
    gap, low, high = half_seen_gap(distance, found, names, bright)
    return f" At night, bright clothes are half seen {gap:.1f} m [{low:.1f}, {high:.1f}] further away than dark ones."


def _metres(value: float, low: float, high: float) -> str:
    def told(metres: float) -> str:
        return "no distance" if metres <= 1 else f"over {EDGES[-1]:.0f}" if metres > EDGES[-1] else f"{metres:.1f}"

    return f"{told(value)} m [{told(low)}, {told(high)}]"


def _charts(seen: SeenAgain) -> Iterator[Chart]:
    """Seen by distance, of clothing by hour."""
    distance, pictures = seen.column("distance_m").astype(float), seen.column("image_id")
    for hour in ("day", "night"):
        lines = []
        for name, value, mine in groups(seen):
            if name == "clothing by hour" and value.endswith(f", {hour}"):
                points = []
                for low, high in itertools.pairwise(EDGES):
                    rows = mine & (distance >= low) & (distance < high)
                    if rows.sum() >= 5:
                        share = clustered_share(seen.hit[rows], pictures[rows].tolist())
                        points.append(((low * high) ** 0.5, *share))
                if points:
                    x, y, lower, upper = (tuple(values) for values in zip(*points, strict=True))
                    lines.append(Line(value, x, y, lower, upper))
        if lines:
            title = f"Pedestrians seen by distance, {hour}"
            yield Chart(title, "metres", "share seen", tuple(lines), "By clothing; 95 % intervals by picture.")
