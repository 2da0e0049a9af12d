"""What is true of a scene: the road, the weather, the hour, who and what is on it, and where the vehicle stands."""

from __future__ import annotations

from dataclasses import dataclass

URBAN, RURAL = "urban", "rural"
ROADS = (URBAN, RURAL)
CLEAR, RAIN, FOG, SNOW = "clear", "rain", "fog", "snow"
WEATHERS = (CLEAR, RAIN, FOG, SNOW)
DAY, NIGHT = "day", "night"
PEDESTRIAN, VEHICLE, CONE, WORKS = "pedestrian", "vehicle", "cone", "works"
CATEGORIES = (PEDESTRIAN, VEHICLE, CONE, WORKS)
PLAIN, CHILD_RUNNING, ROAD_WORKS = "plain", "child running", "road works"
FAMILIES = (PLAIN, CHILD_RUNNING, ROAD_WORKS)
ADULT, CHILD, WHEELCHAIR = "adult", "child", "wheelchair user"
WHEELBASE = 2.7  # metres between the axles


@dataclass(frozen=True, slots=True)
class Road:
    """A road of one lane each way. Curvature is 1/radius in 1/m, positive to the right; the rest is how it looks."""

    kind: str
    curvature: float = 0.0
    lane: float = 3.4  # metres
    paint: float = 0.8  # reflectance of the markings; worn ones are nearer to the asphalt's
    asphalt: float = 0.28
    edges: bool = True  # whether the edges are painted
    centre: str = "dashed"  # dashed, solid or none
    yellow: bool = False
    seed: int = 0  # of buildings, hills and stains


@dataclass(frozen=True, slots=True)
class Thing:
    """Somebody or something beside or on the road: its foot `x` metres right of our lane's centre, `z` ahead.

    `category` is empty for what is no obstacle (trees, posts, bins). For people: `clothing` and `skin` are
    reflectances (0.03 black cloth, 0.8 white; 0.06 dark skin, 0.6 light), `height` in metres.
    """

    category: str
    kind: str
    x: float
    z: float
    width: float
    height: float
    colour: tuple[float, float, float] = (0.4, 0.4, 0.4)
    clothing: float = 0.4
    skin: float = 0.35
    running: bool = False
    facing: bool = False  # of vehicles: towards us, with headlamps instead of tail lamps
    step: float = 0.0  # of people: where in their stride they are, 0 to 1


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment: the vehicle is `offset` metres right of its lane's centre, turned `heading` radians to the right."""

    road: Road
    weather: str = CLEAR
    time: str = DAY
    things: tuple[Thing, ...] = ()
    offset: float = 0.0
    heading: float = 0.0
    speed: float = 10.0  # m/s
    travelled: float = 0.0  # metres along the road
    family: str = PLAIN


@dataclass(frozen=True, slots=True)
class Seen:
    """A thing in the picture: its box in pixels (left, top, right, bottom), and how much of it is hidden."""

    thing: Thing
    box: tuple[int, int, int, int]
    occluded: float  # share of what lies in the picture that nearer things cover
    cut: float  # share of the box that lies outside the picture


def steering(road: Road, offset: float, heading: float, ahead: float = 12.0) -> float:
    """The front wheels' angle in radians, to the right positive, that brings the vehicle to its lane's centre.

    Pure pursuit (Coulter 1992, CMU-RI-TR-92-01) of a point of the lane's centre `ahead` metres off.
    """
    import math

    x = -offset - heading * ahead + road.curvature * ahead**2 / 2
    return math.atan(WHEELBASE * 2 * x / (x * x + ahead * ahead))
