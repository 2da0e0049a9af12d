"""Light and air: sun or headlamps, fog, rain and snow. Light is linear; 1 is a white sheet on a clear day."""

from __future__ import annotations

import numpy as np

from evenhand_autonomy.scenes.camera import Camera, ground
from evenhand_autonomy.scenes.facts import CLEAR, DAY, FOG, RAIN, SNOW, URBAN, Scene

SIGHT = {CLEAR: 900.0, RAIN: 160.0, FOG: 38.0, SNOW: 90.0}  # metres after which 1/e of the light is left
AMBIENT = {"urban": 0.05, "rural": 0.012}  # of light at night without headlamps
BEAM, REACH, SPREAD = 1.1, 16.0, 0.30  # brightness, metres and radians of the headlamps
FLAT = 0.35  # share of the headlamps' light that a road, met at a flat angle, sends back


def falling(scene: Scene, x: np.ndarray | float, z: np.ndarray | float, upright: bool = True) -> np.ndarray | float:
    """Light that a place sends back; from headlamps too, where it is night: of them a road sends most away from us."""
    if scene.time == DAY:
        return {CLEAR: 1.0, RAIN: 0.62, FOG: 0.7, SNOW: 0.8}[scene.weather]
    beam = (BEAM if upright else BEAM * FLAT) * np.exp(-((x / z / SPREAD) ** 2)) / (1 + (z / REACH) ** 2)
    lamps = 0.0
    if scene.road.kind == URBAN:  # pools of street lamps, one every 30 metres
        lamps = 0.06 * (0.5 + 0.5 * np.cos((z + scene.travelled) * (2 * np.pi / 30))) ** 2
    return AMBIENT[scene.road.kind] + beam + lamps


def clear(scene: Scene, z: np.ndarray | float) -> np.ndarray | float:
    """Share of a thing's light that the air lets through."""
    return np.exp(-z / SIGHT[scene.weather])


def air(scene: Scene) -> np.ndarray:
    """Light that the air itself sends, where it is thick."""
    if scene.time == DAY:
        return np.float32({CLEAR: 0.85, RAIN: 0.5, FOG: 0.68, SNOW: 0.72}[scene.weather] * np.array([0.98, 0.99, 1.0]))
    return np.float32(AMBIENT[scene.road.kind] * (2.0 if scene.weather == FOG else 1.0) * np.array([1.0, 0.95, 0.85]))


def wet(lit: np.ndarray, scene: Scene, camera: Camera) -> np.ndarray:
    """A wet road is darker and mirrors what stands above it."""
    first, _, _ = ground(camera)
    below = lit[first:]
    mirrored = lit[:first][::-1]
    rows = min(len(mirrored), len(below))
    below[:] *= 0.75
    weight = np.float32(np.linspace(0.3, 0.05, rows)[:, None, None])
    below[:rows] = below[:rows] * (1 - weight) + mirrored[:rows] * weight
    return lit


def falls(lit: np.ndarray, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Drops or flakes between the camera and the road."""
    high, wide = lit.shape[:2]
    glow = np.float32(0.75 if scene.time == DAY else 0.16)
    if scene.weather == RAIN:
        for _ in range(int(rng.integers(25, 60))):
            u, v, long = int(rng.integers(wide)), int(rng.integers(high)), int(rng.integers(2, 7))
            lit[v : v + long, u] = lit[v : v + long, u] * 0.7 + glow * 0.3
    elif scene.weather == SNOW:
        count = int(rng.integers(60, 140))
        u, v = rng.integers(0, wide, count), rng.integers(0, high, count)
        weight = rng.uniform(0.3, 0.9, (count, 1)).astype(np.float32)
        lit[v, u] = lit[v, u] * (1 - weight) + glow * 1.2 * weight
        near = count // 12
        lit[np.minimum(v[:near] + 1, high - 1), u[:near]] = glow
    return lit
