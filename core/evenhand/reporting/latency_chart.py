"""The times of single answers as inline SVG: how many took how long, and the share that was done by then."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from evenhand.figures import number
from evenhand.reporting.axes import opened
from evenhand.reporting.plane import BOTTOM, LEFT, PAD, TOP, WIDTH, Plane

HEIGHT = 260


def latency_charts(found: dict[str, Any]) -> list[tuple[str, Markup]]:
    """(caption, chart) of the histogram and of the distribution. found: what latency.json holds."""
    return [
        ("How many calls took how long. The last bar holds all that took longer.", _histogram(found)),
        (
            "The share of calls that were done by then, from the median on; each line up is ten times rarer.",
            _tail(found),
        ),
    ]


def _histogram(found: dict[str, Any]) -> Markup:
    edges, counts = found["histogram"]["edges_ms"], found["histogram"]["counts"]
    place = Plane((edges[0], edges[-1]), (0.0, max(counts) * 1.05), HEIGHT)
    said = f"Times of {found['calls']:,} calls; the table has the percentiles"
    bar = '<g><title>{0}</title><rect class="bar" x="{1}" y="{2}" width="{3}" height="{4}"/></g>'
    parts = [opened(WIDTH, HEIGHT, said), *place.axes("milliseconds", "calls")]
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        left, top = place.x(low), place.y(count)
        title = f"{number(low)} to {number(high)} ms: {count:,} calls"
        wide, tall = max(place.x(high) - left - 0.6, 0.6), HEIGHT - BOTTOM - top
        parts.append(Markup(bar).format(title, left, top, round(wide, 1), round(max(tall, 0.0), 1)))
    return Markup("").join([*parts, *_budget(place, found), Markup("</svg>")])


def _tail(found: dict[str, Any]) -> Markup:
    points = found["tail"]  # (nines, ms)
    most = max(point[0] for point in points)
    highest = max(*(point[1] for point in points), *([found["budget_ms"]] if found["budget_ms"] else [0.0]))
    place = Plane((0.0, highest * 1.05), (0.3, most * 1.02), HEIGHT)
    parts = [opened(WIDTH, HEIGHT, "Share of calls done by a time; the table has the percentiles")]
    line = '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/><text class="name" x="{3}" y="{4}">{5}</text>'
    for nines, name in ((0.301, "50%"), (1, "90%"), (2, "99%"), (3, "99.9%"), (4, "99.99%")):
        if nines <= most:
            y = place.y(nines)
            parts.append(Markup(line).format(LEFT, WIDTH - PAD, y, LEFT - 8, round(y + 4, 1), name))
    across = [str(part) for part in place.axes("milliseconds", "") if 'class="tick"' in str(part)]
    parts += [Markup(part) for part in across if "rotate" not in part]
    path = " ".join(f"{place.x(ms)},{place.y(nines)}" for nines, ms in points)
    parts.append(Markup('<polyline class="curve s0" points="{0}"/>').format(path))
    return Markup("").join([*parts, *_budget(place, found), Markup("</svg>")])


def _budget(place: Plane, found: dict[str, Any]) -> list[Markup]:
    """A line at the budget, where it is on the chart."""
    budget = found["budget_ms"]
    if not budget or not place.across[0] <= budget <= place.across[1]:
        return []
    x = place.x(budget)
    line = (
        '<line class="bound" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>'
        '<text class="legend" x="{3}" y="{4}" text-anchor="{5}">budget</text>'
    )
    left = x > WIDTH - 90
    where, anchor = (x - 5, "end") if left else (x + 5, "start")
    return [Markup(line).format(x, TOP, HEIGHT - BOTTOM, round(where, 1), TOP + 12, anchor)]
