"""Big photos are read within a bound; what only claims to be big is refused at once."""

from __future__ import annotations

import re
import struct
import time
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from georet.cli import options
from georet.config import MAX_PIXELS
from georet.data import decoding
from georet.data.images import preprocess, read_bytes, read_image
from georet.errors import DataError

HEIGHT, WIDTH = 256, 384


@pytest.fixture
def picture():
    coarse = np.random.default_rng(3).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.fixture
def save(tmp_path, picture):
    def write(kind, **options):
        image = Image.fromarray(picture)
        path = tmp_path / "big"
        image = image.convert(options.pop("mode", "RGB"))
        image.save(path, kind, **options)
        return path

    return write


CASES = {
    "JPEG": {"quality": 95},
    "PNG": {},
    "TIFF": {},
    "BMP": {},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95},
}


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("halvings", [1, 2, 3])
def test_what_is_big_is_halved_until_it_is_not(save, picture, monkeypatch, kind, halvings):
    monkeypatch.setattr(decoding, "WHOLE_PIXELS", HEIGHT * WIDTH // 4**halvings)
    found = read_image(save(kind, **CASES[kind]))
    assert found.shape == (HEIGHT // 2**halvings, WIDTH // 2**halvings, 3)
    wanted = cv2.resize(picture, found.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(found.astype(int) - wanted).mean() < 4


def test_a_cmyk_jpeg_is_halved_too(save, monkeypatch):
    monkeypatch.setattr(decoding, "WHOLE_PIXELS", HEIGHT * WIDTH // 4)
    found = read_image(save("JPEG", mode="CMYK", quality=95, subsampling=2))
    assert found.shape == (HEIGHT // 2, WIDTH // 2, 3)


def test_size_and_pixels_of_a_big_photo_agree(save, monkeypatch):
    monkeypatch.setattr(decoding, "WHOLE_PIXELS", HEIGHT * WIDTH // 4)
    path = save("JPEG", quality=95)
    for rule in ("bilinear-exact", "bilinear-antialias"):
        wanted = preprocess(read_image(path), (24, 24), rule)
        assert np.array_equal(read_image(path, size=(24, 24), rule=rule), wanted)


def test_a_photo_of_48_megapixels_is_read_at_half_its_size(tmp_path):
    path = tmp_path / "drone.jpg"
    path.write_bytes(simplejpeg.encode_jpeg(np.full((6000, 8000, 3), 99, np.uint8)))
    found = read_image(path)
    assert found.shape == (3000, 4000, 3)
    assert np.abs(found.astype(int) - 99).max() <= 2


def test_a_png_of_200_megapixels_passes_pillows_own_limit(tmp_path):
    path = tmp_path / "scan.png"
    path.write_bytes(_png(20_000, 10_000, zlib.compress(bytes(20_001 * 10_000))))
    assert read_image(path).shape == (2500, 5000, 3)


def _png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def _jpeg(width: int, height: int) -> bytes:
    data = bytearray(simplejpeg.encode_jpeg(np.zeros((96, 96, 3), np.uint8)))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _tiff(width: int, height: int) -> bytes:
    buffer = BytesIO()
    Image.new("L", (4, 4)).save(buffer, "TIFF")
    data = bytearray(buffer.getvalue())
    for tag, value in ((256, width), (257, height)):
        at = data.index(struct.pack("<H", tag), 8)
        data[at : at + 12] = struct.pack("<HHII", tag, 4, 1, value)
    return bytes(data)


BOMBS = {
    "jpeg of 200 megapixels": lambda: _jpeg(20_000, 10_000),
    "jpeg of 3600 megapixels": lambda: _jpeg(60_000, 60_000),
    "png of 300 megapixels": lambda: _png(20_000, 15_000, zlib.compress(bytes(1000))),
    "png of 3600 megapixels": lambda: _png(60_000, 60_000, zlib.compress(bytes(1000))),
    "tiff of 300 megapixels": lambda: _tiff(20_000, 15_000),
    "tiff of 3600 megapixels": lambda: _tiff(60_000, 60_000),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_at_once_and_by_name(tmp_path, bomb):
    path = tmp_path / "bomb.jpg"
    path.write_bytes(BOMBS[bomb]())
    began = time.process_time()
    with pytest.raises(DataError, match=r"bomb|the cap is") as caught:
        read_image(path)
    assert time.process_time() - began < 20  # decoded, it would be minutes and gigabytes
    assert caught.value.where == str(path)
    assert re.search(r"\d x \d+ = [\d,]+ pixels", caught.value.what)


@pytest.mark.parametrize("kind", CASES)
def test_the_limit_is_an_option_and_is_named(save, kind):
    path = save(kind, **CASES[kind])
    assert read_image(path, max_pixels=HEIGHT * WIDTH).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(DataError, match=f"the cap is {HEIGHT * WIDTH - 1:,}") as caught:
        read_image(path, max_pixels=HEIGHT * WIDTH - 1)
    for name in ("--max-pixels", "data.max_pixels", "max_pixels in Python"):
        assert name in str(caught.value.hint)


def test_a_file_with_more_bytes_than_any_image_may_have_is_not_read(tmp_path):
    path = tmp_path / "sparse.tif"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(DataError, match="bytes, more than any image"):
        read_bytes(path)


def test_the_command_lines_help_tells_the_one_default():
    said = options.MaxPixels.__metadata__[0].help
    assert f"{MAX_PIXELS // 1_000_000} million" in said
