"""Samples of more than 8 bits keep their levels; colours of every kind stay right."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from georet.data.images import read_image
from georet.errors import DataError

RAMP = np.linspace(0, 1, 64)


def deep(bits: int, channels: int):
    """Return uint16 samples that use ``bits`` bits, a ramp from black to white."""
    row = np.round(RAMP * (2**bits - 1)).astype(np.uint16)
    image = np.tile(row, (16, 1))
    return image if channels == 1 else np.repeat(image[..., None], channels, axis=2)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("bits", [8, 9, 10, 11, 12, 14, 16])
def test_the_bits_that_are_used_become_eight(tmp_path, bits, channels, suffix):
    path = tmp_path / f"deep{suffix}"
    image = deep(bits, channels)
    if channels == 4:
        image[..., 3] = 65_535  # opaque: that says nothing of the colours' depth
    cv2.imwrite(str(path), image)
    found = read_image(path)
    assert found.dtype == np.uint8
    assert np.abs(found[0].mean(axis=1) - 255 * RAMP).max() <= 1.01


def test_twelve_bits_shifted_up_are_full_scale(tmp_path):
    path = tmp_path / "deep.tif"
    cv2.imwrite(str(path), deep(12, 3) << 4)
    assert np.abs(read_image(path)[0, :, 0] - 255 * RAMP).max() <= 1.01


def test_a_black_image_of_sixteen_bits_stays_black(tmp_path):
    path = tmp_path / "black.png"
    cv2.imwrite(str(path), np.zeros((4, 4, 3), np.uint16))
    assert read_image(path).max() == 0


@pytest.mark.parametrize(
    ("dtype", "samples"),
    [
        (np.float32, "32-bit float"),
        (np.float64, "64-bit float"),
        (np.int32, "32-bit signed integer"),
    ],
)
def test_samples_without_a_scale_are_refused(tmp_path, dtype, samples):
    path = tmp_path / "height.tif"
    cv2.imwrite(str(path), deep(12, 1).astype(dtype))
    with pytest.raises(DataError, match=f"the TIFF has {samples} samples, which don't fit into 8"):
        read_image(path)


INKS = (0, 200, 200, 20)
ORANGE = (230, 120, 40)


@pytest.mark.parametrize(
    ("mode", "kind", "colour", "wanted"),
    [
        ("CMYK", "JPEG", INKS, (235, 51, 51)),
        ("CMYK", "TIFF", INKS, (235, 51, 51)),
        ("P", "PNG", ORANGE, ORANGE),
        ("P", "BMP", ORANGE, ORANGE),
        ("P", "TIFF", ORANGE, ORANGE),
        ("RGBA", "PNG", (*ORANGE, 0), ORANGE),
        ("RGBA", "TIFF", (*ORANGE, 255), ORANGE),
        ("RGBA", "WEBP", (*ORANGE, 255), ORANGE),
        ("LA", "PNG", (90, 100), (90, 90, 90)),
        ("L", "JPEG", 90, (90, 90, 90)),
        ("L", "TIFF", 90, (90, 90, 90)),
        ("1", "PNG", 1, (255, 255, 255)),
        ("1", "TIFF", 1, (255, 255, 255)),
        ("RGB", "AVIF", ORANGE, ORANGE),
    ],
)
def test_colours_of_every_mode_are_right(tmp_path, mode, kind, colour, wanted):
    if mode == "P":
        image = Image.new("RGB", (16, 16), colour).quantize(16)
    else:
        image = Image.new(mode, (16, 16), colour)
    path = tmp_path / "photo"
    image.save(path, kind)
    assert np.abs(read_image(path)[8, 8].astype(int) - wanted).max() <= 6


def test_a_png_whose_palette_has_holes_keeps_its_colours(tmp_path):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, *ORANGE])
    image.save(tmp_path / "a.png", transparency=0)
    assert tuple(read_image(tmp_path / "a.png")[4, 4]) == ORANGE


RAW = {
    "DNG": ([(0xC612, 1, 4, b"\1\4\0\0")], "a.tif"),
    "a thumbnail first": ([(0x00FE, 4, 1, b"\1\0\0\0")], "a.tif"),
    "by its name": ([], "a.DNG"),
    "Sony's by its name": ([], "a.arw"),
}


@pytest.mark.parametrize("case", RAW)
def test_a_raw_file_is_not_taken_for_its_thumbnail(tmp_path, case):
    tags, name = RAW[case]
    path = tmp_path / name
    info = {tag: value[0] if kind == 4 else value for tag, kind, _, value in tags}
    Image.new("RGB", (16, 16)).save(path, "TIFF", tiffinfo=info)
    with pytest.raises(DataError, match="raw file") as caught:
        read_image(path)
    assert "darktable-cli" in str(caught.value)


def test_a_tiff_with_overviews_behind_it_is_no_raw_file(tmp_path):
    path = tmp_path / "scan.tif"
    pages = [Image.new("RGB", (32, 32), ORANGE), Image.new("RGB", (16, 16))]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    assert read_image(path).shape == (32, 32, 3)


@pytest.mark.parametrize("num", [1, 2, 3])
def test_of_an_mpo_the_first_image_is_read(tmp_path, num):
    colours = [ORANGE, (0, 200, 0), (0, 0, 200)][:num]
    pages = [Image.new("RGB", (16, 16), colour) for colour in colours]
    path = tmp_path / "stereo.mpo"
    pages[0].save(path, "MPO", save_all=True, append_images=pages[1:])
    assert np.abs(read_image(path)[8, 8].astype(int) - ORANGE).max() < 6
