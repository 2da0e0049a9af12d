"""Each class as a plate: drawn by us after the shapes of the Vienna Convention on Road Signs and Signals.

A plate comes in several editions, since road authorities changed line weights, lettering and tints over the decades.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from PIL import Image

from evenhand_autonomy.simulator import pictograms as figure
from evenhand_autonomy.simulator.classes import CLASSES
from evenhand_autonomy.simulator.drawing import Colour, Point, Sheet, arc, bend, mirrored
from evenhand_autonomy.simulator.lettering import write

SIDE = 96  # pixels of a drawn plate, which touches the sheet's edges
EDITIONS = 8
GREY: Colour = (96, 96, 98)


@dataclass(frozen=True, slots=True)
class Edition:
    """How one printing of a plate differs from another."""

    border: float  # breadth of a red border
    rim: float  # breadth of the white rim outside it
    weight: float  # of lines, 1 as designed
    height: float  # of numerals and figures, 1 as designed
    stretch: float  # of numerals and figures, sideways
    gap: float  # between numerals, 1 as designed
    red: Colour
    blue: Colour
    white: Colour


def edition(number: int) -> Edition:
    """The edition of this number; 0 is the one in the convention's annex."""
    if number == 0:
        return Edition(0.2, 0.03, 1, 1, 1, 1, (196, 28, 36), (20, 78, 160), (242, 242, 240))
    rng = np.random.default_rng([43, number])
    near = partial(rng.uniform)
    orange, grey = (near(0, 30), near(0, 26))
    return Edition(
        border=near(0.17, 0.235),
        rim=near(0.0, 0.06),
        weight=near(0.82, 1.2),
        height=near(0.9, 1.12),
        stretch=near(0.9, 1.12),
        gap=near(0.6, 1.5),
        red=(int(near(176, 214)), int(24 + orange), int(near(26, 48))),
        blue=(int(near(12, 40)), int(near(66, 96)), int(near(140, 182))),
        white=(int(242 - grey), int(242 - grey), int(238 - 1.3 * grey)),
    )


@lru_cache(maxsize=CLASSES * EDITIONS)
def plate(class_id: int, number: int = 0, side: int = SIDE) -> Image.Image:
    """The plate as RGBA, transparent around it."""
    sheet = Sheet(side)
    PLATES[class_id](sheet.within(0.97), edition(number))
    return sheet.finished()


def _ring(sheet: Sheet, e: Edition) -> None:
    sheet.disc((0, 0), 1.0, e.white)
    sheet.disc((0, 0), 1.0 - e.rim, e.red)
    sheet.disc((0, 0), 1.0 - e.rim - e.border, e.white)


def _limit(text: str, sheet: Sheet, e: Edition) -> None:
    _ring(sheet, e)
    inner = sheet.within(e.height)
    if len(text) == 3:
        write(inner, text, 0.84, 0.11 * e.weight, figure.BLACK, 0.06 * e.gap, 0.74 * e.stretch)
    else:
        write(inner, text, 0.9, 0.125 * e.weight, figure.BLACK, 0.1 * e.gap, 0.9 * e.stretch)


def _no_overtaking(lorry: bool, sheet: Sheet, e: Edition) -> None:
    _ring(sheet, e)
    figure.overtaking(sheet.within(1.04 * e.height, stretch=e.stretch), e.red, figure.BLACK, lorry, e.weight)


def _no_lorries(sheet: Sheet, e: Edition) -> None:
    _ring(sheet, e)
    figure.lorry(sheet.within(1.16 * e.height, stretch=e.stretch), e.weight)


def _no_entry(sheet: Sheet, e: Edition) -> None:
    sheet.disc((0, 0), 1.0, e.white)
    sheet.disc((0, 0), 1.0 - e.rim, e.red)
    half = 0.15 * e.height
    sheet.polygon([(-0.8, -half), (0.8, -half), (0.8, half), (-0.8, half)], e.white)


def _triangle(size: float) -> list[Point]:
    """Corners of a triangle pointing up whose sides lie `size` times as far from its middle as the plate's."""
    middle, reach = 0.3, 0.5767
    return [(0, middle - 2 * reach * size), (1.0 * size, middle + reach * size), (-1.0 * size, middle + reach * size)]


def _warning(draw: Callable[[Sheet, float], None], sheet: Sheet, e: Edition) -> None:
    corner = 0.07
    for size, colour in ((1.0, e.white), (1.0 - 1.4 * e.rim, e.red)):
        sheet.polygon(_triangle(size - corner / 0.58), colour, corner)
    sheet.polygon(_triangle(0.86 - 1.4 * e.rim - 1.05 * e.border - 0.02), e.white, 0.03)
    draw(sheet.within(0.97 * e.height, 0, 0.21, stretch=e.stretch), e.weight)


def _give_way(sheet: Sheet, e: Edition) -> None:
    corner = 0.06
    for size, colour in ((1.0, e.white), (1.0 - 1.2 * e.rim, e.red)):
        sheet.polygon([(x, -y) for x, y in _triangle(size - corner / 0.58)], colour, corner)
    sheet.polygon([(x, -y) for x, y in _triangle(0.86 - 1.2 * e.rim - 1.25 * e.border)], e.white, 0.03)


def _priority_road(sheet: Sheet, e: Edition) -> None:
    for size, colour in ((0.95, e.white), (0.95 - 0.9 * e.rim, (60, 60, 60)), (0.93 - 0.9 * e.rim, e.white)):
        sheet.polygon([(0, -size), (size, 0), (0, size), (-size, 0)], colour, 0.04)
    inner = 0.56 * e.height
    sheet.polygon([(0, -inner), (inner, 0), (0, inner), (-inner, 0)], (232, 168, 32), 0.03)


def _stop(sheet: Sheet, e: Edition) -> None:
    for size, colour in ((1.06, e.white), (1.0 - 0.6 * e.rim, e.red)):
        sheet.polygon(arc((0, 0), size, size, 22.5, 337.5, 7), colour)
    write(sheet.within(e.height, stretch=e.stretch), "STOP", 0.68, 0.11 * e.weight, e.white, 0.05 * e.gap, 0.78)


def _end(draw: Callable[[Sheet, Edition], None], sheet: Sheet, e: Edition) -> None:
    """A restriction's sign in grey, struck out by five thin lines or a broad band."""
    sheet.disc((0, 0), 1.0, e.white)
    sheet.disc((0, 0), 0.96 - e.rim, figure.BLACK)
    sheet.disc((0, 0), 0.93 - e.rim, e.white)
    draw(sheet, e)
    across = [-0.16, -0.08, 0.0, 0.08, 0.16]
    for shift in across:
        d = shift * e.weight
        long = (0.93 - e.rim) * 0.7071 * 0.98
        sheet.line([(-long + d, long + d), (long + d, -long + d)], 0.055, figure.BLACK, round_ends=False)


def _grey_limit(sheet: Sheet, e: Edition) -> None:
    write(sheet.within(e.height), "80", 0.94, 0.14 * e.weight, GREY, 0.1 * e.gap, 0.95 * e.stretch)


def _grey_overtaking(lorry: bool, sheet: Sheet, e: Edition) -> None:
    figure.overtaking(sheet.within(1.15 * e.height, stretch=e.stretch), GREY, GREY, lorry, e.weight)


def _blue(draw: Callable[[Sheet, Edition], None], sheet: Sheet, e: Edition) -> None:
    sheet.disc((0, 0), 1.0, e.white)
    sheet.disc((0, 0), 1.0 - 0.03 - 0.5 * e.rim, e.blue)
    draw(sheet.within(e.height, stretch=e.stretch), e)


def _turn(left: bool, sheet: Sheet, e: Edition) -> None:
    path = [(-0.3, 0.62), (-0.3, 0.05), *bend((-0.3, 0.0), (-0.28, -0.26), (0.0, -0.27)), (0.5, -0.27)]
    figure.barbed(sheet, mirrored(path) if left else path, 0.19 * e.weight, 0.34, e.white)


def _straight(sheet: Sheet, e: Edition) -> None:
    figure.barbed(sheet, [(0, 0.72), (0, -0.66)], 0.19 * e.weight, 0.42, e.white)


def _straight_or(left: bool, sheet: Sheet, e: Edition) -> None:
    up = [(-0.16, 0.7), (-0.16, -0.68)]
    side = [(-0.16, 0.62), *bend((-0.16, 0.44), (-0.14, 0.16), (0.12, 0.14)), (0.6, 0.14)]
    for path in (up, side):
        figure.barbed(sheet, mirrored(path) if left else path, 0.16 * e.weight, 0.3, e.white)


def _keep(left: bool, sheet: Sheet, e: Edition) -> None:
    path = [(-0.52, -0.52), (0.5, 0.5)]
    figure.barbed(sheet, mirrored(path) if left else path, 0.2 * e.weight, 0.4, e.white)


def _roundabout(sheet: Sheet, e: Edition) -> None:
    for start in (30, 150, 270):
        path = arc((0, 0), 0.58, 0.58, start, start - 92, 10)
        figure.barbed(sheet, path, 0.11 * e.weight, 0.2, e.white)


WARNINGS = {
    18: figure.exclamation,
    19: partial(figure.curve, right=False),
    20: partial(figure.curve, right=True),
    21: figure.double_curve,
    22: figure.bumps,
    23: figure.slippery,
    24: figure.narrows,
    25: figure.works,
    26: figure.lights,
    27: figure.walker,
    28: figure.children,
    29: figure.bicycle,
    30: figure.snowflake,
    31: figure.deer,
    11: figure.crossing,
}
PLATES: dict[int, Callable[[Sheet, Edition], None]] = {
    **{
        number: partial(_limit, text)
        for number, text in ((0, "20"), (1, "30"), (2, "50"), (3, "60"), (4, "70"), (5, "80"), (7, "100"), (8, "120"))
    },
    **{number: partial(_warning, lambda sheet, k, draw=draw: draw(sheet, k=k)) for number, draw in WARNINGS.items()},
    6: partial(_end, _grey_limit),
    9: partial(_no_overtaking, False),
    10: partial(_no_overtaking, True),
    12: _priority_road,
    13: _give_way,
    14: _stop,
    15: _ring,
    16: _no_lorries,
    17: _no_entry,
    32: partial(_end, lambda sheet, e: None),
    33: partial(_blue, partial(_turn, False)),
    34: partial(_blue, partial(_turn, True)),
    35: partial(_blue, _straight),
    36: partial(_blue, partial(_straight_or, False)),
    37: partial(_blue, partial(_straight_or, True)),
    38: partial(_blue, partial(_keep, False)),
    39: partial(_blue, partial(_keep, True)),
    40: partial(_blue, _roundabout),
    41: partial(_end, partial(_grey_overtaking, False)),
    42: partial(_end, partial(_grey_overtaking, True)),
}
