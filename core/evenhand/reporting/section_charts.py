"""Charts and pictures of a plugin's section: any lines over two axes as inline SVG, any picture as a data address."""

from __future__ import annotations

import base64
import math
from typing import Any

from markupsafe import Markup

from evenhand.reporting.axes import opened, range_of
from evenhand.reporting.curves import STYLES
from evenhand.reporting.formatting import short
from evenhand.reporting.plane import LEFT, WIDTH, Plane
from evenhand.sections import media_type

HEIGHT, LEGEND = 260, 18
YEAR = "year"  # an x axis of that name has no separators: 2020


def lines_chart(chart: dict[str, Any]) -> Markup:
    """The chart of a section: bands first, then lines or dots over them, then their names."""
    lines = [line for line in map(_finite, chart["lines"]) if line["x"]]
    if not lines:
        return Markup("")
    place = _plane(lines)
    size = HEIGHT + LEGEND * len(lines) + 8
    axes = place.axes(chart["x"], chart["y"], separators=chart["x"] != YEAR)
    parts = [opened(WIDTH, size, chart["says"] or chart["title"]), *axes]
    parts.extend(_band(line, place, i) for i, line in enumerate(lines) if line["lower"])
    parts.extend(_drawn(line, place, i) for i, line in enumerate(lines))
    parts.extend(_named(line["name"], line["points"], i) for i, line in enumerate(lines))
    return Markup("").join([*parts, Markup("</svg>")])


def data_address(content: bytes) -> str:
    """A picture's bytes as a `data:` address; nothing where they are of a kind that a report does not take."""
    kind = media_type(content)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if kind else ""


def _plane(lines: list[dict[str, Any]]) -> Plane:
    across = [{"value": x} for line in lines for x in line["x"]]
    up = [{"value": y} for line in lines for y in (*line["y"], *line["lower"], *line["upper"])]
    return Plane(range_of(across), range_of(up), HEIGHT)


def _finite(line: dict[str, Any]) -> dict[str, Any]:
    """The line without the points that are not finite; a limit that is not finite lies on the line itself."""
    kept = [i for i, pair in enumerate(zip(line["x"], line["y"], strict=True)) if all(map(math.isfinite, pair))]
    limits = {
        end: [float(line[end][i]) if math.isfinite(line[end][i]) else float(line["y"][i]) for i in kept]
        for end in ("lower", "upper")
        if line[end]
    }
    both = {end: [float(line[end][i]) for i in kept] for end in ("x", "y")}
    return {"lower": [], "upper": [], **line, **both, **limits}


def _band(line: dict[str, Any], place: Plane, i: int) -> Markup:
    if line["points"]:
        bar = Markup('<line class="curve s{0}" x1="{1}" x2="{1}" y1="{2}" y2="{3}"/>')
        ends = zip(line["x"], line["lower"], line["upper"], strict=True)
        return Markup("").join(bar.format(i % STYLES, place.x(x), place.y(low), place.y(high)) for x, low, high in ends)
    edge = [*zip(line["x"], line["lower"], strict=True), *reversed([*zip(line["x"], line["upper"], strict=True)])]
    path = " ".join(f"{place.x(x)},{place.y(y)}" for x, y in edge)
    return Markup('<polygon class="broad" points="{0}"/>').format(path)


def _drawn(line: dict[str, Any], place: Plane, i: int) -> Markup:
    pairs = [(place.x(x), place.y(y)) for x, y in zip(line["x"], line["y"], strict=True)]
    if line["points"]:
        dot = Markup('<circle class="mark m{0}" cx="{1}" cy="{2}" r="4"/>')
        return Markup("").join(dot.format(i % STYLES, x, y) for x, y in pairs)
    path = " ".join(f"{x},{y}" for x, y in pairs)
    return Markup('<polyline class="curve s{0}" points="{1}"/>').format(i % STYLES, path)


def _named(name: str, points: bool, i: int) -> Markup:
    y = HEIGHT + 16 + LEGEND * i
    sample = (
        Markup('<circle class="mark m{0}" cx="{1}" cy="{2}" r="4"/>').format(i % STYLES, LEFT + 17, y - 4)
        if points
        else Markup('<line class="curve s{0}" x1="{1}" x2="{2}" y1="{3}" y2="{3}"/>').format(
            i % STYLES, LEFT, LEFT + 34, y - 4
        )
    )
    return sample + Markup('<text class="legend" x="{0}" y="{1}">{2}</text>').format(LEFT + 42, y, short(name)[:60])
