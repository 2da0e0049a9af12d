"""Volumes that cannot be read, or not placed, are refused in a sentence that names the row and no patient."""

import gzip

import numpy as np
import pytest

from evenhand import BadInput, Recipe
from evenhand_healthcare.volume.grid import grid_of

from .record_rows import recipe
from .volume_files import SPACING, changed, gridded, nifti, series


def spacings(*sides):
    def change(header, voxels):
        header["pixdim"][0, 1:4] = sides
        header["sform_code"] = 0

    return change


def floats(value):
    """The head in float32, with one voxel of that value."""
    import nibabel

    from evenhand_healthcare.volume.samples import sampled

    from .volume_files import HEAD

    volume = sampled(HEAD, SPACING)
    volume[3, 4, 5] = value
    return nibabel.Nifti1Image(volume, np.diag([*SPACING, 1])).to_bytes()


def of_shape(*shape, kind=np.int16):
    import nibabel

    return nibabel.Nifti1Image(np.ones(shape, kind), np.eye(4)).to_bytes()


def field(name, value):
    return lambda header, voxels: header.__setitem__(name, value)


ODD = {
    "a voxel that is no number": (lambda: floats(np.nan), "1 voxels of one of its planes are no numbers"),
    "an infinite voxel": (lambda: floats(np.inf), "no numbers"),
    "a spacing of zero": (lambda: changed(spacings(1, 1, 0)), "1 x 1 x 0 mm apart"),
    "a spacing that is no number": (lambda: changed(spacings(np.nan, 1, 1)), "nan x 1 x 1 mm apart"),
    "a negative spacing": (lambda: changed(spacings(1, -2, 1)), "1 x -2 x 1 mm apart"),
    "planes a metre apart": (lambda: changed(spacings(1, 1, 1000)), "its size is not known"),
    "an sform that is flat": (lambda: changed(field("srow_z", 0)), "mm apart|right angles"),
    "a series in time": (lambda: of_shape(4, 4, 4, 5), "4 dimensions: a series of volumes"),
    "a plane": (lambda: of_shape(4, 4), "2 dimensions: a plane"),
    "colours": (lambda: of_shape(4, 4, 4, kind=[("R", "u1"), ("G", "u1"), ("B", "u1")]), "grey values belong there"),
    "complex numbers": (lambda: of_shape(4, 4, 4, kind=np.complex64), "grey values belong there"),
    "a type that is none": (lambda: changed(field("datatype", 9999)), "header is damaged"),
    "half of a pair": (lambda: changed(field("magic", b"ni1")), "one half of a pair"),
    "the same everywhere": (lambda: of_shape(8, 8, 8), "the same everywhere"),
    "a bomb": (lambda: changed(field("dim", [3, 30000, 30000, 30000, 1, 1, 1, 1])), "which no scanner makes"),
    "no voxels": (lambda: changed(field("dim", [3, 0, 5, 5, 1, 1, 1, 1])), "which no scanner makes|damaged"),
    "an end that is missing": (lambda: nifti(compress=False)[:-900], "its end is missing"),
    "a truncated gzip": (lambda: nifti()[:-4000], "its end is missing"),
    "a damaged gzip": (lambda: nifti()[:3000] + b"\0" * 2000 + nifti()[5000:], "damaged"),
    "a header alone": (lambda: nifti(compress=False)[:200], "header is damaged"),
    "gzip of something else": (lambda: gzip.compress(b"hello" * 99), "no NIfTI is inside"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 400, "neither NIfTI"),
    "nothing": (lambda: b"", "its file is empty"),
    "one DICOM file alone": (lambda: b"\0" * 128 + b"DICM", "one DICOM file is no volume"),
}


@pytest.mark.parametrize(("make", "why"), ODD.values(), ids=ODD)
def test_an_odd_nifti_is_refused(make, why):
    with pytest.raises(BadInput, match=f"(?s)volume of row 0 cannot be read: .*({why}).*; mend or drop the row"):
        gridded(make())


SERIES = {
    "a plane that is missing": ({}, lambda files: files[4].unlink(), "one is missing or twice there"),
    "a plane that is twice there": (
        {"ImagePositionPatient": lambda place: [0, 0, 5.0 * (place - (place == 7))]},
        None,
        "one is missing or twice there",
    ),
    "one plane": ({}, lambda files: [file.unlink() for file in files[1:]], "is one plane"),
    "planes of two spacings": (
        {"PixelSpacing": lambda place: [3, 4 + (place > 9)]},
        None,
        "differ in their PixelSpacing",
    ),
    "planes that are turned": (
        {"ImageOrientationPatient": lambda place: [1, 0, 0, 0, 1, 0] if place else [0, 1, 0, 1, 0, 0]},
        None,
        "differ in their ImageOrientationPatient",
    ),
    "directions of no length": ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, None, "no two directions"),
    "many frames": ({"NumberOfFrames": 12}, None, "many frames in one DICOM file"),
    "a spacing of zero": ({"PixelSpacing": [0, 3]}, None, "its size is not known"),
    "an end that is missing": ({}, lambda files: files[2].write_bytes(files[2].read_bytes()[:-99]), "cannot be read"),
    "a header that is damaged": (
        {},
        lambda files: files[0].write_bytes(files[0].read_bytes()[:140]),
        "does not say its",
    ),
}


@pytest.mark.parametrize(("tags", "harm", "why"), SERIES.values(), ids=SERIES)
def test_an_odd_series_is_refused_without_a_word_of_the_patient(tmp_path, tags, harm, why):
    pytest.importorskip("pydicom")
    files = series(tmp_path, **tags)
    if harm:
        harm(files)
    with pytest.raises(BadInput, match=f"cannot be read: .*({why}).*; mend or drop the row") as refused:
        gridded(files[0])
    assert "Doe" not in str(refused.value)


def test_a_tag_that_is_not_there_is_named(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    files = series(tmp_path)
    data = pydicom.dcmread(files[3])
    del data.ImagePositionPatient
    data.save_as(files[3])
    with pytest.raises(BadInput, match="does not say its ImagePositionPatient"):
        gridded(files[0])


def test_a_link_in_the_folder_leads_nowhere(tmp_path):
    pytest.importorskip("pydicom")
    files = series(tmp_path / "series")
    away = tmp_path / "elsewhere.dcm"
    files[4].rename(away)
    files[4].symlink_to(away)
    with pytest.raises(BadInput, match="one is missing"):
        gridded(files[0])


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("options.slab_mm=0", "options.slab_mm is 0"),
        ("options.field_mm='wide'", "options.field_mm is 'wide'"),
        ("options.window=[40]", 'give "auto", or centre and width'),
        ("options.window=[40, -1]", "centre and width"),
        ("options.window='bone'", "centre and width"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(setting, why):
    with pytest.raises(BadInput, match=why):
        grid_of(recipe("volume", setting))


def test_a_window_is_taken():
    assert grid_of(recipe("volume", "options.window=[40, 80]")).window == (40.0, 80.0)
    assert isinstance(recipe("volume"), Recipe)


def test_far_too_many_slabs_are_refused():
    with pytest.raises(BadInput, match=r"300 slabs; set options.slab_mm higher"):
        gridded(nifti(), grid_of(recipe("volume", "options.slab_mm=1")).__class__(8, 192.0, 0.5))
