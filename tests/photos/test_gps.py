"""Positions in EXIF, and priors that people type."""

from __future__ import annotations

import pytest
from PIL import Image

from georet.photos.gps import exif_latlon


def photo_at(path, tags):
    exif = Image.Exif()
    exif.get_ifd(0x8825).update(tags)
    Image.new("RGB", (8, 8)).save(path, exif=exif)
    return path


def test_a_position_south_and_west_is_read(tmp_path):
    tags = {1: "S", 2: (33.0, 30.0, 36.0), 3: "W", 4: (70.0, 15.0, 0.0)}
    latlon = exif_latlon(photo_at(tmp_path / "a.jpg", tags))
    assert latlon == pytest.approx((-33.51, -70.25))


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},
        {1: "N", 2: (95.0, 0.0, 0.0), 3: "E", 4: (1.0, 0.0, 0.0)},
        {2: (5.0, 0.0, 0.0), 4: (1.0, 0.0, 0.0)},
        {1: "N", 2: (5.0, 1.0, 1.0, 1.0), 3: "E", 4: (1.0, 0.0, 0.0)},
    ],
)
def test_what_is_no_position_counts_as_none(tmp_path, tags):
    assert exif_latlon(photo_at(tmp_path / "a.jpg", tags)) is None


def test_a_file_that_is_no_image_has_no_position(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"nothing")
    assert exif_latlon(path) is None
