"""Simulated scenes for obstacle, with a planted, documented blindness and two held-out scene families.

Planted: no training or validation scene shows a pedestrian in dark clothes at night. Such people are in the test
scenes, where headlamps do light them, if less than others. A detector trained on the sample should miss them more often
than they would have to be missed, and an audit should find it at clothing = dark within time_of_day = night.

Held out: children who run onto the road and whole sites of road works are in test scenes alone.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from evenhand_autonomy.obstacles.frames import Frame, Object
from evenhand_autonomy.scenes.at_random import lens, scene
from evenhand_autonomy.scenes.camera import Camera
from evenhand_autonomy.scenes.facts import CHILD_RUNNING, DAY, NIGHT, PEDESTRIAN, PLAIN, ROAD_WORKS, Seen
from evenhand_autonomy.scenes.photograph import photograph, saved

SIZES = {"train": 640, "validation": 120, "test": 300}  # ordinary scenes
HELD_OUT = {CHILD_RUNNING: 50, ROAD_WORKS: 50}  # test scenes more
ALL_CLOTHES = {"dark": 0.45, "medium": 0.3, "bright": 0.25}
NO_DARK = {"medium": 0.55, "bright": 0.45}
LEAST_HIGH, LEAST_WIDE, MOST_HIDDEN, MOST_CUT = 6, 3, 0.75, 0.6  # what is less in view is not annotated


@lru_cache(maxsize=2)
def obstacle_scenes(seed: int = 0, planted: bool = True) -> tuple[Frame, ...]:
    """The sample's annotated pictures. planted=False: dark clothes at night are in the training scenes, too."""
    found = [
        frame(np.random.default_rng([seed, 301 + part, number]), f"{split} {number}", split, PLAIN, planted)
        for part, (split, count) in enumerate(SIZES.items())
        for number in range(count)
    ]
    for part, (family, count) in enumerate(HELD_OUT.items()):
        for number in range(count):
            rng = np.random.default_rng([seed, 311 + part, number])
            found.append(frame(rng, f"{family} {number}", "test", family, planted))
    return tuple(found)


def frame(rng: np.random.Generator, name: str, split: str, family: str, planted: bool) -> Frame:
    """One annotated picture."""
    time = str(rng.choice([DAY, NIGHT], p=[0.5, 0.5]))
    blind = planted and split != "test" and time == NIGHT
    drawn = scene(rng, time=time, family=family, people=2.0, clothing=NO_DARK if blind else ALL_CLOTHES)
    picture, seen = photograph(drawn, rng, lens=lens(rng, drawn.speed, night=time == NIGHT))
    camera = Camera()
    objects = tuple(_object(one, number, camera) for number, one in enumerate(filter(annotated, seen)))
    facts = {
        "weather": drawn.weather,
        "time_of_day": drawn.time,
        "road_type": drawn.road.kind,
        "family": family,
        "speed": drawn.speed,
    }
    return Frame(name, {"bytes": saved(picture), "path": None}, (camera.width, camera.height), objects, split, facts)


def annotated(one: Seen) -> bool:
    """Whether enough of the thing is in view to be annotated."""
    left, top, right, bottom = one.box
    large = bottom - top >= LEAST_HIGH and right - left >= LEAST_WIDE
    return large and one.occluded <= MOST_HIDDEN and one.cut <= MOST_CUT


def _object(one: Seen, number: int, camera: Camera) -> Object:
    left, top, right, bottom = one.box
    wide, high = camera.width, camera.height
    box = (left / wide, top / high, (right - left) / wide, (bottom - top) / high)
    thing = one.thing
    facts = {"distance_m": thing.z, "occluded": one.occluded}
    if thing.category == PEDESTRIAN:
        facts |= {
            "who": thing.kind,
            "clothing": "dark" if thing.clothing < 0.1 else "medium" if thing.clothing < 0.45 else "bright",
            "skin_tone": "dark" if thing.skin < 0.17 else "medium" if thing.skin < 0.38 else "light",
            "stature": "under 1.4 m" if thing.height < 1.4 else "1.4 to 1.7 m" if thing.height < 1.7 else "over 1.7 m",
        }
    return Object(str(number), thing.category, box, facts)
