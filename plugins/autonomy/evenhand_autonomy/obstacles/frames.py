"""Annotated pictures, and how they become rows: one for each object, and a few for false alarms.

A detector's misses are objects, and its false alarms are not: they have no row before the detector has spoken. So every
picture also gets `PLACES` rows on which nothing is there; the detections that match no object are put on them, the
surest first. Each row's score is then a confidence, and any threshold gives the counts that COCO's matching gives at
that threshold: recall is TP / (TP + FN) of the rows, precision TP / (TP + FP).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from evenhand_autonomy.scenes.facts import CONE, PEDESTRIAN, VEHICLE, WORKS

PLACES = 6  # false alarms of one picture that are counted; the table says where there were more
NOT_APPLICABLE, NOT_TOLD = "(not applicable)", "not told"
OF_PICTURE = ("weather", "time_of_day", "road_type", "family")
OF_PEDESTRIAN = ("who", "clothing", "skin_tone", "stature")
FOCAL, SPEED = 1.2, 13.9  # share of the width, and m/s (50 km/h), where the data does not tell them
TYPICAL = {PEDESTRIAN: 1.7, VEHICLE: 1.5, CONE: 0.75, WORKS: 1.1}  # metres high


@dataclass(frozen=True, slots=True)
class Object:
    """One annotated object: its box as shares of the picture (left, top, width, height), and what is told of it."""

    name: str
    category: str
    box: tuple[float, float, float, float]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """One annotated picture: stored as {"bytes", "path"}; `facts` are of the whole picture."""

    name: str
    picture: dict[str, Any]
    size: tuple[int, int]
    objects: tuple[Object, ...]
    split: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


BOX = ("box_left", "box_top", "box_width", "box_height")
COLUMNS = (
    "image",
    "image_id",
    "object_id",
    "there",
    "category",
    *BOX,
    *OF_PICTURE,
    *OF_PEDESTRIAN,
    "occlusion",
    "distance_m",
    "height_px",
    "ttc_s",
    "split",
)


def table_of(frames: Sequence[Frame], high: int) -> dict[str, list[Any]]:
    """Columns of all rows. `high`: rows of the picture that the model reads, in which height_px is told."""
    table: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for frame in frames:
        of_picture = {name: str(frame.facts.get(name) or NOT_TOLD) for name in OF_PICTURE}
        common = {"image": frame.picture, "image_id": frame.name, "split": frame.split, **of_picture}
        for one in frame.objects:
            _add(table, {**common, **_of_object(frame, one, high)})
        for place in range(PLACES):
            _add(table, {**common, **_nothing(frame, place)})
    return table


def _add(table: dict[str, list[Any]], row: dict[str, Any]) -> None:
    for name in COLUMNS:
        table[name].append(row[name])


def _of_object(frame: Frame, one: Object, high: int) -> dict[str, Any]:
    person = one.category == PEDESTRIAN
    who = {name: str(one.facts.get(name) or NOT_TOLD) if person else NOT_APPLICABLE for name in OF_PEDESTRIAN}
    distance = float(one.facts.get("distance_m") or guessed_distance(frame, one))
    speed = float(frame.facts.get("speed") or SPEED)
    return {
        "object_id": f"{frame.name}/{one.name}",
        "there": 1,
        "category": one.category,
        **dict(zip(BOX, one.box, strict=True)),
        **who,
        "occlusion": occlusion_of(one.facts.get("occluded")),
        "distance_m": round(distance, 2),
        "height_px": round(one.box[3] * high, 2),
        "ttc_s": round(distance / max(speed, 1.0), 3),
    }


def _nothing(frame: Frame, place: int) -> dict[str, Any]:
    texts = dict.fromkeys((*OF_PEDESTRIAN, "category", "occlusion"), NOT_APPLICABLE)
    numbers = dict.fromkeys((*BOX, "distance_m", "height_px", "ttc_s"))
    return {"object_id": f"{frame.name}/nothing {place + 1}", "there": 0, **texts, **numbers}


def guessed_distance(frame: Frame, one: Object) -> float:
    """Metres to an object of its kind's usual height, seen by a camera of 45 degrees from side to side."""
    wide, high = frame.size
    return TYPICAL[one.category] * FOCAL * wide / max(one.box[3] * high, 1e-6)


def occlusion_of(share: Any) -> str:
    """In words: how much of an object nearer things hide."""
    if share is None:
        return NOT_TOLD
    return "in full view" if share < 0.1 else "partly hidden" if share < 0.4 else "mostly hidden"
