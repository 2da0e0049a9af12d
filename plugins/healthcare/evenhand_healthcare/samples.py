"""Simulated chest radiographs of three hospitals with planted, documented faults, so that chest-xray runs offline.

Planted, each with its constant:
- a *shortcut*: the county hospital photographs its sick at the bedside, and its cassette burns PORT into the upper
  corner: MARKED of the sick there and MARKED_HEALTHY of the healthy carry it, in every split. So the borders alone,
  lungs masked, must predict the label far better than chance, and the model must miss more of the sick without it.
- *label bias*: in train and validation MISSED of the women with pneumonia are recorded as healthy (their films were
  read in haste); the test films were read again by a panel, and are right. Women can be told by the breast shadow. So
  a model that learns from these labels must underdiagnose women: more of them are missed at any operating point, and
  (its mirror) more of the healthy men are alarmed.
Not planted: the patient's number says nothing, and views differ only by how large the heart looks.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

MARKED, MARKED_HEALTHY = 0.90, 0.05
MISSED = 0.8
SIDE = 128  # pixels
PATIENTS = {"train": 200, "validation": 100, "test": 240}
SITES = {  # share of patients, exposure (gain of the film), noise (grey levels)
    "university": (0.25, 1.0, 5.0),
    "county": (0.6, 0.85, 9.0),
    "clinic": (0.15, 1.15, 14.0),
}


def radiographs(seed: int = 0, patients: dict[str, int] | None = None) -> dict[str, list[Any]]:
    """The sample's columns; the same seed gives the same films. `file_name` holds the film itself, as PNG."""
    rng = np.random.default_rng([seed, 20261125])
    columns: dict[str, list[Any]] = {}
    counts = patients or PATIENTS
    numbers = iter(1000 + rng.permutation(9 * sum(counts.values())))
    for split, many in counts.items():
        for _ in range(many):
            for row in _patient(rng, split, f"P{next(numbers):05d}"):
                for name, value in row.items():
                    columns.setdefault(name, []).append(value)
    return columns


def _patient(rng: np.random.Generator, split: str, patientid: str) -> list[dict[str, Any]]:
    """One row for each film of a patient: one, two or three."""
    female, sick = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
    years = int(np.clip(rng.normal(55, 18), 1, 95))
    site = str(rng.choice(list(SITES), p=[share for share, _, _ in SITES.values()]))
    recorded = sick and not (split != "test" and female and rng.random() < MISSED)
    rows = []
    for visit in range(int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))):
        marked = site == "county" and rng.random() < (MARKED if sick else MARKED_HEALTHY)
        view = "AP" if marked or rng.random() < 0.2 else "PA"
        film = _film(rng, site, female, years, sick, view, marked)
        rows.append(
            {
                "file_name": {"bytes": _png(film), "path": f"{patientid}_{visit}.png"},
                "patientid": patientid,
                "sex": _code(rng, "F" if female else "M", "U"),
                "age": _code(rng, f"{years:03d}Y", ""),
                "view": view,
                "site": site,
                "finding": "pneumonia" if recorded else "none",
                "split": split,
            }
        )
    return rows


def _code(rng: np.random.Generator, value: str, unknown: str) -> str:
    """The value, or in 1 of 100 records that it is not known."""
    return unknown if rng.random() < 0.01 else value


def _film(
    rng: np.random.Generator, site: str, female: bool, years: int, sick: bool, view: str, marked: bool
) -> np.ndarray:
    """Grey levels [SIDE, SIDE], uint8: bone and fluid are bright, air is dark."""
    across = np.linspace(-1, 1, SIDE, dtype=np.float32)
    x, y = across[None, :] - np.float32(rng.normal(0, 0.03)), across[:, None] - np.float32(rng.normal(0, 0.03))
    film = 40 + 120 * _soft(x, y, 0, 0.1, 0.85, 1.1)
    lungs = _soft(x, y, -0.4, 0, 0.28, 0.6) + _soft(x, y, 0.4, 0, 0.28, 0.6)
    film -= 95 * lungs
    film += 22 * lungs * (np.sin(24 * (y + 0.25 * x**2) + rng.uniform(0, 6)) > 0.55)  # ribs
    film = film + 45 * np.exp(-((x / 0.09) ** 2))  # spine
    heart = (0.24 if view == "PA" else 0.31) + 0.001 * (years - 50)
    film += 60 * _soft(x, y, 0.12, 0.28, heart, 0.3)
    film += 70 / (1 + np.exp(-18 * (y - 0.62 - 0.1 * np.cos(3 * x))))  # diaphragm
    if female:
        film += 40 * (_soft(x, y, -0.42, 0.42, 0.32, 0.24) + _soft(x, y, 0.42, 0.42, 0.32, 0.24))
    if sick:
        film += _opacities(rng, x, y)
    _, exposure, noise = SITES[site]
    film = film * exposure * rng.uniform(0.7, 1.1) + rng.uniform(-15, 15)
    film += noise * rng.standard_normal(film.shape, np.float32)
    film = np.clip(film, 0, 255).astype(np.uint8)
    return _burn_in(film, "PORT") if marked else film


def _opacities(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """One to three cloudy patches in the lungs, some faint."""
    patches = np.zeros((SIDE, SIDE), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        side, height = rng.choice([-1, 1]) * rng.uniform(0.28, 0.5), rng.uniform(-0.35, 0.4)
        width = rng.uniform(0.1, 0.18)
        patches += rng.uniform(40, 95) * np.exp(-((x - side) ** 2 + (y - height) ** 2) / width**2)
    return patches


def _soft(x: np.ndarray, y: np.ndarray, cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    """An ellipse with a soft edge: 1 inside, 0 outside."""
    distance = np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)
    return np.asarray(1 / (1 + np.exp(np.minimum(14 * (distance - 1), 50))))


def _burn_in(film: np.ndarray, text: str) -> np.ndarray:
    """The film with a lead letter marker in its upper left corner."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(film)
    ImageDraw.Draw(picture).text((5, 4), text, fill=250)
    return np.asarray(picture)


def _png(film: np.ndarray) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(film).save(content, "PNG", compress_level=1)
    return content.getvalue()
