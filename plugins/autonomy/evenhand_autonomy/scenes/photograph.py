"""From a scene to a photograph of it: the land, then the things from far to near, then air, rain and the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from evenhand_autonomy.scenes import land, light
from evenhand_autonomy.scenes.camera import Camera, ground
from evenhand_autonomy.scenes.facts import NIGHT, RAIN, VEHICLE, Scene, Seen, Thing
from evenhand_autonomy.scenes.sprites import sprite

NEAREST = 3.0  # metres; what is nearer is under the bonnet


@dataclass(frozen=True, slots=True)
class Lens:
    """How the camera takes it: exposure as a factor, noise of its sensor, blur in pixels, a colour cast."""

    exposure: float = 1.0
    noise: float = 0.006
    motion: float = 0.0
    defocus: float = 0.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)


def photograph(
    scene: Scene, rng: np.random.Generator, camera: Camera | None = None, lens: Lens | None = None
) -> tuple[np.ndarray, tuple[Seen, ...]]:
    """(picture [height, width, 3] uint8, what is seen in it, nearest first)."""
    camera, lens = camera or Camera(), lens or Lens()
    lit = _land(scene, camera)
    owner = np.full(lit.shape[:2], -1, np.int16)
    placed: list[tuple[Thing, tuple[int, int, int, int], float, int]] = []
    for number, thing in enumerate(sorted(scene.things, key=lambda thing: -thing.z)):
        if thing.z < NEAREST:
            continue
        found = _put(lit, owner, number, thing, scene, camera)
        if found is not None:
            placed.append((thing, *found, number))
    if scene.weather == RAIN:
        lit = light.wet(lit, scene, camera)
    lit = light.falls(lit, scene, rng)
    seen = []
    for thing, box, cut, painted, number in placed:
        if thing.category and painted:
            seen.append(Seen(thing, box, 1 - int((owner == number).sum()) / painted, cut))
    return _taken(lit, scene, lens, rng), tuple(reversed(seen))


def _land(scene: Scene, camera: Camera) -> np.ndarray:
    """Light [height, width, 3] that reaches the camera from road, land and sky."""
    first, z, x = ground(camera)
    lit = np.empty((camera.height, camera.width, 3), np.float32)
    haze = light.air(scene)
    through = np.asarray(light.clear(scene, z))[..., None]
    fall = np.asarray(light.falling(scene, x, z, upright=False))
    lit[first:] = land.surface(scene, camera) * (fall[..., None] if fall.ndim else fall) * through + haze * (
        1 - through
    )
    far, sky = land.view(scene, camera, first)
    top, bottom = land.sky_colour(scene)
    down = np.clip((np.arange(first) + 0.5) / camera.level, 0, 1)[:, None, None].astype(np.float32)
    above = top * (1 - down) + bottom * down
    dim = np.float32(light.AMBIENT[scene.road.kind] if scene.time == NIGHT else light.falling(scene, 0.0, 60.0))
    through = np.float32(light.clear(scene, 70.0))
    stands = far * dim * through + haze * (1 - through)
    if scene.time == NIGHT and scene.road.kind == "urban":
        lamp = np.random.default_rng([17, scene.road.seed]).random(far.shape[:2]) < 0.03
        stands = np.where(lamp[..., None], np.float32([0.4, 0.32, 0.2]), stands)
    if scene.weather != "clear":
        above = above * through + haze * (1 - through)
    lit[:first] = np.where(sky[..., None], above, stands)
    return lit


def _put(
    lit: np.ndarray, owner: np.ndarray, number: int, thing: Thing, scene: Scene, camera: Camera
) -> tuple[tuple[int, int, int, int], float, int] | None:
    """Paint the thing; (its box in the picture, share of it cut off, pixels painted), None where it is not in it."""
    x = thing.x + float(land.curve_of(scene, thing.z))
    u, foot = camera.place(x, thing.z)
    wide = max(1, round(thing.width * camera.pixels / thing.z))
    high = max(1, round(thing.height * camera.pixels / thing.z))
    left, bottom = round(u - wide / 2), round(foot)
    top = bottom - high
    box = (max(left, 0), max(top, 0), min(left + wide, camera.width), min(bottom, camera.height))
    if box[2] <= box[0] or box[3] <= box[1]:
        return None
    colour, cover = sprite(thing, wide, high)
    part = (slice(box[1] - top, box[3] - top), slice(box[0] - left, box[2] - left))
    colour, cover = colour[part], cover[part]
    fall = float(light.falling(scene, x, thing.z))
    shining = _shining(thing, colour, scene)
    through = float(light.clear(scene, thing.z))
    seen = (colour * fall + shining) * through + light.air(scene) * (1 - through)
    where = (slice(box[1], box[3]), slice(box[0], box[2]))
    lit[where] = lit[where] * (1 - cover) + seen * cover
    solid = cover[..., 0] > 0.5
    owner[where][solid] = number
    whole = (box[2] - box[0]) * (box[3] - box[1]) / (wide * high)
    return box, 1 - whole, int(solid.sum())


def _shining(thing: Thing, colour: np.ndarray, scene: Scene) -> np.ndarray | float:
    """Light of its own: the lamps of vehicles at night. Reflecting foil sends headlamps' light straight back."""
    if scene.time != NIGHT:
        return 0.0
    if thing.category == VEHICLE:
        red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
        tail = (red > 0.3) & (green < 0.15) & (blue < 0.15)
        head = (red > 0.7) & (green > 0.7) & thing.facing
        return np.where(
            head[..., None], np.float32([1.5, 1.45, 1.2]), np.where(tail[..., None], np.float32([0.5, 0.01, 0.01]), 0)
        )
    if thing.category in ("cone", "works"):
        beam = float(light.falling(scene, 0.0, thing.z))
        return np.where(colour.min(-1, keepdims=True) > 0.6, np.float32(2.5 * beam), 0)
    return 0.0


def _taken(lit: np.ndarray, scene: Scene, lens: Lens, rng: np.random.Generator) -> np.ndarray:
    """What the sensor makes of the light: gain, blur, noise, clipping, gamma."""
    mean = float(lit.mean()) + 1e-4
    gain = np.float32(min(0.42 / mean, 6.0) ** 0.75 * lens.exposure)
    view = lit * (gain * np.float32(lens.cast))
    if lens.motion >= 1:
        steps = int(lens.motion)
        view = sum(np.roll(view, k, 1) for k in range(-(steps // 2), steps - steps // 2)) / np.float32(steps)  # type: ignore[assignment]
    if lens.defocus > 0:
        blurred = (np.roll(view, 1, 0) + np.roll(view, -1, 0) + np.roll(view, 1, 1) + np.roll(view, -1, 1)) / 4
        view = view * np.float32(1 - lens.defocus) + blurred * np.float32(lens.defocus)
    noise = rng.standard_normal(view.shape, np.float32)
    grain = np.float32(lens.noise) * gain
    view = view + noise * (grain + grain * np.sqrt(np.maximum(view, 0)))
    return (np.clip(view, 0, 1) ** np.float32(1 / 2.0) * 255 + 0.5).astype(np.uint8)


def saved(picture: np.ndarray, quality: int = 90) -> bytes:
    """The picture as a JPEG file."""
    import io

    kept = io.BytesIO()
    Image.fromarray(picture).save(kept, "JPEG", quality=quality)
    return kept.getvalue()
