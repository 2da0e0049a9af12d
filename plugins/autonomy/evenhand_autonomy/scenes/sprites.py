"""What people, vehicles, cones and works look like: drawn as coloured shapes on a small sheet of their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from evenhand_autonomy.scenes.facts import CHILD, WHEELCHAIR, Thing

Colour = tuple[float, float, float]
LARGEST = 96  # pixels of a sheet's longer side


class Pen:
    """A sheet of wide x high pixels to draw on, in shares of its sides; colours are reflectances."""

    def __init__(self, wide: int, high: int) -> None:
        self.image = Image.new("RGBA", (wide, high), (0, 0, 0, 0))
        self.draw = ImageDraw.Draw(self.image)
        self.wide, self.high = wide, high

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """A filled rectangle."""
        ends = (left * self.wide, top * self.high, right * self.wide - 1, bottom * self.high - 1)
        self.draw.rectangle((ends[0], ends[1], max(ends[0], ends[2]), max(ends[1], ends[3])), fill=ink(colour))

    def oval(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """A filled ellipse."""
        ends = (left * self.wide, top * self.high, right * self.wide - 1, bottom * self.high - 1)
        self.draw.ellipse((ends[0], ends[1], max(ends[0], ends[2]), max(ends[1], ends[3])), fill=ink(colour))

    def shape(self, points: list[tuple[float, float]], colour: Colour) -> None:
        """A filled polygon."""
        self.draw.polygon([(x * self.wide, y * self.high) for x, y in points], fill=ink(colour))

    def limb(self, points: list[tuple[float, float]], thick: float, colour: Colour) -> None:
        """A thick line; `thick` is a share of the width."""
        places = [(x * self.wide, y * self.high) for x, y in points]
        self.draw.line(places, fill=ink(colour), width=max(1, round(thick * self.wide)), joint="curve")


def ink(colour: Colour) -> tuple[int, int, int, int]:
    """A reflectance as the sheet keeps it: the square root of it, so that dark tones keep their steps."""
    r, g, b = (round(255 * max(0.0, min(1.0, part)) ** 0.5) for part in colour)
    return r, g, b, 255


def grey(value: float, tint: Colour = (1.0, 1.0, 1.0)) -> Colour:
    """A reflectance with a tint."""
    return value * tint[0], value * tint[1], value * tint[2]


def sprite(thing: Thing, wide: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """(reflectance [high, wide, 3], cover [high, wide, 1]) of the thing at this size in pixels."""
    scale = max(1.0, min(4.0, LARGEST / max(wide, high)))
    pen = Pen(max(3, round(wide * scale)), max(3, round(high * scale)))
    DRAWN[thing.kind](pen, thing)
    small = pen.image.resize((wide, high), Image.Resampling.BOX)
    values = np.asarray(small, np.float32) / 255
    return values[..., :3] ** 2, values[..., 3:]


def _person(pen: Pen, thing: Thing) -> None:
    cloth, skin = grey(thing.clothing, thing.colour), grey(thing.skin, (1.0, 0.8, 0.65))
    trousers = grey(thing.clothing * 0.8, (0.85, 0.9, 1.0))
    head = 0.17 if thing.kind == CHILD else 0.13
    stride = (0.42 if thing.running else 0.2) * np.sin(2 * np.pi * thing.step)
    hip, knee = 0.53, 0.76
    for side in (-1, 1):
        foot = 0.5 + side * stride
        pen.limb([(0.5 + side * 0.06, hip), (0.5 + side * (0.06 + stride * 0.6), knee), (foot, 0.98)], 0.2, trousers)
    pen.shape([(0.28, head + 0.04), (0.72, head + 0.04), (0.68, hip + 0.04), (0.32, hip + 0.04)], cloth)
    swing = stride * 0.8
    for side in (-1, 1):
        hand = (0.5 + side * 0.36 - side * swing, 0.5)
        pen.limb([(0.5 + side * 0.2, head + 0.07), (0.5 + side * 0.34, 0.34), hand], 0.15, cloth)
        pen.oval(hand[0] - 0.07, 0.48, hand[0] + 0.07, 0.53, skin)
    pen.oval(0.33, 0.0, 0.67, head + 0.02, skin)
    pen.oval(0.31, 0.0, 0.69, head * 0.5, grey(0.05 + 0.2 * thing.skin * (thing.step > 0.5)))


def _wheelchair(pen: Pen, thing: Thing) -> None:
    cloth, skin = grey(thing.clothing, thing.colour), grey(thing.skin, (1.0, 0.8, 0.65))
    metal = grey(0.12)
    pen.oval(0.08, 0.48, 0.66, 0.99, metal)
    pen.oval(0.16, 0.55, 0.58, 0.92, grey(0.3))
    pen.box(0.1, 0.3, 0.2, 0.7, metal)
    pen.shape([(0.18, 0.24), (0.56, 0.24), (0.6, 0.66), (0.2, 0.66)], cloth)
    pen.limb([(0.4, 0.64), (0.82, 0.66), (0.86, 0.94)], 0.18, grey(thing.clothing * 0.8, (0.85, 0.9, 1.0)))
    pen.box(0.76, 0.92, 0.98, 0.98, metal)
    pen.limb([(0.48, 0.32), (0.66, 0.5)], 0.12, cloth)
    pen.oval(0.24, 0.0, 0.54, 0.23, skin)
    pen.oval(0.22, 0.0, 0.56, 0.1, grey(0.06))


def _car(pen: Pen, thing: Thing) -> None:
    body, glass, tyre = thing.colour, grey(0.06), grey(0.03)
    low = 0.42 if thing.kind == "car" else 0.1
    pen.box(0.1, 0.85, 0.28, 1.0, tyre)
    pen.box(0.72, 0.85, 0.9, 1.0, tyre)
    pen.box(0.02, low, 0.98, 0.9, body)
    if thing.kind == "car":
        pen.shape([(0.1, 0.46), (0.2, 0.02), (0.8, 0.02), (0.9, 0.46)], body)
        pen.shape([(0.17, 0.42), (0.25, 0.09), (0.75, 0.09), (0.83, 0.42)], glass)
    else:
        pen.box(0.04, 0.0, 0.96, 0.5, body)
        if thing.facing or thing.kind == "van":
            pen.box(0.12, 0.12, 0.88, 0.42, glass)
    pen.box(0.02, 0.76, 0.98, 0.84, grey(0.1))
    pen.box(0.38, 0.64, 0.62, 0.74, grey(0.6))
    lamp = (0.9, 0.88, 0.8) if thing.facing else (0.6, 0.02, 0.02)
    for left in (0.05, 0.78):
        pen.box(left, 0.52, left + 0.17, 0.64, lamp)


def _cone(pen: Pen, thing: Thing) -> None:
    orange = thing.colour
    pen.shape([(0.5, 0.0), (0.42, 0.02), (0.14, 0.9), (0.86, 0.9), (0.58, 0.02)], orange)
    pen.shape([(0.36, 0.28), (0.64, 0.28), (0.7, 0.48), (0.3, 0.48)], grey(0.85))
    pen.shape([(0.25, 0.6), (0.75, 0.6), (0.8, 0.74), (0.2, 0.74)], grey(0.85))
    pen.box(0.02, 0.9, 0.98, 1.0, grey(0.1) if thing.step > 0.5 else orange)


def _barrier(pen: Pen, thing: Thing) -> None:
    for left in (0.08, 0.84):
        pen.box(left, 0.1, left + 0.08, 1.0, grey(0.2))
    for top in (0.08, 0.5):
        pen.box(0.0, top, 1.0, top + 0.26, grey(0.85))
        for k in range(5):
            x = 0.2 * k
            pen.shape([(x, top), (x + 0.1, top), (x + 0.16, top + 0.26), (x + 0.06, top + 0.26)], thing.colour)


def _digger(pen: Pen, thing: Thing) -> None:
    body = thing.colour
    pen.box(0.08, 0.78, 0.7, 1.0, grey(0.05))
    pen.box(0.12, 0.48, 0.66, 0.8, body)
    pen.box(0.2, 0.2, 0.46, 0.5, body)
    pen.box(0.24, 0.25, 0.42, 0.44, grey(0.07))
    pen.limb([(0.56, 0.5), (0.74, 0.1), (0.94, 0.4), (0.9, 0.72)], 0.08, body)
    pen.shape([(0.82, 0.68), (1.0, 0.7), (0.96, 0.9), (0.8, 0.84)], grey(0.1))


def _tree(pen: Pen, thing: Thing) -> None:
    pen.box(0.44, 0.45, 0.56, 1.0, (0.12, 0.09, 0.06))
    pen.oval(0.05, 0.08, 0.7, 0.55, thing.colour)
    pen.oval(0.3, 0.0, 0.98, 0.6, grey(0.8, thing.colour))


def _post(pen: Pen, thing: Thing) -> None:
    pen.box(0.4, 0.0, 0.6, 1.0, grey(0.2))
    pen.box(0.0, 0.0, 0.6, 0.03, grey(0.2))


def _bin(pen: Pen, thing: Thing) -> None:
    pen.box(0.05, 0.12, 0.95, 1.0, thing.colour)
    pen.box(0.0, 0.0, 1.0, 0.15, grey(0.6, thing.colour))


DRAWN: dict[str, Callable[[Pen, Thing], None]] = {
    "adult": _person,
    CHILD: _person,
    WHEELCHAIR: _wheelchair,
    **dict.fromkeys(("car", "van", "truck"), _car),
    "cone": _cone,
    "barrier": _barrier,
    "digger": _digger,
    "tree": _tree,
    "post": _post,
    "bin": _bin,
}
