"""Simulated "real" signs: photographs by another camera than the pretraining's, with a planted, documented blindness.

The other camera has a warm cast, dark corners, a soft lens and strong compression, and its plates are printings that
the pretraining never drew, so going from simulation to this sample is a shift, if a milder one than to real roads.

Planted: at night, danger signs have lost their reflecting sheet (`PLANTED` of the light is left), and none of the
labelled or unlabelled training photographs shows a danger sign at night. A model adapted on the sample therefore does
not see danger signs at night, and an audit should find it at time_of_day = night within sign_family = danger.
"""

from __future__ import annotations

import io
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from evenhand_autonomy.signs.pictures import png
from evenhand_autonomy.simulator.classes import CLASSES, DANGER, FAMILIES
from evenhand_autonomy.simulator.plates import EDITIONS
from evenhand_autonomy.simulator.signs import SIDE, Scene, photograph, scene

PLANTED = 0.06  # of a danger sign's light at night that is left
TRAIN_TRACKS, TEST_TRACKS, FRAMES = 7, 8, 2  # physical signs per class, and photographs of each
OTHER_PRINTINGS = 6


@lru_cache(maxsize=1)  # a run reads it twice: to learn from, and to show its errors
def sign_photographs(seed: int = 0) -> dict[str, list[Any]]:
    """Columns of the sample: image, class_id, sign, split, weather, time_of_day, road_type, width, height."""
    table: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for split, tracks in (("train", TRAIN_TRACKS), ("test", TEST_TRACKS)):
        for number in range(CLASSES * tracks):
            for picture, truth in _track(seed, split, number):
                row = (
                    {"bytes": png(picture), "path": None},
                    truth.class_id,
                    f"{split} {number}",
                    split,
                    truth.weather,
                    truth.time,
                    truth.road,
                    truth.size,
                    truth.size,
                )
                for name, value in zip(COLUMNS, row, strict=True):
                    table[name].append(value)
    return table


COLUMNS = ("image", "class_id", "sign", "split", "weather", "time_of_day", "road_type", "width", "height")


def _track(seed: int, split: str, number: int) -> list[tuple[np.ndarray, Scene]]:
    """FRAMES photographs of one physical sign that the vehicle comes nearer to."""
    rng = np.random.default_rng([seed, 101 if split == "train" else 202, number])
    class_id = number % CLASSES
    danger = FAMILIES[class_id] == DANGER
    night = number // CLASSES % 4 == 0 and not (danger and split == "train")
    time = "night" if night else str(rng.choice(["day", "dusk"], p=[0.8, 0.2]))
    first = scene(rng, class_id, time=time, edition=EDITIONS + int(rng.integers(OTHER_PRINTINGS)))
    found = []
    for frame in range(FRAMES):
        nearer = 0.7**frame
        truth = replace(
            first,
            distance=first.distance * nearer,
            size=int(np.clip(first.size / nearer, 15, 96)),
            defocus=float(rng.gamma(1.3, 0.45)),
            exposure=first.exposure * (PLANTED if night and danger else 1.0),
            tilt=first.tilt + float(rng.normal(0, 1)),
            shift=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03))),
        )
        picture, seen = photograph(truth, rng)
        found.append((_other_camera(picture, rng), seen))
    return found


def _other_camera(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The photograph as a camera with a warm cast, dark corners, a soft lens and strong compression gives it."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE / 2) - 1
    corners = 1 - 0.22 * np.clip(x**2 + y**2, 0, 2)[..., None]
    seen = (picture / 255.0) ** 0.85 * np.array([1.08, 0.98, 0.82]) * corners + 0.03
    small = Image.fromarray((np.clip(seen, 0, 1) * 255).astype(np.uint8)).resize((36, 36), Image.Resampling.BILINEAR)
    kept = io.BytesIO()
    small.save(kept, "JPEG", quality=int(rng.integers(45, 65)))
    return np.asarray(Image.open(kept).convert("RGB"))
