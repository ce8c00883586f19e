"""Geotags in copies: what Pillow and georet read back, and that nothing else has changed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from georet.errors import DataError
from georet.photos.geotag import Geotag, geotagged
from georet.photos.gps import own_position

HERE = Path("a.jpg")
MAKER_NOTE = bytes(range(256)) * 4


def picture(kind: str = "JPEG", exif: Image.Exif | None = None, **how: object) -> bytes:
    rng = np.random.default_rng(1)
    image = Image.fromarray(rng.integers(0, 255, (40, 60, 3), np.uint8))
    stream = io.BytesIO()
    given = {} if exif is None else {"exif": exif}
    image.save(stream, kind, **given, **how)
    return stream.getvalue()


def rich_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "DJI", "FC3411", 6
    exif.get_ifd(0x8769)[0x927C] = MAKER_NOTE
    exif.get_ifd(0x8769)[0x9003] = "2026:06:01 10:00:00"
    gps = exif.get_ifd(0x8825)
    gps.update({1: "S", 2: (10.0, 20.0, 30.0), 3: "W", 4: (1.0, 2.0, 3.0), 6: 412.5, 11: 0.9})
    return exif


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.tobytes()


def scan(data: bytes) -> bytes:
    """Return a JPEG from its quantisation tables on."""
    return data[data.index(b"\xff\xdb") :]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("exif", [None, rich_exif()], ids=["bare", "rich"])
def test_a_position_is_read_back_and_the_pixels_are_the_same(tmp_path, kind, exif):
    data = picture(kind, exif)
    tag = Geotag(latlon=(-33.8567844, 151.2152967), error_m=12.345, heading_deg=359.999)
    found = geotagged(data, tag, HERE)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(found)
    assert own_position(path).latlon == pytest.approx(tag.latlon, abs=2e-8)
    assert pixels(found) == pixels(data)
    with Image.open(path) as image:
        gps = image.getexif().get_ifd(0x8825)
    assert (gps[1], gps[3], gps[16], float(gps[17])) == ("S", "E", "T", 0.0)
    assert float(gps[31]) == pytest.approx(12.35, abs=0.01)


@pytest.mark.parametrize("order", ["II", "MM"])
def test_all_else_of_a_jpeg_stays_byte_for_byte(tmp_path, order):
    exif = rich_exif()
    exif.endian = {"II": "<", "MM": ">"}[order]
    data = picture("JPEG", exif)
    found = geotagged(data, Geotag(latlon=(47.5, 8.25)), HERE)
    assert scan(found) == scan(data)
    old = data[data.index(b"Exif\0\0") + 6 :][: 200 + len(MAKER_NOTE)]
    new = found[found.index(b"Exif\0\0") + 6 :]
    changed = [at for at, value in enumerate(old) if new[at] != value]
    assert len(changed) <= 4, "only the pointer to the positions has changed"
    (tmp_path / "a.jpg").write_bytes(found)
    with Image.open(tmp_path / "a.jpg") as image:
        exif = image.getexif()
        gps = exif.get_ifd(0x8825)
    assert (exif[0x010F], exif[0x0112]) == ("DJI", 6)
    assert exif.get_ifd(0x8769)[0x927C] == MAKER_NOTE
    assert float(gps[6]) == 412.5
    assert 11 not in gps, "the dilution of another measurement"


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-90, 90, allow_nan=False),
    st.floats(-180, 180, allow_nan=False),
    st.integers(1, 7),
)
def test_no_place_ends_up_in_another_hemisphere(tmp_path_factory, lat, lon, digits):
    path = tmp_path_factory.getbasetemp() / "hemisphere.jpg"
    path.write_bytes(geotagged(picture(), Geotag(latlon=(lat, lon), digits=digits), HERE))
    found = own_position(path)
    if found.latlon is None:
        assert round(lat, digits) == 0
        assert round(lon, digits) == 0
        return
    assert found.latlon[0] == pytest.approx(round(lat, digits), abs=2e-8)
    off = (found.latlon[1] - round(lon, digits) + 180) % 360 - 180
    assert off == pytest.approx(0, abs=2e-8)


def test_tagging_again_replaces_the_position(tmp_path):
    once = geotagged(picture(), Geotag(latlon=(10.0, 20.0), looked_at=(10.1, 20.1)), HERE)
    twice = geotagged(once, Geotag(latlon=(-1.0, -2.0)), HERE)
    (tmp_path / "a.jpg").write_bytes(twice)
    assert own_position(tmp_path / "a.jpg").latlon == (-1.0, -2.0)


@pytest.mark.parametrize("kind", ["WEBP", "BMP"])
def test_what_cannot_be_tagged_is_named(kind):
    with pytest.raises(DataError, match="no position can be written into a"):
        geotagged(picture(kind), Geotag(latlon=(1.0, 2.0)), HERE)


def test_exif_that_fills_its_segment_is_refused():
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x927C] = bytes(65_400)
    with pytest.raises(DataError, match="no position fits"):
        geotagged(picture("JPEG", exif), Geotag(latlon=(1.0, 2.0)), HERE)


@settings(max_examples=80, deadline=None)
@given(st.binary(min_size=0, max_size=80), st.integers(0, 120))
def test_torn_exif_is_refused_or_replaced_but_never_crashes(noise, cut):
    data = picture("JPEG", rich_exif())
    at = data.index(b"Exif\0\0") + 6 + cut
    torn = data[:at] + noise + data[at + len(noise) :]
    try:
        found = geotagged(torn, Geotag(latlon=(1.0, 2.0)), HERE)
    except DataError:
        return
    assert scan(found) == scan(torn)
