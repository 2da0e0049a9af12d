"""Any file that calls itself an image is read the right way, or refused in one sentence that says why."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from evenhand import BadInput
from evenhand.pretrained.pictures import decode

GREY = np.linspace(0, 255, 64, dtype=np.uint8).reshape(8, 8)


def stored(picture, kind="PNG", **options):
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return {"bytes": content.getvalue(), "path": f"film.{kind.lower()}"}


def pixels(value):
    return np.asarray(decode(value, 0))


def png_of(width, height):
    """A PNG whose head says it is that large, and whose body is empty."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("top", [255, 4095, 65535])
def test_sixteen_bits_are_scaled_from_the_darkest_to_the_brightest(top):
    deep = (GREY.astype(np.float64) / 255 * top).round().astype(np.uint16)
    seen = pixels(stored(Image.fromarray(deep)))
    assert seen.shape == (8, 8, 3)
    assert np.abs(seen[..., 0].astype(int) - GREY).max() <= 1


def test_cmyk_is_read_as_the_colours_it_prints():
    red = Image.new("RGB", (8, 8), (200, 30, 30)).convert("CMYK")
    seen = pixels(stored(red, "JPEG", quality=95))
    assert np.abs(seen.reshape(-1, 3).mean(axis=0) - (200, 30, 30)).max() < 12


def test_an_image_that_was_turned_by_its_camera_is_turned_back():
    exif = Image.Exif()
    exif[0x0112] = 6
    seen = pixels(stored(Image.fromarray(GREY), "JPEG", exif=exif, quality=100))
    assert seen[0, 0, 0] > seen[0, -1, 0] + 100  # the first row was the last column


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "its file is empty"),
        (b"not an image at all", "of no kind that is known, or damaged"),
        (stored(Image.fromarray(np.tile(GREY, (20, 20))))["bytes"][:200], "damaged|its end is missing"),
        (stored(Image.fromarray(np.tile(GREY, (20, 20))), "JPEG")["bytes"][:-400], "its end is missing"),
        (png_of(30_000, 30_000), "more pixels than any picture here"),
        (png_of(12_000, 12_000), "more pixels than any picture here"),
    ],
    ids=["empty", "text", "cut png", "cut jpeg", "bomb", "half a bomb"],
)
def test_what_cannot_be_read_is_refused_with_row_and_reason(content, why):
    with pytest.raises(BadInput, match=rf"the image of row 3 \(a\.png\) cannot be read: .*({why}).*; mend or drop"):
        decode({"bytes": content, "path": "a.png"}, 3)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF"])
def test_several_pictures_in_one_file_are_refused(kind):
    frames = [Image.new("L", (8, 8), grey) for grey in (0, 100, 200)]
    value = stored(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(BadInput, match="is 3 pictures in one file"):
        decode(value, 0)


@given(st.binary(max_size=300))
def test_no_bytes_lead_to_anything_else_than_a_picture_or_a_sentence(content):
    refused = False
    try:
        seen = decode({"bytes": content, "path": None}, 0)
    except BadInput:
        refused = True
    assert refused or seen.mode == "RGB"


@given(st.integers(0, 600), st.integers(0, 255))
def test_a_damaged_byte_leads_to_a_picture_or_a_sentence(place, byte):
    content = bytearray(stored(Image.fromarray(np.tile(GREY, (4, 4))))["bytes"])
    content[place % len(content)] = byte
    refused = False
    try:
        seen = decode({"bytes": bytes(content), "path": None}, 0)
    except BadInput:
        refused = True
    assert refused or seen.mode == "RGB"
