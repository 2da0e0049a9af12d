"""DICOM films as a reader of films sees them: windowed, the right way round, square; anything else is refused."""

import io

import numpy as np
import pytest

from evenhand import BadInput
from evenhand.pretrained.pictures import decode

pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed: pip install 'evenhand[dicom]'")

RAMP = np.linspace(0, 4095, 16 * 16).round().astype(np.uint16).reshape(16, 16)


@pytest.fixture
def film():
    """film(values, WindowCenter=…) -> the bytes of a DICOM file with these pixels and header entries."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

    def make(values=RAMP, syntax=ExplicitVRLittleEndian, **header):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = syntax
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = ComputedRadiographyImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
        data.PatientName, data.PatientID = "Doe^Jane", "MRN-0815"
        if values is not None:
            data.Rows, data.Columns = values.shape[:2]
            data.SamplesPerPixel = 1 if values.ndim == 2 else values.shape[2]
            data.BitsAllocated = 8 * values.dtype.itemsize
            data.BitsStored, data.HighBit = (12, 11) if values.dtype == np.uint16 else (8, 7)
            data.PixelRepresentation, data.PhotometricInterpretation = 0, "MONOCHROME2"
            if values.ndim == 3:
                data.PlanarConfiguration = 0
            data.PixelData = values.tobytes()
        for name, value in header.items():
            if value is None:
                del data[name]
            else:
                setattr(data, name, value)
        content = io.BytesIO()
        pydicom.dcmwrite(content, data, enforce_file_format=True)
        return {"bytes": content.getvalue(), "path": "film.dcm"}

    return make


def grey(value):
    return np.asarray(decode(value, 0))[..., 0].astype(int)


def test_twelve_bits_are_scaled_to_eight(film):
    assert np.abs(grey(film()) - RAMP / 4095 * 255).max() <= 1


def test_a_window_cuts_what_is_darker_and_brighter(film):
    seen = grey(film(WindowCenter=2048, WindowWidth=1024))
    assert (seen[RAMP < 1500] == 0).all()
    assert (seen[RAMP > 2600] == 255).all()
    assert 110 < seen[np.abs(RAMP - 2048) < 20].mean() < 145


def test_a_rescale_comes_before_the_window(film):
    moved = film(RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=2 * 2048 - 1000, WindowWidth=2048)
    assert np.abs(grey(moved) - grey(film(WindowCenter=2048, WindowWidth=1024))).max() <= 2


def test_where_white_is_zero_the_film_is_turned_over(film):
    assert (grey(film(PhotometricInterpretation="MONOCHROME1")) == 255 - grey(film())).all()


@pytest.mark.parametrize("name", ["PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio"])
@pytest.mark.parametrize(
    ("spacing", "size"), [([2, 1], (32, 16)), ([1, 2], (16, 32)), ([1, 1], (16, 16)), ([0, 1], (16, 16))]
)
def test_oblong_pixels_are_made_square(film, name, spacing, size):
    assert grey(film(**{name: spacing})).shape == size


def test_colours_are_read(film):
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    seen = np.asarray(decode(film(red, PhotometricInterpretation="RGB"), 0))
    assert (seen == (200, 0, 0)).all()


def test_private_tags_do_not_matter(film):
    from pydicom.dataset import Dataset

    value = film()
    data = pydicom.dcmread(io.BytesIO(value["bytes"]))
    block = data.private_block(0x0029, "ACME", create=True)
    block.add_new(0x01, "OB", b"\xff" * 1000)
    block.add_new(0x02, "SQ", [Dataset()])
    content = io.BytesIO()
    data.save_as(content)
    assert (grey({"bytes": content.getvalue(), "path": "a.dcm"}) == grey(value)).all()


def encrypted(film):
    from pydicom.dataset import Dataset

    item = Dataset()
    item.EncryptedContentTransferSyntaxUID, item.EncryptedContent = pydicom.uid.ExplicitVRLittleEndian, b"\x00" * 16
    return film(None, EncryptedAttributesSequence=[item])


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda film: film(None), r"holds no picture \(Computed Radiography Image Storage\)"),
        (encrypted, "is encrypted"),
        (lambda film: film(np.tile(RAMP, (3, 1)), NumberOfFrames=3, Rows=16), "holds 3 frames"),
        (lambda film: film(Rows=60_000, Columns=60_000), "60000 x 60000 pixels"),
        (lambda film: film(Rows=200), "cannot be read"),
        (lambda film: film(PhotometricInterpretation="HSV"), "photometric interpretation 'HSV'"),
        (lambda film: film(PhotometricInterpretation=None), "photometric interpretation"),
    ],
    ids=["no pixels", "encrypted", "frames", "bomb", "cut", "hsv", "no photometric"],
)
def test_what_is_no_film_is_refused_without_a_word_of_the_patient(film, made, why):
    with pytest.raises(BadInput, match=rf"the image of row 5 \(film.dcm\) .*{why}") as refusal:
        decode(made(film), 5)
    assert "Doe" not in str(refusal.value)
    assert "MRN" not in str(refusal.value)


def test_a_codec_that_is_not_installed_is_named_with_what_brings_it(film):
    from pydicom.encaps import encapsulate

    squeezed = (
        film(syntax=pydicom.uid.JPEGXLLossless, PixelData=encapsulate([b"\x00" * 64]))
        if hasattr(pydicom.uid, "JPEGXLLossless")
        else film(syntax=pydicom.uid.MPEG2MPML, PixelData=encapsulate([b"\x00" * 64]))
    )
    with pytest.raises(
        BadInput, match=r"is compressed \(.*\) and no decoder for that is installed; pip install pylibjpeg"
    ):
        decode(squeezed, 0)


def test_a_damaged_file_is_refused(film):
    content = film()["bytes"]
    with pytest.raises(BadInput, match="cannot be read"):
        decode({"bytes": content[:200], "path": "film.dcm"}, 0)
