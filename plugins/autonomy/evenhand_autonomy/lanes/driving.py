"""A vehicle on a simulated road: a kinematic bicycle, bends that change along the way, and what its camera sees."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from evenhand_autonomy.scenes.at_random import lens, road
from evenhand_autonomy.scenes.camera import Camera
from evenhand_autonomy.scenes.facts import NIGHT, URBAN, WHEELBASE, Road, Scene, Thing, steering
from evenhand_autonomy.scenes.photograph import Lens, photograph

CAMERA = Camera(width=80, height=48, focal=0.9)
SECONDS, FINE = 0.2, 4  # between two pictures; steps of motion between them
LARGEST = math.radians(25)  # of the front wheels
Policy = Callable[[np.ndarray], np.ndarray]  # pictures [n, 48, 80, 3] -> angles [n] in radians


@dataclass(frozen=True, slots=True)
class Route:
    """A road and its bends: curvature by metre; weather, hour, speed and the camera's state for the whole drive."""

    road: Road
    bends: np.ndarray
    weather: str
    time: str
    speed: float
    lens: Lens
    things: tuple[Thing, ...] = ()  # beside the road, at their place along it


@dataclass(slots=True)
class State:
    """Where the vehicle is: metres along the road, metres right of the lane's centre, radians turned right."""

    along: float = 0.0
    offset: float = 0.0
    heading: float = 0.0


@dataclass(slots=True)
class Drive:
    """What happened: offsets and angles at each picture, the places of failures, and (where kept) the pictures."""

    route: Route
    offsets: list[float] = field(default_factory=list)
    angles: list[float] = field(default_factory=list)
    bends: list[float] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)

    @property
    def metres(self) -> float:
        """Driven in all."""
        return len(self.offsets) * SECONDS * self.route.speed


def route(rng: np.random.Generator, kind: str, weather: str, time: str, metres: float = 400.0) -> Route:
    """A road of this kind with bends of 30 to 80 metres; rural ones are sharper."""
    way = road(rng, kind, curvature=0.0)
    sharp = 0.006 if kind == URBAN else 0.014
    bends: list[np.ndarray] = []
    while sum(map(len, bends)) < metres + 60:
        aim = float(rng.choice([0.0, rng.uniform(-sharp, sharp)], p=[0.3, 0.7]))
        bends.append(np.full(int(rng.uniform(30, 80)), aim))
    sudden = np.concatenate(bends)
    smooth = np.convolve(sudden, np.ones(15) / 15, mode="same")
    speed = 10.0 if kind == URBAN else 14.0
    state = lens(rng, speed, night=time == NIGHT)
    things = tuple(
        Thing("", "tree" if rng.random() < 0.6 else "post", float(rng.choice([-1, 1])) * 6.0 - 1.5, z, 2.5, 5.0)
        for z in np.cumsum(rng.exponential(18, int(metres / 18)))
    )
    return Route(way, smooth, weather, time, speed, state, things)


def seen_from(state: State, way: Route, rng: np.random.Generator) -> np.ndarray:
    """The picture from where the vehicle is."""
    near = tuple(replace(thing, z=thing.z - state.along) for thing in way.things if 4 < thing.z - state.along < 60)
    ahead = float(way.bends[min(int(state.along) + 8, len(way.bends) - 1)])
    scene = Scene(
        replace(way.road, curvature=ahead),
        way.weather,
        way.time,
        near,
        state.offset,
        state.heading,
        way.speed,
        state.along,
    )
    return photograph(scene, rng, CAMERA, way.lens)[0]


def expert(state: State, way: Route) -> float:
    """The angle that pure pursuit gives, which knows the road."""
    ahead = float(way.bends[min(int(state.along) + 8, len(way.bends) - 1)])
    return float(np.clip(steering(replace(way.road, curvature=ahead), state.offset, state.heading), -LARGEST, LARGEST))


def moved(state: State, way: Route, angle: float, seconds: float = SECONDS) -> State:
    """The state after so long with the front wheels at this angle (kinematic bicycle, rear axle)."""
    along, offset, heading = state.along, state.offset, state.heading
    for _ in range(FINE):
        metres = way.speed * seconds / FINE
        bend = float(way.bends[min(int(along), len(way.bends) - 1)])
        heading += metres * (math.tan(angle) / WHEELBASE - bend * math.cos(heading) / max(1 - bend * offset, 0.2))
        offset += metres * math.sin(heading)
        along += metres * math.cos(heading)
    return State(along, offset, heading)


def driven(policy: Policy, routes: list[Route], steps: int, seed: int = 0, keep: tuple[int, ...] = ()) -> list[Drive]:
    """The policy drives all routes side by side. Where it leaves its lane, that is a failure, and it is put back.

    A failure: the vehicle's middle is beyond the lane's edge. keep: routes whose pictures are kept.
    """
    generators = [np.random.default_rng([seed, 41, number]) for number in range(len(routes))]
    states, drives = [State() for _ in routes], [Drive(way) for way in routes]
    for step in range(steps):
        pictures = [seen_from(state, way, rng) for state, way, rng in zip(states, routes, generators, strict=True)]
        angles = np.clip(policy(np.stack(pictures)), -LARGEST, LARGEST)
        for number, (drive, way) in enumerate(zip(drives, routes, strict=True)):
            if number in keep:
                drive.pictures.append(pictures[number])
            drive.offsets.append(states[number].offset)
            drive.angles.append(float(angles[number]))
            drive.bends.append(float(way.bends[min(int(states[number].along), len(way.bends) - 1)]))
            states[number] = moved(states[number], way, float(angles[number]))
            if abs(states[number].offset) > way.road.lane / 2:
                drive.failures.append(step)
                states[number] = State(states[number].along)
    return drives
