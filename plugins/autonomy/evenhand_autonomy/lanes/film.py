"""A drive as a moving picture, and as a strip of stills: what the camera saw, and where in its lane the vehicle was."""

from __future__ import annotations

import io
from collections.abc import Mapping

from PIL import Image, ImageDraw

from evenhand_autonomy.lanes.driving import SECONDS, Drive

SCALE, BAR, GAP, MOMENTS = 3, 26, 8, 5
PAPER, INK, LANE, CAR, GONE = (255, 255, 255), (30, 32, 40), (205, 210, 218), (0, 114, 178), (213, 60, 30)


def film(drives: Mapping[str, Drive]) -> bytes:
    """An animated WebP: each policy's view side by side, in the time that it took; it plays three times and stops."""
    steps = min(len(drive.pictures) for drive in drives.values())
    frames = [_together([frame(name, drive, step) for name, drive in drives.items()]) for step in range(steps)]
    kept = io.BytesIO()
    first, *others = frames
    first.save(
        kept, "WEBP", save_all=True, append_images=others, duration=int(1000 * SECONDS), loop=3, quality=55, method=3
    )
    return kept.getvalue()


def strip(drives: Mapping[str, Drive]) -> bytes:
    """A JPEG: some moments of each drive, from left to right, a row for each policy."""
    rows = []
    for name, drive in drives.items():
        last = len(drive.pictures) - 1
        places = [round(last * k / (MOMENTS - 1)) for k in range(MOMENTS)]
        tiles = [frame(name if not k else f"{step * SECONDS:.0f} s", drive, step) for k, step in enumerate(places)]
        rows.append(_together([tile.resize((tile.width * 2 // 3, tile.height * 2 // 3)) for tile in tiles]))
    paper = Image.new("RGB", (rows[0].width, sum(row.height + GAP for row in rows) - GAP), PAPER)
    for k, row in enumerate(rows):
        paper.paste(row, (0, k * (row.height + GAP)))
    kept = io.BytesIO()
    paper.save(kept, "JPEG", quality=82)
    return kept.getvalue()


def frame(name: str, drive: Drive, step: int) -> Image.Image:
    """One moment: the camera's picture, below it the lane from above with the vehicle in it, and failures so far."""
    picture = Image.fromarray(drive.pictures[step])
    wide, high = picture.width * SCALE, picture.height * SCALE
    paper = Image.new("RGB", (wide, high + 2 * BAR), PAPER)
    paper.paste(picture.resize((wide, high), Image.Resampling.BICUBIC), (0, BAR))
    pen = ImageDraw.Draw(paper)
    failed = sum(place <= step for place in drive.failures)
    pen.text((4, 6), name, fill=INK, font_size=14)
    pen.text((wide - 4, 6), f"left its lane: {failed}", fill=GONE if failed else INK, font_size=14, anchor="ra")
    metre = wide / 6
    middle, top = wide / 2, high + BAR
    half = drive.route.road.lane / 2
    pen.rectangle((middle - half * metre, top + 3, middle + half * metre, top + BAR - 3), fill=LANE)
    recent = any(step - 3 <= place <= step for place in drive.failures)
    place = middle + drive.offsets[step] * metre
    pen.rectangle((place - 0.9 * metre, top + 7, place + 0.9 * metre, top + BAR - 7), fill=GONE if recent else CAR)
    return paper


def _together(frames: list[Image.Image]) -> Image.Image:
    """Side by side."""
    paper = Image.new("RGB", (sum(one.width + GAP for one in frames) - GAP, frames[0].height), PAPER)
    left = 0
    for one in frames:
        paper.paste(one, (left, 0))
        left += one.width + GAP
    return paper
