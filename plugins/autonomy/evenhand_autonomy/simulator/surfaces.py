"""What light, age, weather and the street do to a plate before a camera sees it. Colours are floats, 1 is white."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from evenhand_autonomy.simulator.backgrounds import noise


def worn(face: np.ndarray, wear: float, rng: np.random.Generator) -> np.ndarray:
    """Bleached towards grey, with dirt in smooth patches and rust or mud in small ones."""
    if wear < 0.1:
        return face
    grey = face.mean(2, keepdims=True)
    bleached = face + (0.6 * grey + 0.4 * np.float32([0.8, 0.72, 0.66]) - face) * (wear * rng.uniform(0, 0.55))
    if rng.random() < 0.6:
        patches = noise(rng, 1, face.shape[0], int(rng.integers(2, 9)))[0][..., None]
        bleached = bleached * (1 - wear * 0.3 * np.clip(patches, 0, 2))
    return bleached


def covered(face: np.ndarray, mask: np.ndarray, what: str, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """(the plate behind or under `what`, the share of it that is covered)."""
    if what == "none":
        return face, 0.0
    side = face.shape[0]
    sheet = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(sheet)
    colour = np.float32(rng.uniform(0.02, 0.35, 3))
    if what == "branch":
        for _ in range(int(rng.integers(1, 4))):
            x, y, angle = rng.uniform(0, side), rng.uniform(0, side), rng.uniform(0, np.pi)
            dx, dy = np.cos(angle) * side, np.sin(angle) * side
            pen.line((x - dx, y - dy, x + dx, y + dy), fill=255, width=int(rng.integers(1, 4)))
            for _ in range(int(rng.integers(0, 6))):
                t, r = rng.uniform(-0.5, 0.5), rng.uniform(1, 4)
                u, v = x + t * dx + rng.normal(0, 3), y + t * dy + rng.normal(0, 3)
                pen.ellipse((u - r, v - r, u + r, v + r), fill=255)
    elif what == "pole":
        x, wide = rng.uniform(0.05, 0.95) * side, rng.uniform(2, 6)
        pen.rectangle((x - wide / 2, 0, x + wide / 2, side), fill=255)
        colour = np.float32(rng.uniform(0.3, 0.7, 3))
    elif what == "sticker":
        for _ in range(int(rng.integers(1, 4))):
            x, y = rng.normal(side / 2, side / 6, 2)
            w, h = rng.uniform(3, 10, 2)
            pen.rectangle((x - w / 2, y - h / 2, x + w / 2, y + h / 2), fill=255)
        colour = np.float32(rng.uniform(0.2, 1.0, 3))
    else:
        return _in_shadow(face, rng), 0.0
    there = np.asarray(sheet, np.float32)[..., None] / 255
    share = float((there * mask).sum() / max(float(mask.sum()), 1.0))
    return face * (1 - there) + colour * there, share


def _in_shadow(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A shadow's edge across the plate, straight or of leaves."""
    side = face.shape[0]
    if rng.random() < 0.5:
        angle, cut = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.2)
        y, x = np.mgrid[0:side, 0:side] / side - 0.5
        dark = (x * np.cos(angle) + y * np.sin(angle) > cut).astype(np.float32)
    else:
        dark = (noise(rng, 1, side, int(rng.integers(3, 9)))[0] > 0).astype(np.float32)
    return face * (1 - dark[..., None] * np.float32(rng.uniform(0.25, 0.65)))


def shaded(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light that falls unevenly and is not quite white."""
    side = face.shape[0]
    slope = rng.normal(0, 0.18, 2)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    light = np.clip(1 + slope[0] * x + slope[1] * y, 0.4, 1.6)[..., None]
    return (face * light * np.float32(np.exp(rng.normal(0, 0.09, 3)))).astype(np.float32)


def furniture(behind: np.ndarray, road: str, rng: np.random.Generator) -> None:
    """A post below (or beside) the sign, another sign above or below, a plate underneath; drawn into `behind`."""
    side = behind.shape[0]
    if rng.random() < 0.6:
        x, wide = side / 2 + rng.normal(0, 2), rng.uniform(1.5, 4)
        top = 0 if rng.random() < 0.4 else side // 2
        behind[top:, max(int(x - wide), 0) : int(x + wide) + 1] = rng.uniform(0.15, 0.75)
    if rng.random() < 0.3:
        sheet = Image.new("RGBA", (side, side))
        pen = ImageDraw.Draw(sheet)
        red, white, blue = (190, 30, 36), (236, 236, 234), (24, 80, 160)
        outer, inner = [(white, white), (red, white), (blue, blue), (red, red)][int(rng.integers(4))]
        high, edge = rng.uniform(3, 9), rng.uniform(1, 4)
        x0, x1 = side * rng.uniform(0.05, 0.3), side * rng.uniform(0.7, 0.95)
        if rng.random() < 0.5:  # a round or three-cornered sign whose edge is just in the picture
            pen.ellipse((x0, side - high, x1, 2 * side), fill=(*outer, 255))
            pen.ellipse((x0 + edge, side - high + edge, x1 - edge, 2 * side), fill=(*inner, 255))
        else:
            pen.rectangle((x0, side - high, x1, side), fill=(*outer, 255))
        if rng.random() < 0.35:
            sheet = sheet.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        values = np.asarray(sheet, np.float32) / 255
        behind[:] = behind * (1 - values[..., 3:]) + values[..., :3] * values[..., 3:] * rng.uniform(0.4, 1.0)


def weathered(
    view: np.ndarray, mask: np.ndarray, weather: str, time: str, distance: float, rng: np.random.Generator
) -> np.ndarray:
    """Fog, rain and snow between the plate and the camera; the tint of the hour."""
    side = view.shape[0]
    level = {"day": 0.75, "dusk": 0.3, "night": 0.08}[time]
    if weather == "fog":
        clear = np.exp(-distance * rng.uniform(0.008, 0.035))
        view = view * clear + np.float32(level * rng.uniform(0.7, 1.1)) * (1 - clear)
    elif weather == "rain":
        haze = rng.uniform(0.03, 0.22)
        view = view * (1 - haze) + np.float32(level * haze)
        view = view + np.clip(noise(rng, 1, side, 24)[0] - 1.6, 0, 1)[..., None] * np.float32(0.25 * level)
    elif weather == "snow":
        flakes = (rng.random((side, side, 1)) < rng.uniform(0, 0.02)).astype(np.float32)
        view = view + (1.2 * level - view) * flakes
        if rng.random() < 0.4:  # a crust at the top of the plate
            crust = np.linspace(1, 0, side)[:, None] > rng.uniform(0.72, 0.85) + 0.04 * noise(rng, 1, side, 6)[0]
            view = np.where(crust[..., None] & (mask > 0), np.float32(1.1 * level), view)
    elif weather == "overcast":
        grey = view.mean(2, keepdims=True)
        view = view + (grey - view) * np.float32(rng.uniform(0, 0.25))
    warm = {"day": 0.0, "dusk": rng.normal(0, 0.15), "night": rng.uniform(-0.05, 0.25)}[time]
    return np.float32(view) * np.float32([1 + warm * 0.5, 1.0, 1 - warm])
