"""The road and the land beside it, and what closes the view: buildings or hills, and the sky. All as reflectances."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from evenhand_autonomy.scenes.camera import Camera, ground
from evenhand_autonomy.scenes.facts import NIGHT, SNOW, URBAN, Scene

TILE = 256


def curve_of(scene: Scene, z: np.ndarray | float) -> np.ndarray | float:
    """x of our lane's centre, in the vehicle's frame, `z` metres ahead."""
    return -scene.offset - scene.heading * z + scene.road.curvature * z * z / 2


def surface(scene: Scene, camera: Camera) -> np.ndarray:
    """Reflectance [rows below the horizon, width, 3] of road, markings, kerb and verge."""
    road = scene.road
    _, z, x = ground(camera)
    across = x - curve_of(scene, z)
    along = z + scene.travelled
    stains = _stains(road.seed)[(along * 5).astype(np.int32) % TILE, (across * 10).astype(np.int32) % TILE]
    fade = 1 / (1 + z / 15)
    left, right = -1.5 * road.lane, 0.5 * road.lane
    shade = road.asphalt * (1 + 0.25 * fade * stains)
    soft = z / camera.pixels  # metres that a pixel spans: edges are as soft as that
    paved = _between(across, left - 0.3, right + 0.3, soft)
    found = np.repeat((shade * paved)[..., None], 3, 2)
    found += (1 - paved)[..., None] * _verge(scene, across, stains, fade)
    paint = np.zeros_like(across)
    if road.edges:
        for line in (left + 0.15, right - 0.15):
            paint = np.maximum(paint, _between(across, line - 0.075, line + 0.075, soft))
    if road.centre != "none":
        middle = _between(across, -road.lane / 2 - 0.07, -road.lane / 2 + 0.07, soft)
        if road.centre == "dashed":
            middle = middle * (along % 8 < 4)
        paint = np.maximum(paint, middle)
    worn = np.clip(1 - 0.35 * np.maximum(stains, 0), 0.3, 1)
    colour = np.float32([1.0, 0.82, 0.3] if road.yellow else [1.0, 1.0, 1.0]) * np.float32(road.paint)
    cover = (paint * worn)[..., None]
    found = found * (1 - cover) + colour * cover
    if scene.weather == SNOW:
        tracks = np.maximum(_between(across, -1.0, -0.5, soft), _between(across, 0.5, 1.0, soft))
        lying = np.clip(0.6 + 0.3 * stains * fade - 0.5 * tracks - 0.25 * paved, 0, 0.95)[..., None]
        found = found * (1 - lying) + np.float32(0.85) * lying
    return found.astype(np.float32)


def _between(x: np.ndarray, low: float, high: float, soft: np.ndarray) -> np.ndarray:
    """How much of the pixel at x, `soft` wide, lies between low and high: 0 to 1."""
    half = soft / 2
    return np.clip((np.minimum(x + half, high) - np.maximum(x - half, low)) / soft, 0, 1)


def _verge(scene: Scene, across: np.ndarray, stains: np.ndarray, fade: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng([3, scene.road.seed])
    if scene.road.kind == URBAN:
        base = np.float32(rng.uniform(0.3, 0.5) * np.array([1.0, 0.97, 0.93]))
        slabs = 1 - 0.12 * ((np.abs(across) * 1.2 % 1 < 0.08) * fade)
        return base * (slabs * (1 + 0.1 * stains * fade))[..., None]
    base = np.float32(rng.uniform((0.16, 0.2, 0.06), (0.34, 0.32, 0.14)))
    return base * (1 + 0.5 * stains * fade)[..., None]


@lru_cache(maxsize=64)
def _stains(seed: int) -> np.ndarray:
    """Smooth noise [TILE, TILE] of deviation near 1 that repeats at its edges: patches of all sizes."""
    rng = np.random.default_rng([5, seed % 64])
    down, across = np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None, :]
    often = np.sqrt(down**2 + across**2)
    often[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE))) / np.maximum(often, 4 / TILE) ** 0.9
    total = np.fft.irfft2(spectrum, (TILE, TILE)).astype(np.float32)
    return np.asarray(total / total.std())


def view(scene: Scene, camera: Camera, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """(reflectance [rows, width, 3] of what stands above the horizon, mask of the sky [rows, width])."""
    rng = np.random.default_rng([11, scene.road.seed])
    ends = _silhouette(scene, camera, rng)
    down = (np.arange(rows) + 0.5)[:, None] / camera.level
    sky = down < 1 - ends[None, :]
    colours = _facades(scene, camera, rng)
    found = np.repeat(colours[None], rows, 0)
    if scene.road.kind == URBAN:
        panes = ((np.arange(camera.width) // 2) % 3 == 0)[None, :] & ((np.arange(rows) // 2) % 3 == 1)[:, None]
        found = np.where(panes[..., None], found * 0.45, found)
    else:
        speckle = rng.standard_normal((rows, camera.width, 1)).astype(np.float32)
        found = found * (1 + 0.25 * speckle)
    return np.clip(found, 0, 1).astype(np.float32), sky


def _silhouette(scene: Scene, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """How high the skyline stands in each column, as a share of the picture above the horizon."""
    wide = camera.width
    columns = np.arange(wide)
    turned = scene.heading * camera.pixels + scene.road.curvature * camera.pixels * 40
    places = columns + round(turned)
    middle = np.abs(columns - wide / 2) / (wide / 2)
    if scene.road.kind == URBAN:
        heights = rng.uniform(0.15, 1.0, 64)
        found = heights[(places // max(6, wide // 14)) % 64]
        return found * (0.25 + 0.9 * middle)
    low, high = rng.uniform(0, 6, 2), rng.uniform(0.5, 3, 2)
    hills = 0.12 + 0.06 * np.sin(places / wide * 6 * high[0] + low[0]) + 0.04 * np.sin(places / wide * 17 + low[1])
    trees = rng.uniform(0, 0.22, 97)[places % 97] * (rng.random(31)[(places // 5) % 31] < 0.5)
    return np.clip(hills + trees * (0.3 + middle), 0.02, 0.95)


def _facades(scene: Scene, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Colour of what stands in each column [width, 3]."""
    places = np.arange(camera.width) + round(scene.heading * camera.pixels)
    if scene.road.kind == URBAN:
        shades = rng.uniform(0.15, 0.6, (64, 1)) * rng.uniform((0.9, 0.75, 0.6), (1.0, 1.0, 1.0), (64, 3))
        return shades[(places // max(6, camera.width // 14)) % 64].astype(np.float32)
    shades = rng.uniform((0.06, 0.1, 0.04), (0.18, 0.24, 0.1), (31, 3))
    return shades[(places // 5) % 31].astype(np.float32)


def sky_colour(scene: Scene) -> np.ndarray:
    """Light of the sky at zenith and horizon [2, 3]."""
    rng = np.random.default_rng([13, scene.road.seed])
    if scene.time == NIGHT:
        glow = 0.05 if scene.road.kind == URBAN else 0.015
        return np.float32([[0.004, 0.005, 0.012], [glow, glow * 0.85, glow * 0.7]])
    if scene.weather == "clear":
        return np.float32(
            [rng.uniform((0.25, 0.4, 0.7), (0.5, 0.6, 0.95)), rng.uniform((0.75,) * 3, (0.95, 0.97, 1.0))]
        )
    cloud = rng.uniform(0.5, 0.85)
    return np.float32([[cloud * 0.85] * 3, [cloud] * 3])
