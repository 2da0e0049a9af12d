"""Simulated drive logs for lane-following: an expert at the wheel, pushed off its line now and then, and its pictures.

Towns are what the model is taught in; rural roads, whose lanes are narrower, bends sharper, paint worn and edges often
missing, are where it goes. That shift is the planted bias: an audit should find steering worse there, and less so with
more labelled rural frames.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from evenhand_autonomy.lanes.driving import SECONDS, Route, State, expert, moved, route, seen_from
from evenhand_autonomy.scenes.facts import DAY, NIGHT, RURAL, URBAN, WEATHERS
from evenhand_autonomy.scenes.photograph import saved

DRIVES = {  # split and road type -> (drives, frames of each)
    ("train", URBAN): (44, 30),
    ("validation", URBAN): (8, 20),
    ("train", RURAL): (50, 6),  # of which the labelled frames are taken
    ("validation", RURAL): (4, 20),
    ("test", URBAN): (40, 8),
    ("test", RURAL): (60, 8),
}
COLUMNS = (
    "image",
    "steering",
    "lane_offset",
    "drive",
    "frame",
    "time",
    "split",
    "road_type",
    "weather",
    "time_of_day",
    "bend",
    "speed",
)


@lru_cache(maxsize=2)
def simulated_drives(seed: int = 0) -> dict[str, list[Any]]:
    """Columns of the sample; steering in degrees of the front wheels, to the right positive."""
    table: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for part, ((split, kind), (drives, frames)) in enumerate(DRIVES.items()):
        for number in range(drives):
            rng = np.random.default_rng([seed, 401 + part, number])
            weather, time = WEATHERS[number % 4], NIGHT if number % 3 == 2 else DAY  # each has its share of test drives
            if split != "test":
                weather = str(rng.choice(WEATHERS, p=[0.55, 0.2, 0.15, 0.1]))
                time = str(rng.choice([DAY, NIGHT], p=[0.7, 0.3]))
            for row in logged(rng, f"{split} {kind} {number}", split, kind, frames, weather, time):
                for name in COLUMNS:
                    table[name].append(row[name])
    return table


def logged(
    rng: np.random.Generator, name: str, split: str, kind: str, frames: int, weather: str, time: str
) -> list[dict[str, Any]]:
    """One drive's rows: a picture every second step, with the expert's angle."""
    way = route(rng, kind, weather, time, metres=frames * 2 * SECONDS * 14 + 20)
    state, push, rows = State(offset=float(rng.normal(0, 0.3))), 0.0, []
    for frame in range(frames):
        picture = seen_from(state, way, rng)
        rows.append(_row(name, split, kind, way, state, frame, saved(picture)))
        for _ in range(2):
            push = 0.8 * push + float(rng.normal(0, 0.012))
            state = moved(state, way, expert(state, way) + push)
        if abs(state.offset) > way.road.lane / 2:
            state = State(state.along)
    return rows


def _row(name: str, split: str, kind: str, way: Route, state: State, frame: int, picture: bytes) -> dict[str, Any]:
    bend = abs(float(way.bends[min(int(state.along) + 8, len(way.bends) - 1)]))
    return {
        "image": {"bytes": picture, "path": None},
        "steering": round(math.degrees(expert(state, way)), 4),
        "lane_offset": round(state.offset, 4),
        "drive": name,
        "frame": f"{name}/{frame}",
        "time": round(frame * 2 * SECONDS, 2),
        "split": split,
        "road_type": kind,
        "weather": way.weather,
        "time_of_day": way.time,
        "bend": bend_of(bend),
        "speed": way.speed,
    }


def bend_of(curvature: float) -> str:
    """A bend in words: by its radius."""
    return "straight" if curvature < 0.001 else "wide bend" if curvature < 0.005 else "tight bend"
