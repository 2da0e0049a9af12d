"""A photograph of one sign, by formulas: pose, light, weather, what covers it, lens and sensor; with its ground truth.

`scene` draws what is true of a photograph; `photograph` renders it. Both use nothing but their generator, so the same
seed gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from evenhand_autonomy.simulator import lens, surfaces
from evenhand_autonomy.simulator.backgrounds import RURAL, URBAN, cut
from evenhand_autonomy.simulator.classes import CLASSES, FAMILIES, NAMES
from evenhand_autonomy.simulator.plates import EDITIONS, plate

SIDE = 48  # pixels of a finished photograph
STAGE = 64  # pixels that it is built in, before the lens

TIMES = {"day": 0.68, "dusk": 0.17, "night": 0.15}
WEATHERS = {"clear": 0.42, "overcast": 0.26, "rain": 0.14, "fog": 0.1, "snow": 0.08}


@dataclass(frozen=True, slots=True)
class Scene:
    """What is true of one photograph; lengths of blur in pixels of the stage."""

    class_id: int
    edition: int
    weather: str
    time: str
    road: str
    distance: float  # metres from camera to sign
    size: int  # pixels of the sensor that the crop covers, along a side
    defocus: float
    motion: float
    tilt: float  # degrees
    yaw: float  # degrees that the plate is turned away
    pitch: float
    fill: float  # share of the crop's side that the plate covers
    shift: tuple[float, float]
    stretch: float  # height over width, after the benchmark's way of cutting to the plate's box
    exposure: float  # factor on the light of the plate
    backdrop: float  # factor on the light behind it
    occlusion: str
    covered: float  # share of the plate that is covered; known once it was photographed
    wear: float  # 0 new to 1 bleached and dirty

    @property
    def name(self) -> str:
        """What the sign says."""
        return NAMES[self.class_id]

    @property
    def family(self) -> str:
        """The class family."""
        return FAMILIES[self.class_id]


def scene(rng: np.random.Generator, class_id: int | None = None, **fixed: object) -> Scene:
    """What is true of a photograph to be taken; `fixed` names what is not left to chance."""
    weather = str(fixed.pop("weather", None) or rng.choice(list(WEATHERS), p=list(WEATHERS.values())))
    time = str(fixed.pop("time", None) or rng.choice(list(TIMES), p=list(TIMES.values())))
    distance = float(np.exp(rng.uniform(np.log(6), np.log(50))))
    light = {"day": (-0.75, 0.45), "dusk": (-1.7, -0.5), "night": (-2.4, 0.3)}[time]
    backlit = time == "day" and rng.random() < 0.3
    exposure = rng.uniform(*light) - (rng.uniform(0.3, 1.3) if backlit else 0.0)
    dark = {"day": (-0.6, 0.5), "dusk": (-0.9, 0.3), "night": (-3.0, -0.9)}[time]
    made = Scene(
        class_id=int(rng.integers(CLASSES)) if class_id is None else class_id,
        edition=int(rng.integers(EDITIONS)),
        weather=weather,
        time=time,
        road=str(rng.choice([URBAN, RURAL])),
        distance=distance,
        size=int(np.clip(640 / distance * rng.uniform(0.8, 1.3), 15, 96)),
        defocus=float(rng.gamma(1.3, 0.45)),
        motion=float(rng.gamma(1.2, 2.2)) if rng.random() < 0.4 else 0.0,
        tilt=float(rng.normal(0, 5)),
        yaw=float(rng.normal(0, 20)),
        pitch=float(rng.normal(0, 8)),
        fill=float(np.clip(rng.normal(0.8, 0.06), 0.5, 1.0)),
        shift=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03))),
        stretch=float(np.exp(rng.normal(0, 0.06))),
        exposure=float(np.exp(exposure)),
        backdrop=float(np.exp(rng.uniform(*dark) + (rng.uniform(0.5, 1.6) if backlit else 0.0))),
        occlusion=str(rng.choice(["none", "branch", "pole", "sticker", "shadow"], p=[0.6, 0.12, 0.05, 0.1, 0.13])),
        covered=0.0,
        wear=float(rng.beta(1.2, 3.0)),
    )
    return replace(made, **fixed)  # type: ignore[arg-type]  # names are those of Scene


def photograph(truth: Scene, rng: np.random.Generator) -> tuple[np.ndarray, Scene]:
    """(pixels [SIDE, SIDE, 3] uint8, the truth with `covered` filled in)."""
    face, mask = _posed(truth)
    face = surfaces.worn(face, truth.wear, rng)
    face, covered = surfaces.covered(face, mask, truth.occlusion, rng)
    lit = surfaces.shaded(face, rng) * truth.exposure
    behind = cut(rng, truth.road, STAGE) * truth.backdrop
    surfaces.furniture(behind, truth.road, rng)
    view = behind * (1 - mask) + lit * mask
    view = surfaces.weathered(view, mask, truth.weather, truth.time, truth.distance, rng)
    picture = lens.taken(view, truth.size, truth.defocus, truth.motion, truth.time == "night", SIDE, rng)
    return picture, replace(truth, covered=covered)


def _posed(truth: Scene) -> tuple[np.ndarray, np.ndarray]:
    """(the plate's colours [STAGE, STAGE, 3], how much of each pixel it covers [STAGE, STAGE, 1]) as seen."""
    drawn = plate(truth.class_id, truth.edition)
    left, top, right, bottom = drawn.getbbox() or (0, 0, *drawn.size)
    high = (bottom - top) / (right - left)
    corners = _corners(truth, high)
    box = [(left, top), (right, top), (right, bottom), (left, bottom)]
    seen = drawn.transform(
        (STAGE, STAGE), Image.Transform.PERSPECTIVE, _coefficients(corners, box), Image.Resampling.BILINEAR
    )
    values = np.asarray(seen, np.float32) / 255
    return values[..., :3], values[..., 3:]


def _corners(truth: Scene, high: float) -> np.ndarray:
    """Where the four corners of the plate's box come to lie on the stage [4, 2]: a pinhole camera's view."""
    flat = np.array([[-1, -high], [1, -high], [1, high], [-1, high]], float)
    a, b, c = np.radians([truth.tilt, truth.yaw, truth.pitch])
    turned = flat @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    x, y = turned[:, 0] * np.cos(b), turned[:, 1] * np.cos(c)
    depth = 5.0 + turned[:, 0] * np.sin(b) + turned[:, 1] * np.sin(c)
    seen = np.stack([x, y], 1) * (5.0 / depth[:, None])
    low, top = seen.min(0), seen.max(0)
    # the crop follows the plate's box, so that a turned plate fills it all the same
    seen = (seen - (low + top) / 2) / ((top - low) / 2) * np.array([1.0, truth.stretch])
    return (seen * truth.fill / 2 + 0.5 + np.array(truth.shift)) * STAGE


def _coefficients(to: np.ndarray, source: list[tuple[float, float]]) -> list[float]:
    """Pillow's eight numbers of the map from places on the stage to places on the drawing."""
    rows, right = [], []
    for (x, y), (u, v) in zip(to, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return list(np.linalg.solve(np.array(rows, float), np.array(right, float)))
