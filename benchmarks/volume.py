"""What a large volume costs: a volume of 512 x 512 x 600 voxels scored by a finished run of healthcare/volume.

    evenhand run healthcare/volume --out runs/volume
    python benchmarks/volume.py --run runs/volume

The volume is a simulated head, 0.4 x 0.4 x 0.25 mm apart, as .nii, as .nii.gz and as a DICOM series of 600 files. Each
is scored by a process of its own, whose peak memory is what the system says of it; the first row scores nothing but a
small volume, and says what the model itself takes.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SHAPE, FIELD = (512, 512, 600), (190.0, 190.0, 150.0)
SPACING = tuple(side / count for side, count in zip(FIELD, SHAPE, strict=True))


def planes(shape: tuple[int, int, int]) -> Any:
    """int16 planes of a noisy head, from foot to head; never all at once."""
    rng = np.random.default_rng(0)
    x, y, z = (np.linspace(-1, 1, count, dtype=np.float32) for count in shape)
    for height in z:
        inside = (x[:, None] / 0.7) ** 2 + (y[None, :] / 0.85) ** 2 + (height / 0.9) ** 2 < 1
        yield np.asarray(400 * inside + rng.integers(0, 60, shape[:2]), dtype=np.int16)


def nifti(file: Path, shape: tuple[int, int, int], spacing: tuple[float, ...]) -> None:
    """Write the head, compressed where the name says so."""
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape(shape)
    header.set_zooms(spacing)
    header.set_sform(np.diag([*spacing, 1]), 1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    with gzip.open(file, "wb", 1) if file.suffix == ".gz" else file.open("wb") as out:
        out.write(header.binaryblock + b"\0" * 4)
        for plane in planes(shape):
            out.write(plane.tobytes(order="F"))


def series(folder: Path) -> Path:
    """Write the head as 600 DICOM files; returns one of them."""
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset

    folder.mkdir()
    for place, plane in enumerate(planes(SHAPE)):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        meta.MediaStorageSOPInstanceUID = f"1.2.3.{place + 1}"
        data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        data.SeriesInstanceUID, data.Rows, data.Columns = "1.2.3", *SHAPE[:2]
        data.PixelSpacing, data.ImageOrientationPatient = [SPACING[1], SPACING[0]], [1, 0, 0, 0, 1, 0]
        data.ImagePositionPatient = [0, 0, place * SPACING[2]]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 1
        data.PixelData = plane.tobytes()
        data.save_as(folder / f"{place}.dcm", enforce_file_format=True)
    return folder / "0.dcm"


def scored(run: Path, folder: Path, name: str) -> tuple[float, float, float]:
    """(wall seconds, processor seconds, peak MB) of `evenhand predict` on a folder whose table names one volume."""
    (folder / "metadata.csv").write_text(f"file_name,sex,age\n{name},F,050Y\n", "utf-8")
    start = time.perf_counter()
    command = [sys.executable, "-m", "evenhand", "predict", str(run), "--data", str(folder)]
    env = {**os.environ, "EVENHAND_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen([*command, "--out", str(folder / "scored.csv")], env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit("evenhand predict failed")
    shutil.rmtree(folder / "cache", ignore_errors=True)
    (folder / "scored.csv").unlink(missing_ok=True)
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    run = parser.parse_args().run.resolve()
    print("| volume | MB on disk | wall s | processor s | peak MB |\n|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        nifti(folder / "small.nii", (32, 32, 30), (16 * SPACING[0], 16 * SPACING[1], 5.0))
        nifti(folder / "large.nii", SHAPE, SPACING)
        nifti(folder / "large.nii.gz", SHAPE, SPACING)
        one = series(folder / "series").relative_to(folder).as_posix()
        for what, name in (("32 x 32 x 30, .nii", "small.nii"), ("512 x 512 x 600, .nii", "large.nii")):
            _row(what, run, folder, name)
        _row("512 x 512 x 600, .nii.gz", run, folder, "large.nii.gz")
        _row("512 x 512 x 600, DICOM series", run, folder, one)


def _row(what: str, run: Path, folder: Path, name: str) -> None:
    file = folder / name
    files = list(file.parent.iterdir()) if file.suffix == ".dcm" else [file]
    size = sum(path.stat().st_size for path in files) / 1e6
    wall, cpu, peak = scored(run, folder, name)
    print(f"| {what} | {size:,.0f} | {wall:.0f} | {cpu:.0f} | {peak:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
