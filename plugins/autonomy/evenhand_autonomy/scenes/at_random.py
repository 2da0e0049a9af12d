"""Draws scenes: a road, its weather and hour, and who is on it. Everything follows from the generator's state."""

from __future__ import annotations

import numpy as np

from evenhand_autonomy.scenes.facts import (
    ADULT,
    CHILD,
    CHILD_RUNNING,
    CLEAR,
    CONE,
    DAY,
    FOG,
    NIGHT,
    PEDESTRIAN,
    PLAIN,
    RAIN,
    ROAD_WORKS,
    RURAL,
    SNOW,
    URBAN,
    VEHICLE,
    WHEELCHAIR,
    WORKS,
    Road,
    Scene,
    Thing,
)
from evenhand_autonomy.scenes.photograph import Lens

ORANGE = (0.75, 0.2, 0.03)
CLOTHING = {"dark": (0.02, 0.07), "medium": (0.15, 0.35), "bright": (0.5, 0.85)}  # reflectance
SKIN = {"light": (0.4, 0.6), "medium": (0.2, 0.35), "dark": (0.05, 0.14)}  # reflectance


def road(rng: np.random.Generator, kind: str, curvature: float | None = None) -> Road:
    """A road of this kind: urban ones are straighter, wider and better painted."""
    urban = kind == URBAN
    if curvature is None:
        curvature = float(rng.normal(0, 0.004 if urban else 0.009))
    return Road(
        kind=kind,
        curvature=float(np.clip(curvature, -0.03, 0.03)),
        lane=float(rng.uniform(3.2, 3.6) if urban else rng.uniform(2.7, 3.3)),
        paint=float(rng.uniform(0.65, 0.9) if urban else rng.uniform(0.32, 0.65)),
        asphalt=float(rng.uniform(0.12, 0.22) if urban else rng.uniform(0.16, 0.3)),
        edges=bool(rng.random() < (0.9 if urban else 0.45)),
        centre=str(rng.choice(["dashed", "solid", "none"], p=[0.7, 0.3, 0.0] if urban else [0.6, 0.15, 0.25])),
        yellow=bool(rng.random() < (0.05 if urban else 0.3)),
        seed=int(rng.integers(2**31)),
    )


def lens(rng: np.random.Generator, speed: float = 10.0, night: bool = False) -> Lens:
    """A camera in some state: exposed a little wrong, noisier at night, blurred by speed."""
    return Lens(
        exposure=float(rng.lognormal(0, 0.15)),
        noise=float(rng.uniform(0.002, 0.008) * (1.5 if night else 1.0)),
        motion=float(rng.exponential(0.05 * speed) if night else rng.exponential(0.02 * speed)),
        defocus=float(rng.choice([0.0, rng.uniform(0, 0.7)])),
        cast=tuple(rng.normal(1, 0.03, 3).tolist()),  # type: ignore[arg-type]  # three of them
    )


def scene(
    rng: np.random.Generator,
    *,
    kind: str | None = None,
    weather: str | None = None,
    time: str | None = None,
    family: str = PLAIN,
    people: float = 1.6,
    clothing: dict[str, float] | None = None,
) -> Scene:
    """A scene; what is not given is drawn. people: pedestrians on average. clothing: the share of each kind."""
    kind = kind or str(rng.choice([URBAN, RURAL], p=[0.6, 0.4]))
    weather = weather or str(rng.choice([CLEAR, RAIN, FOG, SNOW], p=[0.55, 0.2, 0.13, 0.12]))
    time = time or str(rng.choice([DAY, NIGHT], p=[0.6, 0.4]))
    way = road(rng, kind)
    things = [*_beside(rng, way), *_traffic(rng, way), *_pedestrians(rng, way, people, clothing)]
    if rng.random() < 0.35:
        things += _cones(rng, way, int(rng.integers(1, 4)))
    if rng.random() < 0.22:
        things.append(_barrier(rng, way))
    if family == ROAD_WORKS:
        things = [*things[:6], *_works(rng, way)]
    elif family == CHILD_RUNNING:
        things += _running_child(rng, way)
    speed = float(rng.uniform(7, 14) if kind == URBAN else rng.uniform(12, 23))
    return Scene(
        way,
        weather,
        time,
        tuple(things),
        offset=float(rng.normal(0, 0.25)),
        heading=float(rng.normal(0, 0.02)),
        speed=speed,
        travelled=float(rng.uniform(0, 200)),
        family=family,
    )


def pedestrian(
    rng: np.random.Generator, x: float, z: float, who: str, clothing: dict[str, float] | None = None
) -> Thing:
    """One person. Clothes, skin and height are drawn apart from each other."""
    shares = clothing or {"dark": 0.4, "medium": 0.35, "bright": 0.25}
    cloth = str(rng.choice(list(shares), p=list(shares.values())))
    skin = str(rng.choice(list(SKIN)))
    height = {ADULT: rng.normal(1.7, 0.09), CHILD: rng.uniform(0.95, 1.4), WHEELCHAIR: rng.uniform(1.2, 1.4)}[who]
    return Thing(
        PEDESTRIAN,
        who,
        x,
        z,
        width=float(0.75 if who == WHEELCHAIR else 0.36 * height),
        height=float(height),
        colour=tuple(rng.uniform(0.7, 1.15, 3).tolist()),  # type: ignore[arg-type]
        clothing=float(rng.uniform(*CLOTHING[cloth])),
        skin=float(rng.uniform(*SKIN[skin])),
        step=float(rng.random()),
    )


def _distance(rng: np.random.Generator, near: float = 6.0, far: float = 55.0) -> float:
    """Nearer things are met more often than a uniform road would say, so that each distance has its share of pixels."""
    return float(np.exp(rng.uniform(np.log(near), np.log(far))))


def _pedestrians(rng: np.random.Generator, way: Road, people: float, clothing: dict[str, float] | None) -> list[Thing]:
    found = []
    for _ in range(int(rng.poisson(people))):
        who = str(rng.choice([ADULT, CHILD, WHEELCHAIR], p=[0.65, 0.2, 0.15]))
        crossing = rng.random() < 0.4
        side = float(rng.choice([-1, 1]))
        edge = 0.5 * way.lane if side > 0 else 1.5 * way.lane
        x = (
            float(rng.uniform(-1.5 * way.lane, 0.5 * way.lane))
            if crossing
            else side * (edge + float(rng.uniform(0.4, 2)))
        )
        found.append(pedestrian(rng, x, _distance(rng, 5, 28), who, clothing))
    return found


def _traffic(rng: np.random.Generator, way: Road) -> list[Thing]:
    found = []
    for facing, x, chance in ((False, 0.0, 0.45), (True, -way.lane, 0.5), (False, 0.5 * way.lane + 1.3, 0.3)):
        if rng.random() < chance:
            found.append(vehicle(rng, x + float(rng.normal(0, 0.15)), _distance(rng, 8, 50), facing))
    return found


def vehicle(rng: np.random.Generator, x: float, z: float, facing: bool) -> Thing:
    """A car, van or truck as it is seen from behind, or from before where it is `facing` us."""
    kind = str(rng.choice(["car", "van", "truck"], p=[0.75, 0.15, 0.1]))
    wide, high = {"car": (1.8, 1.45), "van": (2.0, 2.2), "truck": (2.4, 3.2)}[kind]
    shade = float(rng.choice([rng.uniform(0.03, 0.1), rng.uniform(0.2, 0.5), rng.uniform(0.6, 0.85)]))
    colour = tuple((shade * rng.uniform(0.6, 1.1, 3)).tolist())
    return Thing(VEHICLE, kind, x, z, wide, high, colour, facing=facing)  # type: ignore[arg-type]


def _cones(rng: np.random.Generator, way: Road, count: int, start: float | None = None) -> list[Thing]:
    x = float(rng.uniform(0.1, 0.6)) * way.lane
    z = start if start is not None else _distance(rng, 5, 18)
    return [
        Thing(CONE, "cone", x + float(rng.normal(0, 0.1)), z + 4.0 * k, 0.5, 0.75, ORANGE, step=float(rng.random()))
        for k in range(count)
    ]


def _barrier(rng: np.random.Generator, way: Road) -> Thing:
    x = float(rng.choice([-1.2, 0.5])) * way.lane + float(rng.uniform(-0.5, 1.0))
    return Thing(WORKS, "barrier", x, _distance(rng, 7, 30), float(rng.uniform(1.4, 2.4)), 1.1, (0.7, 0.04, 0.03))


def _works(rng: np.random.Generator, way: Road) -> list[Thing]:
    """A whole site in our lane: a row of cones, a digger behind barriers, and people who work there."""
    z = _distance(rng, 12, 30)
    found = _cones(rng, way, 5, start=max(5.0, z - 9))
    found.append(Thing(WORKS, "digger", float(rng.uniform(0, 1.5)), z + 5, 3.2, 2.9, (0.75, 0.5, 0.05)))
    found += [Thing(WORKS, "barrier", x, z, 2.0, 1.1, (0.7, 0.04, 0.03)) for x in (-0.8, 1.4)]
    for _ in range(int(rng.integers(1, 3))):
        found.append(pedestrian(rng, float(rng.uniform(-1, 2)), z + float(rng.uniform(-3, 3)), ADULT))
    return found


def _running_child(rng: np.random.Generator, way: Road) -> list[Thing]:
    """A child runs from behind a parked vehicle onto the road."""
    from dataclasses import replace

    z = _distance(rng, 7, 25)
    child = pedestrian(rng, float(rng.uniform(-0.3, 0.5)) * way.lane, z, CHILD)
    child = replace(child, running=True, width=0.65 * child.height)
    return [vehicle(rng, 0.5 * way.lane + 0.9, z + 1.5, facing=False), child]


def _beside(rng: np.random.Generator, way: Road) -> list[Thing]:
    """Trees, posts and bins: what is no obstacle and may be taken for one."""
    found = []
    for _ in range(int(rng.poisson(2.5))):
        side = float(rng.choice([-1, 1]))
        x = side * ((0.5 if side > 0 else 1.5) * way.lane + float(rng.uniform(1.2, 6)))
        z = _distance(rng, 7, 60)
        kind = str(rng.choice(["tree", "post", "bin"], p=[0.2, 0.5, 0.3] if way.kind == URBAN else [0.7, 0.25, 0.05]))
        wide, high = {"tree": (3.5, 6.0), "post": (0.4, 5.0), "bin": (0.6, 1.0)}[kind]
        green = tuple(rng.uniform((0.04, 0.1, 0.02), (0.15, 0.25, 0.08)).tolist())
        found.append(Thing("", kind, x, z, wide, high, green))  # type: ignore[arg-type]
    return found
