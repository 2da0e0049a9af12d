"""Numerals and the word STOP, drawn as thick lines after the upright road lettering of the Vienna signs."""

from __future__ import annotations

from evenhand_autonomy.simulator.drawing import Colour, Point, Sheet, arc, bend

W = 0.5  # a character's box is W wide and 1 high; lines run along its edges

STROKES: dict[str, list[list[Point]]] = {
    "0": [
        [
            *arc((W / 2, 0.27), W / 2, 0.27, 180, 360),
            *arc((W / 2, 0.73), W / 2, 0.27, 0, 180),
            (0.0, 0.27),
        ]
    ],
    "1": [[(0.02, 0.24), (0.3, 0.0), (0.3, 1.0)]],
    "2": [[*arc((W / 2, 0.26), W / 2, 0.26, 190, 380), *bend((W * 0.97, 0.36), (W * 0.8, 0.6), (0.0, 1.0)), (W, 1.0)]],
    "3": [
        [*arc((W / 2, 0.24), W * 0.46, 0.24, 195, 450), (W * 0.4, 0.48)],
        [(W * 0.4, 0.48), *arc((W / 2, 0.74), W / 2, 0.26, 270, 525)],
    ],
    "5": [[(W * 0.95, 0.0), (W * 0.12, 0.0), (W * 0.02, 0.46), *arc((W / 2, 0.68), W / 2, 0.32, 220, 520)]],
    "6": [
        [*arc((W / 2, 0.69), W / 2, 0.31, 0, 360)],
        [(0.0, 0.69), *bend((0.0, 0.66), (W * 0.1, 0.35), (W * 0.66, 0.0))],
    ],
    "7": [[(0.0, 0.0), (W, 0.0), (W * 0.32, 1.0)]],
    "8": [[*arc((W / 2, 0.245), W * 0.44, 0.245, 0, 360)], [*arc((W / 2, 0.745), W / 2, 0.255, 0, 360)]],
    "S": [
        [
            *arc((W / 2, 0.25), W / 2, 0.25, 340, 160),
            *bend((0.02, 0.36), (0.08, 0.46), (W / 2, 0.5)),
            *bend((W / 2, 0.5), (W * 0.95, 0.56), (W, 0.72)),
            *arc((W / 2, 0.75), W / 2, 0.25, 0, 160),
        ]
    ],
    "T": [[(0.0, 0.0), (W, 0.0)], [(W / 2, 0.0), (W / 2, 1.0)]],
    "O": [],
    "P": [[(0.0, 1.0), (0.0, 0.0), (W * 0.5, 0.0), *arc((W * 0.5, 0.27), W * 0.5, 0.27, 270, 450), (0.0, 0.54)]],
}
STROKES["O"] = STROKES["0"]
ADVANCE = {"1": 0.3}


def write(sheet: Sheet, text: str, height: float, weight: float, colour: Colour, gap: float, stretch: float) -> None:
    """`text` centred on the sheet; height, weight (of a line) and gap (between boxes) in the sheet's unit."""
    inner = height - weight
    widths = [ADVANCE.get(letter, W) * inner * stretch for letter in text]
    left = -(sum(widths) + (gap + weight) * (len(text) - 1)) / 2
    for letter, width in zip(text, widths, strict=True):
        for stroke in STROKES[letter]:
            points = [(left + x * inner * stretch, (y - 0.5) * inner) for x, y in stroke]
            sheet.line(points, weight, colour)
        left += width + gap + weight
