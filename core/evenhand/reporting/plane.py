"""A chart over two axes: where a point lies on the page, and what is drawn beside and below."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from evenhand.reporting.axes import along, ticks
from evenhand.reporting.formatting import short

WIDTH, LEFT, TOP, BOTTOM, PAD = 420, 64, 8, 40, 18  # narrow, so that its words are read on a phone


@dataclass(frozen=True)
class Plane:
    """`across`, `up`: (lowest, highest) of either axis; height: of the chart, the words below its axis included."""

    across: tuple[float, float]
    up: tuple[float, float]
    height: int
    parts: int = 6  # of an axis

    def x(self, value: float) -> float:
        """Where a value of the axis across lies."""
        return round(LEFT + along(value, *self.across) * (WIDTH - LEFT - PAD), 1)

    def y(self, value: float) -> float:
        """Where a value of the axis up lies."""
        return round(TOP + (1 - along(value, *self.up)) * (self.height - TOP - BOTTOM), 1)

    def axes(self, across: str, up: str, separators: bool = True) -> list[Markup]:
        """Both axes with their ticks and names. separators: of thousands across, which a year has none of."""
        line = Markup(
            '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/><text class="name" x="{3}" y="{4}">{5}</text>'
        )
        parts = [
            line.format(LEFT, WIDTH - PAD, self.y(tick), LEFT - 8, self.y(tick) + 4, mark)
            for tick, mark in ticks(*self.up, self.parts)
        ]
        below = Markup('<text class="tick" x="{0}" y="{1}">{2}</text>')
        for tick, mark in ticks(*self.across, self.parts):
            said = mark if separators else mark.replace(",", "")
            parts.append(below.format(self.x(tick), self.height - BOTTOM + 18, said))
        aside = Markup('<text class="tick" transform="translate(12 {0}) rotate(-90)">{1}</text>')
        parts.append(below.format((LEFT + WIDTH) / 2, self.height - 2, short(across)))
        parts.append(aside.format((self.height - BOTTOM) / 2, short(up)))
        return parts
