"""The trials of a search as inline SVG: objective against the largest gap, the Pareto front, and what is shut out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from evenhand.figures import number
from evenhand.reporting.axes import opened, range_of
from evenhand.reporting.plane import BOTTOM, LEFT, PAD, TOP, WIDTH, Plane

HEIGHT, LEGEND = 300, 18


def front_chart(trials: Sequence[dict[str, Any]], objective: str, limits: dict[str, float], best: int | None) -> Markup:
    """A dot for each trial that was fitted: full where it keeps to all limits, hollow where not; a ring round the best.

    The line joins the trials of the Pareto front; the shaded part lies beyond the limit on the gap.
    """
    rows = [row for row in trials if row["state"] == "done"]
    if not rows:
        return Markup("")
    place = _plane(rows, limits.get("gap"))
    title = f"{objective} against the largest gap of {len(rows)} trials; the table has the numbers"
    parts = [
        opened(WIDTH, HEIGHT + LEGEND * 5 + 10, title),
        *_shut_out(place, limits.get("gap")),
        *place.axes("largest gap between groups", objective),
    ]
    front = sorted((row for row in rows if row["front"]), key=lambda row: float(row["gap"]))
    path = " ".join(f"{place.x(row['gap'])},{place.y(row['objective'])}" for row in front)
    parts.append(Markup('<polyline class="curve s2" points="{0}"/>').format(path))
    parts.extend(
        _dot(row, place, objective, row["trial"] == best) for row in sorted(rows, key=lambda row: bool(row["front"]))
    )
    return Markup("").join([*parts, *_legend(limits.get("gap")), Markup("</svg>")])


def _plane(rows: Sequence[dict[str, Any]], limit: float | None) -> Plane:
    gaps = [{"value": row["gap"]} for row in rows]
    low, high = range_of([*gaps, {"value": 0.0}, *([] if limit is None else [{"value": limit * 1.15}])])
    return Plane((max(low, 0.0), high), range_of([{"value": row["objective"]} for row in rows]), HEIGHT, parts=5)


def _shut_out(place: Plane, limit: float | None) -> list[Markup]:
    """The part of the chart where the gap is larger than allowed."""
    if limit is None:
        return []
    left = place.x(limit)
    box = (
        '<rect class="shut" x="{0}" y="{4}" width="{1}" height="{2}"/>'
        '<line class="bound" x1="{0}" x2="{0}" y1="{4}" y2="{3}"/>'
    )
    return [Markup(box).format(left, round(WIDTH - PAD - left, 1), HEIGHT - TOP - BOTTOM, HEIGHT - BOTTOM, TOP)]


def _dot(row: dict[str, Any], place: Plane, objective: str, best: bool) -> Markup:
    kind = "mark m0" if row["keeps"] else "hollow s1"
    says = f"trial {row['trial']}: {objective} {number(row['objective'])}, gap {number(row['gap'])}"
    x, y = place.x(row["gap"]), place.y(row["objective"])
    ring = Markup('<circle class="ring" cx="{0}" cy="{1}" r="9"/>').format(x, y) if best else Markup("")
    dot = Markup('<g><title>{0}</title><circle class="{1}" cx="{2}" cy="{3}" r="4.5"/></g>').format(says, kind, x, y)
    return ring + dot


def _legend(limit: float | None) -> list[Markup]:
    dot = '<circle class="{0}" cx="{1}" cy="{2}" r="{3}"/>'
    samples = [
        (Markup(dot).format("mark m0", LEFT + 17, "{y}", 4.5), "keeps to all limits"),
        (Markup(dot).format("hollow s1", LEFT + 17, "{y}", 4.5), "beyond a limit"),
        (Markup(dot).format("ring", LEFT + 17, "{y}", 7), "the best, which was run"),
        (
            Markup('<line class="curve s2" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>').format(LEFT, LEFT + 34, "{y}"),
            "Pareto front: no other is better in both",
        ),
    ]
    if limit is not None:
        box = Markup('<rect class="shut" x="{0}" y="{1}" width="34" height="12"/>').format(LEFT, "{top}")
        samples.append((box, f"a gap above {number(float(limit))}, which is not allowed"))
    made = []
    for i, (sample, says) in enumerate(samples):
        y = HEIGHT + 20 + LEGEND * i
        drawn = Markup(str(sample).replace("{y}", str(y - 4)).replace("{top}", str(y - 10)))
        made.append(drawn + Markup('<text class="legend" x="{0}" y="{1}">{2}</text>').format(LEFT + 42, y, says))
    return made
