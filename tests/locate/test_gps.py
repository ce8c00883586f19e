"""Positions in EXIF, and priors that people type."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from georet.errors import DataError, UsageError
from georet.locate.prior import Prior, parse_near
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
        {1: "N", 2: (5.0,), 3: "E", 4: (1.0, 0.0, 0.0)},
    ],
)
def test_what_is_no_position_counts_as_none(tmp_path, tags):
    assert exif_latlon(photo_at(tmp_path / "a.jpg", tags)) is None


def test_a_file_that_is_no_image_has_no_position(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"nothing")
    assert exif_latlon(path) is None


def test_a_prior_is_read_from_text():
    assert parse_near("48.2,-16.4,50km") == Prior((48.2, -16.4), 50_000.0)
    assert parse_near("48.2,16.4,300").radius_m == 300


@pytest.mark.parametrize("text", ["", "48.2,16.4", "a,b,5km", "48,16,-3km", "48,16,5 miles"])
def test_a_prior_that_makes_no_sense_is_refused(text):
    with pytest.raises(UsageError):
        parse_near(text)


def test_a_prior_off_the_earth_is_refused():
    with pytest.raises(UsageError, match="latitude 148"):
        parse_near("148.2,16.4,50km")
    with pytest.raises(DataError, match="latitude"):
        Prior((148.2, 16.4), 50_000)


def test_a_prior_far_smaller_than_the_tiles_still_prefers_the_one_it_lies_in():
    prior = Prior((48.0, 16.0), 10_000)
    latlon = np.array([[48.0, 18.0], [48.0, 22.0], [48.0, 26.0]])
    logs = prior.log(latlon, np.full(3, 420_000.0))
    assert logs[0] > logs[1] + 4
    assert logs[1] > logs[2]
    assert logs[0] > prior.log(latlon)[0] + 4


def test_a_prior_is_strongest_at_its_point_and_never_forbids():
    prior = Prior((0.0, 179.9), 50_000.0)
    log = prior.log(np.array([[0.0, 179.9], [0.0, -179.9], [0.0, 0.0]]))
    assert log[0] == pytest.approx(0, abs=1e-6)
    assert -1 < log[1] < 0
    assert log[2] == pytest.approx(np.log(1e-3))
