"""A sheet to draw on: filled shapes and thick lines in a square from -1 to 1, y pointing down.

Drawn larger than it is kept, and reduced at the end, which is all the smoothing that edges need.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

Point = tuple[float, float]
Colour = tuple[int, int, int]

SCALE = 4  # pixels drawn for each that is kept, along a side


class Sheet:
    """`side` pixels of transparent paper. Every point is first scaled and moved by what `within` says."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.image = Image.new("RGBA", (side * SCALE, side * SCALE), (0, 0, 0, 0))
        self.pen = ImageDraw.Draw(self.image)
        self.frame = (1.0, 1.0, 0.0, 0.0)

    def within(self, scale: float, x: float = 0.0, y: float = 0.0, stretch: float = 1.0) -> Sheet:
        """The same paper, on which what is drawn comes out `scale` times as large, centred on (x, y)."""
        inner = object.__new__(Sheet)
        inner.side, inner.image, inner.pen = self.side, self.image, self.pen
        a, b, c, d = self.frame
        inner.frame = (a * scale * stretch, b * scale, a * x + c, b * y + d)
        return inner

    def polygon(self, points: Sequence[Point], colour: Colour, rounding: float = 0.0) -> None:
        """A filled polygon; `rounding` is the radius that its corners grow outwards by."""
        self.pen.polygon([self._at(point) for point in points], fill=colour)
        if rounding:
            self.line([*points, points[0]], 2 * rounding, colour)

    def disc(self, centre: Point, radius: float, colour: Colour, flat: float = 1.0) -> None:
        """A filled circle, or an ellipse `flat` times as high as wide."""
        (x0, y0) = self._at((centre[0] - radius, centre[1] - radius * flat))
        (x1, y1) = self._at((centre[0] + radius, centre[1] + radius * flat))
        self.pen.ellipse((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), fill=colour)

    def line(self, points: Sequence[Point], width: float, colour: Colour, round_ends: bool = True) -> None:
        """A thick line through the points, its joints (and perhaps its ends) round."""
        pixels = width * self.side * SCALE / 2 * math.sqrt(abs(self.frame[0] * self.frame[1]))
        places = [self._at(point) for point in points]
        self.pen.line(places, fill=colour, width=max(1, round(pixels)))
        half = pixels / 2
        for x, y in places if round_ends else places[1:-1]:
            self.pen.ellipse((x - half, y - half, x + half, y + half), fill=colour)

    def finished(self) -> Image.Image:
        """The drawing at its own size."""
        return self.image.resize((self.side, self.side), Image.Resampling.BOX)

    def _at(self, point: Point) -> Point:
        a, b, c, d = self.frame
        half = self.side * SCALE / 2
        return (point[0] * a + c + 1) * half, (point[1] * b + d + 1) * half


def arc(centre: Point, rx: float, ry: float, start: float, end: float, steps: int = 24) -> list[Point]:
    """Points of an ellipse's arc; angles in degrees, 0 right, 90 down, 180 left, 270 up."""
    turns = [math.radians(start + (end - start) * i / steps) for i in range(steps + 1)]
    return [(centre[0] + rx * math.cos(t), centre[1] + ry * math.sin(t)) for t in turns]


def bend(a: Point, b: Point, c: Point, steps: int = 12) -> list[Point]:
    """Points of the curve that leaves `a` towards `b` and comes into `c` from there."""
    found = []
    for i in range(steps + 1):
        t = i / steps
        u = 1 - t
        found.append(tuple(u * u * p + 2 * u * t * q + t * t * r for p, q, r in zip(a, b, c, strict=True)))
    return found  # type: ignore[return-value]  # pairs, by construction


def mirrored(points: Sequence[Point]) -> list[Point]:
    """The points with left and right exchanged."""
    return [(-x, y) for x, y in points]
