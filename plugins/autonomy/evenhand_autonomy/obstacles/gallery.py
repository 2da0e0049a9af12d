"""Test pictures with what was found, missed and imagined in each."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from evenhand import Picture, Section
from evenhand_autonomy.obstacles.matching import matched
from evenhand_autonomy.obstacles.pictures import pixels_of
from evenhand_autonomy.obstacles.seen_again import SeenAgain
from evenhand_autonomy.scenes.facts import PEDESTRIAN, PLAIN

SCALE, ACROSS, GAP = 3, 2, 6
FOUND, MISSED, IMAGINED = (60, 180, 255), (255, 60, 40), (255, 220, 0)


def gallery(seen: SeenAgain, held_out: Sequence[str]) -> list[Section]:
    """Pictures in which the most urgent pedestrians are missed, then some of each held-out family."""
    family = seen.of_picture("family")
    chosen = [("missed pedestrians", _worst(seen, ~np.isin(family, list(held_out)), 6))]
    chosen += [(name, np.flatnonzero(family == name)[:4].tolist()) for name in held_out if (family == name).any()]
    shown = [
        Picture(sheet([drawn(seen, place) for place in places]), _says(name, len(places)), _caption(seen, name, places))
        for name, places in chosen
        if places
    ]
    if not shown:
        return []
    text = (
        "Blue: found, as the detector drew it. Red with a cross: missed. Yellow: a false alarm. Pedestrians come in the"
        " order of how soon the vehicle would reach them."
    )
    return [Section("What was found, missed and imagined", text, pictures=tuple(shown))]


def _worst(seen: SeenAgain, wanted: np.ndarray, count: int) -> list[int]:
    """Places of the pictures whose missed pedestrians would be reached soonest."""
    missed = (seen.column("category") == PEDESTRIAN) & ~seen.hit
    ttc = seen.column("ttc_s")
    soonest = [
        min((float(ttc[row]) for row in members if missed[row]), default=np.inf) if wanted[place] else np.inf
        for place, members in enumerate(seen.images.members)
    ]
    order = np.argsort(soonest, kind="stable")
    return [int(place) for place in order[:count] if np.isfinite(soonest[place])]


def drawn(seen: SeenAgain, place: int) -> Image.Image:
    """One picture with its boxes."""
    picture = Image.fromarray(pixels_of(seen.images.values[place]).transpose(1, 2, 0))
    large = picture.resize((picture.width * SCALE, picture.height * SCALE), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(large)
    one, rows = seen.found[place], seen.images.truth(place)[0]
    counts = one.sure >= seen.threshold
    boxes, classes, sure = one.boxes[counts], one.classes[counts], one.sure[counts]
    hit, wrong = matched(boxes, classes, sure, seen.images.boxes[rows], seen.images.kinds[rows])
    for k, box in enumerate(boxes):
        pen.rectangle((box * SCALE).tolist(), outline=IMAGINED if k in wrong else FOUND, width=2)
    for row, confidence in zip(rows, hit, strict=True):
        if confidence == 0:
            left, top, right, bottom = (seen.images.boxes[row] * SCALE).tolist()
            pen.rectangle((left, top, right, bottom), outline=MISSED, width=2)
            pen.line((left, top, right, bottom), fill=MISSED, width=1)
            pen.line((left, bottom, right, top), fill=MISSED, width=1)
    return large


def sheet(tiles: Sequence[Image.Image]) -> bytes:
    """The pictures in a grid, as JPEG."""
    wide, high = tiles[0].size
    lines = -(-len(tiles) // ACROSS)
    paper = Image.new("RGB", (ACROSS * (wide + GAP) - GAP, lines * (high + GAP) - GAP), (255, 255, 255))
    for k, tile in enumerate(tiles):
        paper.paste(tile, (k % ACROSS * (wide + GAP), k // ACROSS * (high + GAP)))
    kept = io.BytesIO()
    paper.save(kept, "JPEG", quality=80)
    return kept.getvalue()


def _says(name: str, count: int) -> str:
    what = (
        "test pictures in which pedestrians are missed" if name == "missed pedestrians" else f"test pictures of {name}"
    )
    return f"{count} {what}, with boxes around what was found, missed and imagined"


def _caption(seen: SeenAgain, name: str, places: Sequence[int]) -> str:
    weather, time, road = (seen.of_picture(column) for column in ("weather", "time_of_day", "road_type"))
    told = "; ".join(f"{road[place]}, {weather[place]}, {time[place]}" for place in places)
    return f"{name if name != PLAIN else 'ordinary scenes'}: {told}"
