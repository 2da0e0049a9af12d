"""The dark figures on signs, each drawn about the origin; `k` is how bold the lines are (1: as designed)."""

from __future__ import annotations

from evenhand_autonomy.simulator.drawing import Colour, Point, Sheet, arc, bend, mirrored

BLACK: Colour = (22, 22, 24)
RED: Colour = (196, 28, 36)


def arrow(sheet: Sheet, points: list[Point], width: float, head: float, colour: Colour) -> None:
    """A line with a triangular head beyond its last point; `head` is half the head's breadth, and its length."""
    (x0, y0), (x1, y1) = points[-2], points[-1]
    long = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1.0
    dx, dy = (x1 - x0) / long, (y1 - y0) / long
    sheet.line(points, width, colour, round_ends=False)
    tip = (x1 + dx * head * 1.05, y1 + dy * head * 1.05)
    sheet.polygon([tip, (x1 - dy * head, y1 + dx * head), (x1 + dy * head, y1 - dx * head)], colour)


def barbed(sheet: Sheet, points: list[Point], width: float, barb: float, colour: Colour) -> None:
    """A line whose last point is a tip with two swept-back barbs of the line's width (the arrows on blue signs)."""
    (x0, y0), (x1, y1) = points[-2], points[-1]
    long = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1.0
    dx, dy = (x1 - x0) / long, (y1 - y0) / long
    sheet.line([*points[:-1], (x1 - dx * width * 0.6, y1 - dy * width * 0.6)], width, colour, round_ends=False)
    for side in (-1, 1):
        back = (x1 + (-dx - side * dy) * barb, y1 + (-dy + side * dx) * barb)
        sheet.line([(x1 - dx * width * 0.55, y1 - dy * width * 0.55), back], width, colour, round_ends=False)
    sheet.polygon(
        [
            (x1 + dx * width * 0.15, y1 + dy * width * 0.15),
            (x1 - dx * width - dy * width * 0.75, y1 - dy * width + dx * width * 0.75),
            (x1 - dx * width + dy * width * 0.75, y1 - dy * width - dx * width * 0.75),
        ],
        colour,
    )


def car(sheet: Sheet, colour: Colour, k: float) -> None:
    """A car from behind, about 1 wide and 0.7 high."""
    roof = [(-0.34, 0.0), (-0.24, -0.3), (0.24, -0.3), (0.34, 0.0)]
    sheet.line(roof, 0.1 * k, colour)
    sheet.polygon([(-0.46, 0.0), (0.46, 0.0), (0.48, 0.24), (-0.48, 0.24)], colour, 0.02)
    for side in (-1, 1):
        sheet.polygon([(side * 0.46, 0.2), (side * 0.26, 0.2), (side * 0.26, 0.38), (side * 0.46, 0.38)], colour)


def lorry_behind(sheet: Sheet, colour: Colour, k: float) -> None:
    """A lorry from behind, about 0.8 wide and 1.2 high."""
    sheet.polygon([(-0.4, -0.62), (0.4, -0.62), (0.4, 0.28), (-0.4, 0.28)], colour, 0.02)
    for side in (-1, 1):
        sheet.polygon([(side * 0.38, 0.28), (side * 0.16, 0.28), (side * 0.16, 0.5), (side * 0.38, 0.5)], colour)


def overtaking(sheet: Sheet, left: Colour, right: Colour, lorry: bool, k: float) -> None:
    """Two vehicles side by side; the left one is a lorry or a car."""
    if lorry:
        lorry_behind(sheet.within(0.58, -0.27, -0.06), left, k)
        car(sheet.within(0.46, 0.27, 0.09), right, k)
    else:
        car(sheet.within(0.5, -0.29, 0.0), left, k)
        car(sheet.within(0.5, 0.29, 0.0), right, k)


def lorry(sheet: Sheet, k: float) -> None:
    """A lorry from its side, driving left."""
    sheet.polygon([(-0.1, -0.28), (0.5, -0.28), (0.5, 0.14), (-0.1, 0.14)], BLACK, 0.01)
    sheet.polygon([(-0.14, 0.16), (-0.5, 0.16), (-0.5, -0.0), (-0.38, -0.04), (-0.3, -0.2), (-0.14, -0.2)], BLACK, 0.01)
    sheet.polygon([(-0.34, -0.03), (-0.27, -0.15), (-0.2, -0.15), (-0.2, -0.03)], (236, 236, 236))
    for x in (-0.32, 0.32):
        sheet.disc((x, 0.2), 0.1 * k, BLACK)


def crossing(sheet: Sheet, k: float) -> None:
    """A broad upright arrow over a thinner cross-bar: right of way at the next crossing."""
    sheet.polygon(
        [
            (0, -0.38),
            (0.12, -0.28),
            (0.21, -0.02),
            (0.13, 0.0),
            (0.13, 0.42),
            (-0.13, 0.42),
            (-0.13, 0.0),
            (-0.21, -0.02),
            (-0.12, -0.28),
        ],
        BLACK,
        0.0,
    )
    sheet.line([(-0.38, 0.08), (0.38, 0.08)], 0.11 * k, BLACK, round_ends=False)


def exclamation(sheet: Sheet, k: float) -> None:
    w = 0.085 * k
    sheet.polygon([(-w, -0.4), (w, -0.4), (w * 0.65, 0.2), (-w * 0.65, 0.2)], BLACK, 0.015)
    sheet.disc((0, 0.35), 0.09 * k, BLACK)


def curve(sheet: Sheet, right: bool, k: float) -> None:
    """A road that turns, drawn as an arrow with a small head."""
    path = [(0.24, 0.42), (0.24, 0.1), *bend((0.24, 0.06), (0.22, -0.13), (0.0, -0.16)), (-0.12, -0.17)]
    arrow(sheet, mirrored(path) if right else path, 0.17 * k, 0.17, BLACK)


def double_curve(sheet: Sheet, k: float) -> None:
    """First to the left, then straight on."""
    path = [(0.17, 0.45), (0.17, 0.16), (0.13, 0.06), (-0.11, 0.12), (-0.15, 0.05), (-0.15, -0.12)]
    arrow(sheet, path, 0.15 * k, 0.17, BLACK)


def bumps(sheet: Sheet, k: float) -> None:
    sheet.polygon(
        [
            (-0.5, 0.42),
            *arc((-0.22, 0.34), 0.19, 0.2 * k, 180, 360),
            *arc((0.22, 0.34), 0.19, 0.2 * k, 180, 360),
            (0.5, 0.42),
        ],
        BLACK,
        0.01,
    )


def slippery(sheet: Sheet, k: float) -> None:
    """A car tilted over its own winding tracks."""

    def tilt(points: list[Point]) -> list[Point]:
        return [(x * 0.96 - y * 0.22 - 0.02, y * 0.96 + x * 0.22 - 0.06) for x, y in points]

    sheet.line(tilt([(-0.2, 0.0), (-0.14, -0.2), (0.14, -0.2), (0.2, 0.0)]), 0.06 * k, BLACK)
    sheet.polygon(tilt([(-0.28, -0.02), (0.28, -0.02), (0.28, 0.14), (-0.28, 0.14)]), BLACK, 0.015)
    for x in (-0.2, 0.2):
        sheet.line(tilt([(x, 0.12), (x, 0.22)]), 0.1, BLACK, round_ends=False)
    for x in (-0.24, 0.1):
        track = [
            *bend((x + 0.06, 0.26), (x + 0.2, 0.32), (x, 0.38)),
            *bend((x, 0.38), (x - 0.16, 0.44), (x + 0.1, 0.5)),
        ]
        sheet.line(track, 0.05 * k, BLACK)


def narrows(sheet: Sheet, k: float) -> None:
    """A road that narrows from the right."""
    sheet.line([(-0.13, -0.22), (-0.13, 0.46)], 0.11 * k, BLACK, round_ends=False)
    sheet.line([(0.06, -0.22), (0.06, 0.0), (0.2, 0.22), (0.2, 0.46)], 0.11 * k, BLACK, round_ends=False)


def works(sheet: Sheet, k: float) -> None:
    """Somebody with a shovel before a heap."""
    sheet.disc((-0.06, -0.28), 0.08 * k, BLACK)
    sheet.line([(-0.08, -0.12), (-0.2, 0.12)], 0.17 * k, BLACK)
    sheet.line([(-0.2, 0.12), (-0.34, 0.46)], 0.09 * k, BLACK)
    sheet.line([(-0.17, 0.14), (-0.04, 0.28), (-0.1, 0.46)], 0.09 * k, BLACK)
    sheet.line([(-0.04, -0.12), (0.1, 0.02)], 0.06 * k, BLACK)
    sheet.line([(-0.22, -0.04), (0.2, 0.28)], 0.045 * k, BLACK)
    sheet.polygon([(0.06, 0.45), (0.2, 0.26), (0.3, 0.22), (0.5, 0.45)], BLACK, 0.015)


def lights(sheet: Sheet, k: float) -> None:
    sheet.polygon([(-0.15, -0.3), (0.15, -0.3), (0.15, 0.5), (-0.15, 0.5)], (190, 190, 186), 0.02)
    for y, colour in ((-0.2, (206, 40, 40)), (0.1, (228, 176, 40)), (0.4, (30, 140, 100))):
        sheet.disc((0, y), 0.125 * k, colour)


def walker(sheet: Sheet, k: float) -> None:
    """Somebody walking left."""
    sheet.disc((0.0, -0.42), 0.085 * k, BLACK)
    sheet.line([(0.01, -0.24), (0.02, 0.04)], 0.17 * k, BLACK)
    sheet.line([(0.0, 0.05), (-0.1, 0.26), (-0.2, 0.5)], 0.095 * k, BLACK)
    sheet.line([(0.04, 0.05), (0.1, 0.26), (0.22, 0.48)], 0.095 * k, BLACK)
    sheet.line([(-0.03, -0.25), (-0.17, -0.08), (-0.24, 0.03)], 0.065 * k, BLACK)
    sheet.line([(0.06, -0.25), (0.18, -0.06), (0.22, 0.03)], 0.065 * k, BLACK)


def runner(sheet: Sheet, k: float) -> None:
    """A child running, arms out."""
    sheet.disc((0.0, -0.42), 0.11 * k, BLACK)
    sheet.line([(0.0, -0.2), (0.02, 0.08)], 0.2 * k, BLACK)
    sheet.line([(0.0, 0.1), (-0.14, 0.28), (-0.22, 0.5)], 0.1 * k, BLACK)
    sheet.line([(0.04, 0.1), (0.22, 0.24), (0.36, 0.42)], 0.1 * k, BLACK)
    sheet.line([(-0.04, -0.22), (-0.32, -0.1)], 0.07 * k, BLACK)
    sheet.line([(0.06, -0.22), (0.3, -0.12), (0.4, -0.26)], 0.07 * k, BLACK)


def children(sheet: Sheet, k: float) -> None:
    runner(sheet.within(0.88, 0.15, 0.03), k)
    runner(sheet.within(0.66, -0.26, 0.15), k)


def bicycle(sheet: Sheet, k: float) -> None:
    w = 0.055 * k
    for x in (-0.29, 0.29):
        sheet.line(arc((x, 0.22), 0.2, 0.2, 0, 360), w, BLACK)
    sheet.line([(-0.29, 0.22), (-0.13, -0.08), (0.16, -0.08), (0.02, 0.24), (-0.13, -0.08)], w, BLACK)
    sheet.line([(0.29, 0.22), (0.14, -0.18), (0.26, -0.2)], w, BLACK)
    sheet.line([(0.02, 0.24), (-0.29, 0.22)], w, BLACK)
    sheet.line([(-0.2, -0.17), (-0.06, -0.17)], w * 1.3, BLACK)


def snowflake(sheet: Sheet, k: float) -> None:
    for turn in range(3):
        (tip,) = arc((0, 0.08), 0.36, 0.36, 90 + 60 * turn, 90 + 60 * turn, 1)[:1]
        end = (-tip[0], 0.16 - tip[1])
        sheet.line([tip, end], 0.06 * k, BLACK)
        for sign in (1, -1):
            x, y = sign * tip[0] * 0.58, 0.08 + sign * (tip[1] - 0.08) * 0.58
            angle = 90 + 60 * turn + (0 if sign == 1 else 180)
            for side in (-42, 42):
                (far,) = arc((x, y), 0.17, 0.17, angle + side, angle + side, 1)[:1]
                sheet.line([(x, y), far], 0.05 * k, BLACK)


def deer(sheet: Sheet, k: float) -> None:
    """A deer leaping to the left."""
    sheet.line([(-0.12, 0.06), (0.2, 0.2)], 0.19 * k, BLACK)
    sheet.line([(-0.15, 0.04), (-0.22, -0.18)], 0.12 * k, BLACK)
    sheet.line([(-0.22, -0.18), (-0.34, -0.13)], 0.09 * k, BLACK)
    sheet.line([(-0.2, -0.2), (-0.14, -0.34), (-0.2, -0.42)], 0.04 * k, BLACK)
    sheet.line([(-0.22, -0.2), (-0.27, -0.34)], 0.04 * k, BLACK)
    sheet.line([(0.2, 0.2), (0.34, 0.34), (0.46, 0.44)], 0.07 * k, BLACK)
    sheet.line([(0.18, 0.22), (0.26, 0.36), (0.4, 0.48)], 0.06 * k, BLACK)
    sheet.line([(-0.14, 0.1), (-0.3, 0.2), (-0.24, 0.3)], 0.06 * k, BLACK)
    sheet.line([(-0.1, 0.12), (-0.16, 0.28), (-0.08, 0.34)], 0.06 * k, BLACK)
