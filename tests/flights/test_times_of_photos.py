"""When photos of a flight were taken: by their EXIF where no telemetry tells."""

from __future__ import annotations

import pytest
from PIL import Image

from georet.flights.films import film_of
from georet.photos.camera.cameras import cameras_of

TAKEN, FRACTION = 0x9003, 0x9291


@pytest.fixture
def folder(tmp_path):
    """Return a folder of photos by names and times, and what writes one."""

    def written(name: str, taken: str, fraction: str = "") -> None:
        tags = Image.Exif()
        tags.get_ifd(0x8769).update({TAKEN: taken} if taken else {})
        tags.get_ifd(0x8769).update({FRACTION: fraction} if fraction else {})
        Image.new("RGB", (64, 48), (90, 120, 60)).save(tmp_path / name, exif=tags)

    return tmp_path, written


def order(film):
    return [(shot.photo.name, shot.second) for shot in film.shots]


def test_photos_come_in_the_order_of_their_exif_times(folder):
    path, written = folder
    written("DSC_9999.jpg", "2026:05:01 23:59:58")
    written("DSC_0001.jpg", "2026:05:02 00:00:03")  # the counter ran over, at midnight
    written("DSC_0002.jpg", "2026:05:02 00:00:09")
    found = order(film_of([path], cameras_of()))
    assert found == [("DSC_9999.jpg", 0.0), ("DSC_0001.jpg", 5.0), ("DSC_0002.jpg", 11.0)]


def test_photos_of_one_second_are_told_apart_by_its_fractions(folder):
    path, written = folder
    written("a.jpg", "2026:05:01 10:00:00", "75")
    written("b.jpg", "2026:05:01 10:00:00", "250")
    written("c.jpg", "2026:05:01 10:00:00", " 5 ")
    assert order(film_of([path], cameras_of())) == [("b.jpg", 0), ("c.jpg", 0.25), ("a.jpg", 0.5)]


def test_telemetry_tells_times_before_exif(folder, tmp_path):
    path, written = folder
    written("a.jpg", "2026:05:01 10:00:00")
    written("b.jpg", "2026:05:01 10:00:10")
    (tmp_path / "log.csv").write_text("photo,time_s,heading_deg\na.jpg,7,0\nb.jpg,4,0\n")
    film = film_of([path], cameras_of(telemetry=tmp_path / "log.csv"))
    assert order(film) == [("b.jpg", 0.0), ("a.jpg", 3.0)]


@pytest.mark.parametrize("bad", ["", "0000:00:00 00:00:00", "yesterday"])
def test_where_a_time_is_missing_names_tell_the_order(folder, bad):
    path, written = folder
    written("b.jpg", bad)
    written("a.jpg", "2026:05:01 10:00:00")
    assert order(film_of([path], cameras_of())) == [("a.jpg", None), ("b.jpg", None)]
