"""Charts and pictures of a plugin's section: any lines over two axes as inline SVG, any picture as a data address."""

from __future__ import annotations

import base64
import math
from typing import Any

from markupsafe import Markup

from evenhand.reporting.axes import along, opened, range_of, ticks
from evenhand.reporting.charts import PAD
from evenhand.reporting.curves import STYLES
from evenhand.reporting.formatting import short
from evenhand.sections import media_type

WIDTH, HEIGHT, LEFT, BOTTOM, LEGEND = 420, 260, 64, 40, 18  # narrow, so that its words are read on a phone
PARTS, YEAR = 6, "year"  # of an axis; an x axis of that name has no separators: 2020


def lines_chart(chart: dict[str, Any]) -> Markup:
    """The chart of a section: bands first, then lines or dots over them, then their names."""
    lines = [line for line in map(_finite, chart["lines"]) if line["x"]]
    if not lines:
        return Markup("")
    place = _Places(lines)
    parts = [opened(WIDTH, HEIGHT + LEGEND * len(lines) + 8, chart["says"] or chart["title"]), *_axes(chart, place)]
    parts.extend(_band(line, place, i) for i, line in enumerate(lines) if line["lower"])
    parts.extend(_drawn(line, place, i) for i, line in enumerate(lines))
    parts.extend(_named(line["name"], line["points"], i) for i, line in enumerate(lines))
    return Markup("").join([*parts, Markup("</svg>")])


def data_address(content: bytes) -> str:
    """A picture's bytes as a `data:` address; nothing where they are of a kind that a report does not take."""
    kind = media_type(content)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if kind else ""


class _Places:
    """Where a point of the chart lies on the page."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        across = [{"value": x} for line in lines for x in line["x"]]
        up = [{"value": y} for line in lines for y in (*line["y"], *line["lower"], *line["upper"])]
        self.across, self.up = range_of(across), range_of(up)

    def x(self, value: float) -> float:
        return round(LEFT + along(value, *self.across) * (WIDTH - LEFT - PAD), 1)

    def y(self, value: float) -> float:
        return round(8 + (1 - along(value, *self.up)) * (HEIGHT - 8 - BOTTOM), 1)


def _axes(chart: dict[str, Any], place: _Places) -> list[Markup]:
    line = Markup(
        '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/><text class="name" x="{3}" y="{4}">{5}</text>'
    )
    parts = [
        line.format(LEFT, WIDTH - PAD, place.y(tick), LEFT - 8, place.y(tick) + 4, mark)
        for tick, mark in ticks(*place.up, PARTS)
    ]
    below = Markup('<text class="tick" x="{0}" y="{1}">{2}</text>')
    across = [
        (tick, mark.replace(",", "") if chart["x"] == YEAR else mark) for tick, mark in ticks(*place.across, PARTS)
    ]
    parts.extend(below.format(place.x(tick), HEIGHT - BOTTOM + 18, mark) for tick, mark in across)
    aside = Markup('<text class="tick" transform="translate(12 {0}) rotate(-90)">{1}</text>')
    parts.append(below.format((LEFT + WIDTH) / 2, HEIGHT - 2, short(chart["x"])))
    parts.append(aside.format((HEIGHT - BOTTOM) / 2, short(chart["y"])))
    return parts


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


def _band(line: dict[str, Any], place: _Places, i: int) -> Markup:
    if line["points"]:
        bar = Markup('<line class="curve s{0}" x1="{1}" x2="{1}" y1="{2}" y2="{3}"/>')
        ends = zip(line["x"], line["lower"], line["upper"], strict=True)
        return Markup("").join(bar.format(i % STYLES, place.x(x), place.y(low), place.y(high)) for x, low, high in ends)
    edge = [*zip(line["x"], line["lower"], strict=True), *reversed([*zip(line["x"], line["upper"], strict=True)])]
    path = " ".join(f"{place.x(x)},{place.y(y)}" for x, y in edge)
    return Markup('<polygon class="broad" points="{0}"/>').format(path)


def _drawn(line: dict[str, Any], place: _Places, i: int) -> Markup:
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
