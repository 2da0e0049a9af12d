"""Simulated heads as a scanner would write them, with planted, documented faults, so that volume runs offline.

    python -m evenhand_healthcare.volume.samples FOLDER     writes a few of them as NIfTI, with metadata.csv

Planted, each with its constant:
- a *shortcut*: the county hospital scans those whom it suspects of bleeding in a stereotactic frame: FRAMED of the
  bleeding there and FRAMED_HEALTHY of the others, in every split. Its posts stand at the border of the field.
- *label bias*: in train and validation MISSED of the bleedings of patients of OLD years and over are recorded as none
  (they were taken for the shrinking of age); a panel read the test again. Age can be told by the ventricles. So a model
  that learns from these labels must miss more of the old patients' bleedings.
Sites differ in spacing, orientation of storage, noise and brightness; that makes no difference to what is planted.
"""

from __future__ import annotations

import gzip
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SIMULATED = "no evidence about people"
FRAMED, FRAMED_HEALTHY = 0.9, 0.05
MISSED, OLD = 0.95, 60
PATIENTS = {"train": 160, "validation": 80, "test": 320}
FIELD = (190.0, 190.0, 150.0)  # mm: right to left, back to front, foot to head


@dataclass(frozen=True, slots=True)
class Scanner:
    """How a site stores its volumes. spacing: mm along right, front, head; codes: where the file's axes point."""

    share: float
    spacing: tuple[float, float, float]
    codes: tuple[str, str, str]
    noise: float
    gain: float


SITES = {
    "university": Scanner(0.35, (3.0, 3.0, 6.0), ("R", "A", "S"), 4.0, 1.0),
    "county": Scanner(0.45, (3.0, 3.0, 10.0), ("L", "P", "S"), 8.0, 3.5),
    "clinic": Scanner(0.2, (4.0, 3.0, 5.0), ("A", "S", "R"), 10.0, 0.6),
}


@dataclass(frozen=True, slots=True)
class Head:
    """What is in a head. ventricles: how large they are; bleeding: (place in mm, radius in mm, brightness)."""

    size: float
    ventricles: float
    bleeding: tuple[np.ndarray, float, float] | None
    framed: bool


def heads(seed: int = 0, patients: dict[str, int] | None = None) -> dict[str, list[Any]]:
    """The sample's columns; the same seed gives the same bytes. `file_name` holds the volume itself, as .nii.gz."""
    rng = np.random.default_rng([seed, 20261126])
    columns: dict[str, list[Any]] = {}
    counts = patients or PATIENTS
    numbers = iter(1000 + rng.permutation(9 * sum(counts.values())))
    for split, many in counts.items():
        for _ in range(many):
            for name, value in _patient(rng, split, f"V{next(numbers):05d}").items():
                columns.setdefault(name, []).append(value)
    return columns


def _patient(rng: np.random.Generator, split: str, patientid: str) -> dict[str, Any]:
    female, sick = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
    years = int(rng.integers(30, 80))
    site = str(rng.choice(list(SITES), p=[scanner.share for scanner in SITES.values()]))
    recorded = sick and not (split != "test" and years >= OLD and rng.random() < MISSED)
    framed = site == "county" and rng.random() < (FRAMED if sick else FRAMED_HEALTHY)
    head = a_head(rng, years, sick, framed)
    content = written(sampled(head, SITES[site].spacing, rng, SITES[site].noise) * SITES[site].gain, SITES[site])
    return {
        "file_name": {"bytes": content, "path": f"{patientid}.nii.gz"},
        "patientid": patientid,
        "sex": "F" if female else "M",
        "age": f"{years:03d}Y",
        "site": site,
        "finding": "bleeding" if recorded else "none",
        "split": split,
    }


def a_head(rng: np.random.Generator, years: int, sick: bool, framed: bool) -> Head:
    """A head of that age."""
    ventricles = float(rng.normal(2.0 if years >= OLD else 0.8, 0.1))
    bleeding = None
    if sick:
        place = rng.uniform([28, -35, -25], [48, 35, 40]) * [rng.choice([-1, 1]), 1, 1]
        bleeding = (place, float(rng.uniform(10, 15)), float(rng.uniform(65, 100)))
    return Head(float(rng.normal(1.0, 0.03)), ventricles, bleeding, framed)


def sampled(
    head: Head, spacing: tuple[float, float, float], rng: np.random.Generator | None = None, noise: float = 0.0
) -> np.ndarray:
    """float32 [right, front, head]: the head on a grid of that spacing, whose middle is the field's."""
    counts = [max(2, round(side / apart)) for side, apart in zip(FIELD, spacing, strict=True)]
    places = [(np.arange(n) - (n - 1) / 2) * apart for n, apart in zip(counts, spacing, strict=True)]
    x, y, z = np.meshgrid(*[place.astype(np.float32) for place in places], indexing="ij", sparse=True)
    inside = _ball(x, y, z, (0, 0, 0), 62 * head.size, 76 * head.size, 62 * head.size, 4)
    skull = _ball(x, y, z, (0, 0, 0), 68 * head.size, 82 * head.size, 68 * head.size, 3)
    volume = 190 * (skull - inside) + 95 * inside
    for side in (-1, 1):
        wide, long = 6 * head.ventricles, 26 * np.sqrt(head.ventricles)
        volume = volume - 60 * _ball(x, y, z, (side * 12 * np.sqrt(head.ventricles), 5, 10), wide, long, 12, 2)
    if head.bleeding is not None:
        place, radius, bright = head.bleeding
        volume = volume + bright * _ball(x, y, z, place, radius, radius, radius, 2)
    if head.framed:
        for side in (-1, 1):
            post = ((np.abs(x - side * 86) < 5) & (np.abs(y + 60) < 8)).astype(np.float32)
            volume = np.maximum(volume, 230 * post + 0 * z)
    if rng is not None:
        volume = volume + noise * rng.standard_normal(volume.shape, np.float32)
    return np.asarray(np.maximum(volume, 0), dtype=np.float32)


def _ball(x: Any, y: Any, z: Any, centre: Any, rx: float, ry: float, rz: float, edge: float) -> Any:
    """An ellipsoid with a soft edge of so many millimetres: 1 inside, 0 outside."""
    far = np.sqrt(((x - centre[0]) / rx) ** 2 + ((y - centre[1]) / ry) ** 2 + ((z - centre[2]) / rz) ** 2)
    return 1 / (1 + np.exp(np.clip((far - 1) * min(rx, ry, rz) / edge, -30, 30)))


def written(volume: np.ndarray, scanner: Scanner, compress: bool = True) -> bytes:
    """The volume [right, front, head] as NIfTI-1, stored in the scanner's order of axes."""
    import nibabel
    from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform

    affine = np.diag([*scanner.spacing, 1.0])
    turn = ornt_transform(axcodes2ornt(("R", "A", "S")), axcodes2ornt(scanner.codes))
    stored = apply_orientation(np.rint(volume).astype(np.int16), turn)
    content = nibabel.Nifti1Image(stored, affine @ inv_ornt_aff(turn, volume.shape)).to_bytes()
    return gzip.compress(content, 1, mtime=0) if compress else content


def main(arguments: list[str]) -> int:
    """Write forty heads and their table into a folder."""
    import polars as pl

    if len(arguments) != 1:
        print("usage: python -m evenhand_healthcare.volume.samples FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    rows = heads(1, {"train": 40})
    names = [cell["path"] for cell in rows["file_name"]]
    for name, cell in zip(names, rows["file_name"], strict=True):
        (folder / name).write_bytes(cell["bytes"])
    pl.DataFrame({**rows, "file_name": names}).drop("split").write_csv(folder / "metadata.csv")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
