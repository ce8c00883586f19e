"""Photos stand upright however their orientation is stored."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from georet.data.images import read_image

SHORT, LONG, ASCII = 3, 4, 2
STORED = np.zeros((16, 32, 3), np.uint8)
STORED[:8, :16], STORED[8:, 16:] = (250, 0, 0), (0, 0, 250)
UPRIGHT = np.rot90(STORED, -1)
"""What orientation 6 makes of it: turned by a quarter, clockwise."""


def stored(kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    Image.fromarray(STORED).save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(*segments: bytes) -> bytes:
    data = stored("JPEG", quality=100, subsampling=0)
    return data[:2] + b"".join(segments) + data[2:]


def assert_upright(data: bytes, folder) -> None:
    path = folder / "photo"
    path.write_bytes(data)
    found = read_image(path)
    assert found.shape == UPRIGHT.shape
    assert np.abs(found.astype(int) - UPRIGHT).mean() < 8


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [SHORT, LONG])
def test_as_a_word_or_long_in_either_byte_order(tmp_path, odd, order, kind):
    exif = odd.tiff([(0x0112, kind, [6])], order=order)
    assert_upright(jpeg(odd.exif_segment(exif)), tmp_path)


@pytest.mark.parametrize(
    "before",
    [
        lambda odd: [odd.segment(0xE2, b"ICC_PROFILE\0" + bytes(65_000))] * 3,
        lambda odd: [odd.segment(0xFE, b"Exif\0\0II*\0 in a comment")],
        lambda odd: [odd.segment(0xE5, b"Exif\0\0MM\0*\0\0\0\x08\0\0")],
        lambda odd: [odd.exif_segment(b"")],
        lambda odd: [odd.exif_segment(b"no directory at all")],
        lambda odd: [odd.exif_segment(odd.tiff([(0x010F, ASCII, b"a camera\0")]))],
        lambda odd: [b"\xff\xff", odd.segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")],
    ],
    ids=["more than 64 KiB", "a comment", "another segment", "empty", "junk", "none of it", "fill"],
)
def test_whatever_stands_before_it(tmp_path, odd, before):
    exif = odd.exif_segment(odd.tiff([(0x0112, SHORT, [6])], order=">"))
    segments = before(odd)
    if segments[0] == b"\xff\xff":
        # Fill bytes belong to the marker behind them.
        segments = [b"\xff" + segments[1]]
    assert_upright(jpeg(*segments, exif), tmp_path)


@pytest.mark.parametrize("begin", [b"Exif\0\xff", b"EXIF\0\0", b"Exif\0\0Exif\0\0"])
def test_however_exif_begins(tmp_path, odd, begin):
    exif = odd.tiff([(0x0112, SHORT, [6])])
    assert_upright(jpeg(odd.segment(0xE1, begin + exif)), tmp_path)


@pytest.mark.parametrize("value", [(1, [6]), (ASCII, b"6\0"), (SHORT, [6, 6])])
def test_as_a_byte_as_text_or_twice(tmp_path, odd, value):
    assert_upright(jpeg(odd.exif_segment(odd.tiff([(0x0112, *value)]))), tmp_path)


def test_exif_that_goes_on_in_a_second_segment(tmp_path, odd):
    whole = odd.tiff([(0x010F, ASCII, b"m" * 5000 + b"\0"), (0x0112, LONG, [6])])
    parts = odd.exif_segment(whole[:3000]), odd.exif_segment(whole[3000:])
    assert_upright(jpeg(*parts), tmp_path)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_in_every_format(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 95}}.get(kind, {})
    path = tmp_path / "photo"
    jpeg_path = tmp_path / "photo.jpg"
    jpeg_path.write_bytes(stored("JPEG", exif=exif, quality=100, subsampling=0))
    # Last, since Pillow takes the orientation out of what it is given for an AVIF.
    path.write_bytes(stored(kind, exif=exif, **options))
    wanted, found = read_image(jpeg_path), read_image(path)
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).mean() < 8


def test_in_a_png_behind_the_pixels_and_not_in_a_stray_word(tmp_path, odd):
    plain = stored("PNG")
    exif = odd.tiff([(0x0112, LONG, [6])], order=">")
    body = b"eXIf" + exif
    chunk = struct.pack(">I", len(exif)) + body + struct.pack(">I", zlib.crc32(body))
    text = b"tEXtComment\0\0\0\0\x08eXIfII*\0"
    stray = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    assert_upright(plain[:33] + stray + plain[33:-12] + chunk + plain[-12:], tmp_path)


@pytest.mark.parametrize("name", ["exif", "APP1"])
def test_in_the_text_of_a_png_by_imagemagick(tmp_path, odd, name):
    exif = b"Exif\0\0" + odd.tiff([(0x0112, SHORT, [6])])
    text = f"\n{name}\n{len(exif):8d}\n{exif.hex()}\n".encode()
    body = f"zTXtRaw profile type {name}\0\0".encode() + zlib.compress(text)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    plain = stored("PNG")
    assert_upright(plain[:33] + chunk + plain[33:], tmp_path)


@pytest.mark.parametrize("value", [(SHORT, [0]), (SHORT, [9]), (LONG, [70_000]), (ASCII, b"up\0")])
def test_a_value_that_is_none_turns_nothing(tmp_path, odd, value):
    path = tmp_path / "photo"
    path.write_bytes(jpeg(odd.exif_segment(odd.tiff([(0x0112, *value)]))))
    assert read_image(path).shape == STORED.shape
