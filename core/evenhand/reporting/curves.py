"""ROC and calibration curves by group as inline SVG, with ticks on both axes and what chance leaves open."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from markupsafe import Markup

from evenhand.figures import percent, span
from evenhand.reporting.axes import opened
from evenhand.reporting.formatting import short
from evenhand.statistics import intervals

STYLES = 6  # line styles that are told apart without colour
SIZE, LEFT, TOP = 300, 58, 8
TENTHS = 10
FEWEST = 10  # rows of a tenth of the score that is drawn
NORMAL = 1.959964
Point = tuple[float, float]
Bar = tuple[Point, Point]  # from, to


def roc(groups: dict[str, dict[str, list[float]]], edges: list[float], threshold: float | None) -> Markup:
    """ROC curve of each group from its score histograms; a cross is the 95 % interval of either rate at the audited
    threshold."""
    lines: list[tuple[str, list[Point], list[Bar]]] = []
    for name, histogram in groups.items():
        positive, negative = _falling(histogram["positive"]), _falling(histogram["negative"])
        if positive[-1] > 0 and negative[-1] > 0:
            points = [(n / negative[-1], p / positive[-1]) for n, p in zip(negative, positive, strict=True)]
            lines.append((name, points, _cross(positive, negative, edges, threshold)))
    return _drawn(lines, "False positive rate", "True positive rate", "ROC curve by group", across_share=True)


def _cross(positive: list[float], negative: list[float], edges: list[float], threshold: float | None) -> list[Bar]:
    """The intervals of the two rates at the threshold, through the point of the curve that stands for it."""
    if threshold is None:
        return []
    above = sum(edge >= threshold - 1e-9 for edge in edges[:-1])  # bins whose rows are selected
    hits, wrong = positive[above], negative[above]
    x, y = wrong / negative[-1], hits / positive[-1]
    (low, high), (left, right) = _wilson(hits, positive[-1]), _wilson(wrong, negative[-1])
    return [((x, low), (x, high)), ((left, y), (right, y))]


def calibration(groups: dict[str, dict[str, list[float]]], edges: list[float]) -> Markup:
    """Share of positives against score, in tenths of the score, of each group, with 95 % intervals; tenths with fewer
    than 10 rows are left out."""
    lines: list[tuple[str, list[Point], list[Bar]]] = []
    for name, histogram in groups.items():
        points, bars = [], []
        for tenth in range(TENTHS):
            inside = [
                i for i in range(len(edges) - 1) if tenth / 10 <= (edges[i] + edges[i + 1]) / 2 < (tenth + 1) / 10
            ]
            positive = sum(histogram["positive"][i] for i in inside)
            rows = positive + sum(histogram["negative"][i] for i in inside)
            if rows >= FEWEST:
                x = tenth / 10 + 0.05 + 0.012 * (len(lines) % STYLES - 1)  # beside each other, so that bars are seen
                low, high = _wilson(positive, rows)
                points.append((x, positive / rows))
                bars.append(((x, low), (x, high)))
        if points:
            lines.append((name, points, bars))
    return _drawn(lines, "Score", "Share of positives", "Calibration by group", across_share=False)


def _wilson(hits: float, rows: float) -> Point:
    lower, upper = intervals.share(np.array([hits]), np.array([rows]), NORMAL)
    return float(lower[0]), float(upper[0])


def _drawn(
    lines: list[tuple[str, list[Point], list[Bar]]], across: str, up: str, title: str, across_share: bool
) -> Markup:
    if not lines:
        return Markup("")
    parts = [opened(SIZE + LEFT + 62, SIZE + 62 + 18 * len(lines), title), *_axes(across, up, across_share)]
    for i, (_, points, bars) in enumerate(lines):
        thin = points[:: max(1, len(points) // 100)] + points[-1:]
        path = " ".join(f"{_x(px):.1f},{_y(py):.1f}" for px, py in thin)
        bar = Markup('<line class="bar s{0}" x1="{1}" x2="{2}" y1="{3}" y2="{4}"/>')
        parts.extend(
            bar.format(i % STYLES, *(f"{v:.1f}" for v in (_x(a[0]), _x(b[0]), _y(a[1]), _y(b[1])))) for a, b in bars
        )
        parts.append(Markup('<polyline class="curve s{0}" points="{1}"/>').format(i % STYLES, path))
    parts.extend(_legend(i, name, points, bars, across_share) for i, (name, points, bars) in enumerate(lines))
    return Markup("").join([*parts, Markup("</svg>")])


def _x(value: float) -> float:
    return LEFT + min(max(value, 0), 1) * SIZE


def _y(value: float) -> float:
    return TOP + SIZE - min(max(value, 0), 1) * SIZE


def _axes(across: str, up: str, across_share: bool) -> list[Markup]:
    frame = Markup(
        '<rect class="frame" x="{0}" y="{1}" width="{2}" height="{2}"/><line class="even" x1="{0}" y1="{3}" x2="{4}"'
        ' y2="{1}"/>'
    ).format(LEFT, TOP, SIZE, TOP + SIZE, LEFT + SIZE)
    parts = [frame]
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        x, y = round(_x(tick), 1), round(_y(tick), 1)
        parts.append(
            Markup(
                '<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/><line class="grid" x1="{3}" x2="{4}" y1="{5}"'
                ' y2="{5}"/><text class="tick" x="{0}" y="{6}">{7}</text><text class="name" x="{8}" y="{9}">{10}</text>'
            ).format(
                *(x, TOP, TOP + SIZE, LEFT, LEFT + SIZE, y, TOP + SIZE + 17),
                *(f"{tick:.0%}" if across_share else f"{tick:g}", LEFT - 6, y + 4, f"{tick:.0%}"),
            )
        )
    words = Markup(
        '<text class="tick" x="{0}" y="{1}">{2}</text><text class="tick" transform="translate(13 {3})'
        ' rotate(-90)">{4}</text>'
    ).format(LEFT + SIZE / 2, TOP + SIZE + 36, across, TOP + SIZE / 2, up)
    return [*parts, words]


def _legend(i: int, name: str, points: list[Point], bars: list[Bar], across_share: bool) -> Markup:
    y = TOP + SIZE + 58 + 18 * i
    told = ""
    if across_share and len(bars) == 2:
        (found, low), (_, high) = bars[0][0], bars[0][1]
        value = bars[1][0][1]
        told = f": {percent(value)} ({span(low, high, True, '')}) at {percent(found)}"
    return Markup(
        '<line class="curve s{0}" x1="{1}" x2="{2}" y1="{3}" y2="{3}"/><text class="legend" x="{4}" y="{5}">{6}</text>'
    ).format(i % STYLES, LEFT, LEFT + 28, y - 4, LEFT + 34, y, short(name)[:22] + told)


def _falling(bins: list[float]) -> list[float]:
    """How many score at or above each bin's lower edge, from the highest bin down."""
    return [0.0, *accumulate(reversed(bins))]
