"""What folders have cost as inline SVG: a bar of energy for each, a part for each stage, and a line for the range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from evenhand.figures import number
from evenhand.reporting.axes import opened, ticks
from evenhand.reporting.curves import STYLES
from evenhand.reporting.formatting import short

WIDTH, LEFT, PAD, ROW, BAR, LEGEND = 420, 10, 18, 50, 16, 18
JOULES = 3600.0  # of a watt-hour
OTHERS = "others"


def costs_chart(folders: Sequence[dict[str, Any]]) -> Markup:
    """folders: name, total (joules, low, high) and parts, (stage, joules). Empty where no energy is told."""
    drawn = [folder for folder in folders if folder["total"][0]]
    if not drawn:
        return Markup("")
    most = max(folder["total"][2] for folder in drawn) / JOULES
    names = _named(drawn)
    height = ROW * len(drawn) + 40
    parts = [
        opened(WIDTH, height + LEGEND * len(names) + 36, "Energy of each folder by stage; the table has the numbers")
    ]
    parts += _axis(most, height)
    for row, folder in enumerate(drawn):
        parts += _bar(folder, 24 + ROW * row, most, names)
    parts += [_range_sample(height + 24)]
    parts += [_sample(name, place, height + 24 + LEGEND * (place + 1)) for place, name in enumerate(names)]
    return Markup("").join([*parts, Markup("</svg>")])


def _named(folders: Sequence[dict[str, Any]]) -> list[str]:
    """The stages that get a colour of their own: those that took most; the rest are one."""
    took: dict[str, float] = {}
    for folder in folders:
        for stage, joules in folder["parts"]:
            took[stage] = took.get(stage, 0.0) + joules
    first = sorted(took, key=lambda stage: -took[stage])
    return first if len(first) <= STYLES else [*first[: STYLES - 1], OTHERS]


def _x(wh: float, most: float) -> float:
    return round(LEFT + wh / most * (WIDTH - LEFT - PAD), 2)


def _axis(most: float, height: float) -> list[Markup]:
    line = Markup('<line class="grid" x1="{0}" x2="{0}" y1="8" y2="{1}"/><text class="tick" x="{0}" y="{2}">{3}</text>')
    below = [line.format(_x(tick, most), height - 34, height - 18, mark) for tick, mark in ticks(0.0, most)]
    return [*below, Markup('<text class="tick" x="{0}" y="{1}">watt-hours</text>').format(WIDTH / 2, height)]


def _bar(folder: dict[str, Any], y: float, most: float, names: list[str]) -> list[Markup]:
    made = [Markup('<text class="first" x="{0}" y="{1}">{2}</text>').format(LEFT, y - 4, short(folder["name"]))]
    box = Markup('<g><title>{5}: {6} Wh</title><rect class="mark m{0}" x="{1}" y="{2}" width="{3}" height="{4}"/></g>')
    grouped: dict[str, float] = {}
    for stage, joules in folder["parts"]:
        name = stage if stage in names else OTHERS
        grouped[name] = grouped.get(name, 0.0) + joules / JOULES
    begin = 0.0
    for name in names:
        wh = grouped.get(name, 0.0)
        wide = round(_x(begin + wh, most) - _x(begin, most), 2)
        made.append(box.format(names.index(name), _x(begin, most), y, wide, BAR, name, number(wh)))
        begin += wh
    low, high = (_x(folder["total"][end] / JOULES, most) for end in (1, 2))
    middle = y + BAR + 6
    whisker = '<path class="wide" fill="none" d="M{0},{2}V{3}M{0},{4}H{1}M{1},{2}V{3}"/>'
    return [*made, Markup(whisker).format(low, high, middle - 4, middle + 4, middle)]


def _range_sample(y: float) -> Markup:
    drawn = Markup('<path class="wide" fill="none" d="M{0},{2}V{3}M{0},{4}H{1}M{1},{2}V{3}"/>')
    says = Markup('<text class="legend" x="{0}" y="{1}">the range that the sum lies in</text>').format(LEFT + 24, y)
    return drawn.format(LEFT, LEFT + 14, y - 8, y, y - 4) + says


def _sample(name: str, place: int, y: float) -> Markup:
    box = Markup('<rect class="mark m{0}" x="{1}" y="{2}" width="14" height="12"/>').format(place, LEFT, y - 10)
    return box + Markup('<text class="legend" x="{0}" y="{1}">{2}</text>').format(LEFT + 24, y, short(name))
