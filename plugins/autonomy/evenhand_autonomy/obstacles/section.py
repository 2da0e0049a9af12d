"""The obstacle recipe's part of the report: who is seen at what distance, the unforeseen, COCO's measures, pictures."""

from __future__ import annotations

from typing import Any

from evenhand import Section
from evenhand_autonomy.obstacles.coco_measures import coco_measures
from evenhand_autonomy.obstacles.data import texts
from evenhand_autonomy.obstacles.frames import PLACES
from evenhand_autonomy.obstacles.gallery import gallery
from evenhand_autonomy.obstacles.seen_again import SeenAgain, seen_again
from evenhand_autonomy.obstacles.unforeseen import unforeseen
from evenhand_autonomy.obstacles.who_is_seen import who_is_seen


def sections(run: Any) -> list[Section]:
    """Everything beyond the audit's own tables; only how rows are made where the data is no longer there."""
    seen = seen_again(run)
    if seen is None:
        return [_rows(None)]
    held_out = texts(run.recipe, "hold_out")
    return [
        *who_is_seen(seen),
        *unforeseen(seen, held_out),
        *gallery(seen, held_out),
        coco_measures(seen),
        _rows(seen),
    ]


def _rows(seen: SeenAgain | None) -> Section:
    text = (
        "Each annotated object is a row, found where a detection of its category overlaps it by half (intersection over"
        f" union). Each picture has {PLACES} rows more on which nothing is; detections that match no object are put on"
        " them, the surest first, so a threshold gives the same counts as COCO's matching. The rate of false alarms is"
        f" of those rows: {PLACES} times it are false alarms per picture. Rows of a picture are one cluster. Where the"
        " data tells no distance, it is guessed from the box's height and its kind's usual height (pedestrian 1.7 m,"
        " vehicle 1.5, cone 0.75, works 1.1) under a camera of 45 degrees; where it tells no speed, 50 km/h are taken."
    )
    if seen is not None:
        rest = sum(max(0, int((one.sure >= seen.threshold).sum()) - PLACES) > 0 for one in seen.found)
        text += f" Pictures with more than {PLACES} detections that count: {rest} of {len(seen.found)}."
    return Section("How detections became rows", text)
