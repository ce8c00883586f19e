"""Positions as cameras and programs write them: read right, or refused with the reason."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from georet.photos.gps import exif_latlon, own_position

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL = 1, 2, 3, 4, 5, 7, 10
LAT = (2, RATIONAL, [(10, 1), (30, 1), (0, 1)])
LON = (4, RATIONAL, [(20, 1), (15, 1), (0, 1)])
SOUTH, WEST = (1, ASCII, b"S\0"), (3, ASCII, b"W\0")


def refs(lat: bytes, lon: bytes, kind: int = ASCII):
    return (1, kind, lat), (3, kind, lon)


@pytest.mark.parametrize(
    "words",
    [
        refs(b"S\0", b"W\0"),
        refs(b"South\0", b"West\0"),
        refs(b"south\0", b"west\0"),
        refs(b"s\0", b"w\0"),
        refs(b" S \0\0", b"W   \0"),
        refs(b"\0S", b"\0W"),
        refs(b"S\0\0\0", b"W\0\0\0", BYTE),
        refs(b"S", b"West", UNDEFINED),
        refs(b"Sud\0", b"WEST\0"),
    ],
    ids=str,
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_hemisphere_is_read_however_it_is_written(gps_photo, words, order):
    latlon = exif_latlon(gps_photo([*words, LAT, LON], order=order))
    assert latlon == pytest.approx((-10.5, -20.25))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "hemisphere"),
        ((SOUTH,), "longitude doesn't say which hemisphere"),
        ((WEST,), "latitude doesn't say which hemisphere"),
        (refs(b"\0", b"\0"), "hemisphere"),
        (refs(b"S\0", b"O\0"), "longitude's hemisphere is 'O'"),
        (refs(b"W\0", b"S\0"), "latitude's hemisphere is 'W'"),
        (refs(b"?\0", b"?\0"), "hemisphere is '?'"),
    ],
)
def test_an_unknown_hemisphere_is_a_reason(gps_photo, words, reason):
    found = own_position(gps_photo([*words, LAT, LON]))
    assert found.latlon is None
    assert reason in found.reason


@pytest.mark.parametrize("words", [(), (SOUTH, WEST), refs(b"N\0", b"E\0"), (SOUTH,)], ids=str)
@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        ([(-10, 1), (30, 1), (0, 1)], [(-20, 1), (15, 1), (0, 1)]),
        ([(-10, 1), (-30, 1), (0, 1)], [(-20, 1), (-15, 1), (0, 1)]),
        ([(-105, 10)], [(-2025, 100)]),
    ],
)
def test_a_minus_sign_means_south_or_west_whatever_stands_beside_it(gps_photo, words, lat, lon):
    path = gps_photo([*words, (2, SRATIONAL, lat), (4, SRATIONAL, lon)])
    assert exif_latlon(path) == pytest.approx((-10.5, -20.25))


def test_one_minus_sign_shows_that_the_writer_writes_signs(gps_photo):
    lat, lon = (2, SRATIONAL, [(105, 10)]), (4, SRATIONAL, [(-2025, 100)])
    assert exif_latlon(gps_photo([lat, lon])) == pytest.approx((10.5, -20.25))


@pytest.mark.parametrize(
    "parts",
    [
        [(10, 1), (30, 1), (0, 0)],
        [(10, 1), (30, 1), (7, 0)],
        [(105, 10), (0, 0), (0, 0)],
        [(10, 1), (30, 1)],
        [(105, 10)],
    ],
)
def test_numbers_that_are_not_needed_may_be_missing(gps_photo, parts):
    path = gps_photo([SOUTH, WEST, (2, RATIONAL, parts), LON])
    assert exif_latlon(path) == pytest.approx((-10.5, -20.25))


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([(0, 0), (0, 0), (0, 0)], "degrees are no number"),
        ([(10, 0), (30, 1), (0, 1)], "degrees are no number"),
        ([(10, 1), (0, 0), (0, 0)], "minutes are no number"),
        ([(10, 1), (75, 1), (0, 1)], "75 minutes"),
        ([(95, 1), (0, 1), (0, 1)], "latitude is -95"),
        ([(1050, 1), (0, 1), (0, 1)], "latitude is 1050"),
        ([(10, 1)] * 4, "4 numbers"),
        ([(105, 10), (30, 1), (0, 1)], "decimals before its minutes"),
        ([(10, 1), (305, 10), (30, 1)], "decimals before its seconds"),
        ([(2**32 - 10, 1), (30, 1), (0, 1)], "e+09 degrees"),
    ],
)
def test_numbers_that_tell_no_place_are_a_reason(gps_photo, parts, reason):
    found = own_position(gps_photo([SOUTH, WEST, (2, RATIONAL, parts), LON]))
    assert found.latlon is None
    assert reason in found.reason


def test_half_a_position_and_none_at_all_are_reasons(gps_photo):
    assert "there is no longitude" in own_position(gps_photo([SOUTH, LAT])).reason
    assert "neither EXIF nor XMP" in own_position(gps_photo([])).reason
    assert "neither EXIF nor XMP" in own_position(gps_photo()).reason


def test_zero_zero_is_no_position(gps_photo):
    zero = [(0, 1), (0, 1), (0, 1)]
    found = own_position(gps_photo([SOUTH, WEST, (2, RATIONAL, zero), (4, RATIONAL, zero)]))
    assert found.latlon is None
    assert "0, 0" in found.reason


@pytest.mark.parametrize("status", [b"V\0", b"v\0", b"Void\0"])
@pytest.mark.parametrize(
    "xmp", ["", '<rdf:D drone-dji:GpsLatitude="1" drone-dji:GpsLongitude="2"/>']
)
def test_a_position_marked_as_void_is_not_used_from_anywhere(gps_photo, status, xmp):
    found = own_position(gps_photo([SOUTH, LAT, WEST, LON, (9, ASCII, status)], xmp=xmp))
    assert found.latlon is None
    assert "void" in found.reason


def test_an_active_status_changes_nothing(gps_photo):
    assert exif_latlon(gps_photo([SOUTH, LAT, WEST, LON, (9, ASCII, b"A\0")])) is not None


@pytest.mark.parametrize(
    ("ref", "sign"),
    [
        ((5, BYTE, [1]), -1),
        ((5, SHORT, [1]), -1),
        ((5, ASCII, b"1\0"), -1),
        ((5, UNDEFINED, [1]), -1),
        ((5, BYTE, [0]), 1),
        (None, 1),
    ],
)
def test_altitudes_below_the_sea_are_negative(gps_photo, ref, sign):
    altitude = (6, RATIONAL, [(4205, 10)])
    tags = [SOUTH, LAT, WEST, LON, altitude, *([ref] if ref else [])]
    found = own_position(gps_photo(tags))
    assert found.altitude_m == pytest.approx(sign * 420.5)
    assert found.latlon == pytest.approx((-10.5, -20.25))


def test_an_altitude_of_no_number_is_none_and_harms_nothing(gps_photo):
    found = own_position(gps_photo([SOUTH, LAT, WEST, LON, (6, RATIONAL, [(0, 0)])]))
    assert found.altitude_m is None
    assert found.latlon is not None


XMP = {
    "exif attributes": '<rdf:D exif:GPSLatitude="10,30.0S" exif:GPSLongitude="20,15.0W"/>',
    "exif seconds": "<rdf:D exif:GPSLatitude='10,30,0S' exif:GPSLongitude='20,15,0W'/>",
    "exif elements": "<exif:GPSLatitude>10,30.0S</exif:GPSLatitude>"
    "<exif:GPSLongitude>20,15.0W</exif:GPSLongitude>",
    "dji": '<rdf:D drone-dji:GpsLatitude="-10.5000" drone-dji:GpsLongitude="-20.2500"/>',
    "dji as it was spelt": '<rdf:D a:GpsLatitude="-10.5" a:GpsLongtitude="-20.25"/>',
    "plain with letters": '<rdf:D exif:GPSLatitude="10.5 S" exif:GPSLongitude="20.25 W"/>',
    "refs apart": '<rdf:D exif:GPSLatitude="10,30" exif:GPSLatitudeRef="S"'
    ' exif:GPSLongitude="20,15" exif:GPSLongitudeRef="West"/>',
}


@pytest.mark.parametrize("form", XMP)
@pytest.mark.parametrize("exif", [None, [], [LAT, LON]], ids=["no EXIF", "no position", "no refs"])
def test_a_position_in_xmp_is_read_where_exif_has_none(gps_photo, form, exif):
    assert exif_latlon(gps_photo(exif, xmp=XMP[form])) == pytest.approx((-10.5, -20.25))


def test_exif_counts_before_xmp(gps_photo):
    xmp = '<rdf:D drone-dji:GpsLatitude="1" drone-dji:GpsLongitude="2"/>'
    assert exif_latlon(gps_photo([SOUTH, LAT, WEST, LON], xmp=xmp)) == pytest.approx(
        (-10.5, -20.25)
    )


@pytest.mark.parametrize(
    ("xmp", "reason"),
    [
        ('<rdf:D exif:GPSLatitude="10,30.0" exif:GPSLongitude="20,15.0"/>', "hemisphere"),
        ('<rdf:D exif:GPSLatitude="somewhere" exif:GPSLongitude="20,15.0W"/>', "latitude"),
        ('<rdf:D drone-dji:GpsLatitude="0.0" drone-dji:GpsLongitude="+0.0"/>', "0, 0"),
        ('<rdf:D exif:GPSLatitude="10,3S" exif:GPSLongitude="2,1W" exif:GPSStatus="V"/>', "void"),
        ('<rdf:D exif:GPSLatitude="10,30.0S"/>', "no longitude"),
        ('<rdf:D a:GpsLatitude="-10,5" a:GpsLongitude="-20,25"/>', "decimal commas"),
        ('<rdf:D a:GpsLatitude="+10,5" a:GpsLongitude="20.25"/>', "decimal commas"),
        ('<rdf:D exif:GPSDestLatitude="1,0N" exif:GPSDestLongitude="1,0E"/>', "neither"),
        ('<rdf:D a:GpsLatitude="nan" a:GpsLongitude="nan"/>', "the latitude is 'nan'"),
    ],
)
def test_xmp_that_tells_no_place_is_a_reason(gps_photo, xmp, reason):
    found = own_position(gps_photo(xmp=xmp))
    assert found.latlon is None
    assert reason in found.reason


@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        ((ASCII, b"10.5\0"), (ASCII, b"20.25\0")),
        ((ASCII, b"10 deg 30' 0.00\" S\0"), (ASCII, b"20 deg 15' 0.00\" W\0")),
        ((ASCII, "10\u00b0 30\u2032 S\0".encode()), (ASCII, "20\u00b015\u2032 W\0".encode())),
        ((LONG, [10, 30, 0]), (LONG, [20, 15, 0])),
        ((RATIONAL, [(10, 1), (29, 1), (60, 1)]), (RATIONAL, [(20, 1), (1500, 100), (0, 0)])),
    ],
)
def test_numbers_may_be_text_or_whole(gps_photo, lat, lon):
    path = gps_photo([SOUTH, WEST, (2, *lat), (4, *lon)])
    assert exif_latlon(path) == pytest.approx((-10.5, -20.25))


@pytest.mark.parametrize("before", [b"", b"junk", None], ids=["empty", "junk", "another camera's"])
def test_a_stray_segment_of_exif_hides_no_position(tmp_path, odd, before):
    stray = odd.exif_segment(odd.tiff([(0x010F, ASCII, b"x\0")]) if before is None else before)
    right = odd.exif_segment(odd.tiff([], [SOUTH, LAT, WEST, LON]))
    path = tmp_path / "photo.jpg"
    path.write_bytes(odd.jpeg(stray, right))
    assert exif_latlon(path) == pytest.approx((-10.5, -20.25))


@pytest.mark.parametrize("is_packed", [False, True])
def test_xmp_in_a_png_is_read_compressed_or_not(tmp_path, is_packed):
    inside = '<rdf:D drone-dji:GpsLatitude="-10.5" drone-dji:GpsLongitude="-20.25"/>'
    info = PngImagePlugin.PngInfo()
    packet = f"<x:xmpmeta><rdf:RDF>{inside}</rdf:RDF></x:xmpmeta>"
    info.add_itxt("XML:com.adobe.xmp", packet, zip=is_packed)
    path = tmp_path / "photo.png"
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    assert exif_latlon(path) == pytest.approx((-10.5, -20.25))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_every_format_may_hold_a_position(tmp_path, kind):
    exif = Image.Exif()
    exif[0x0110] = "a camera"
    exif.get_ifd(0x8825).update({1: "S", 2: (10.0, 30.0, 0.0), 3: "W", 4: (20.0, 15.0, 0.0)})
    path = tmp_path / "photo"
    Image.new("RGB", (16, 16)).save(path, kind, exif=exif)
    assert exif_latlon(path) == pytest.approx((-10.5, -20.25))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_may_hold_a_position(tmp_path, odd, order):
    path = tmp_path / "photo.tif"
    path.write_bytes(odd.tiff([], [SOUTH, LAT, WEST, LON], order))
    assert exif_latlon(path) == pytest.approx((-10.5, -20.25))


def test_heic_photos_may_hold_a_position():
    pytest.importorskip("pi_heif")
    path = Path(__file__).parent / "files/phone.heic"
    assert exif_latlon(path) == pytest.approx((-10.5, -20.25))


@pytest.mark.parametrize("data", [b"", b"nothing", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0"])
def test_a_broken_file_has_a_reason_and_no_position(tmp_path, data):
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    found = own_position(path)
    assert found.latlon is None
    assert found.reason


def test_a_huge_image_is_not_decoded_for_its_position(tmp_path, odd):
    exif = odd.tiff([], [SOUTH, LAT, WEST, LON])
    data = odd.jpeg(odd.exif_segment(exif))
    frame = data.index(b"\xff\xc0")
    path = tmp_path / "huge.jpg"
    path.write_bytes(data[: frame + 5] + b"\xea\x60\xea\x60" + data[frame + 9 :])
    assert exif_latlon(path) == pytest.approx((-10.5, -20.25))


def test_damaged_directories_are_a_reason(tmp_path, odd):
    whole = odd.tiff([], [SOUTH, LAT, WEST, LON])
    for length in range(4, len(whole), 7):
        path = tmp_path / "photo.jpg"
        path.write_bytes(odd.jpeg(odd.exif_segment(whole[:length])))
        found = own_position(path)
        assert found.latlon is None or found.latlon == pytest.approx((-10.5, -20.25), abs=0.6)
        assert found.latlon or found.reason


def test_a_photo_whose_exif_is_torn_in_a_bytesio_is_no_crash(tmp_path):
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    path = tmp_path / "a.jpg"
    path.write_bytes(buffer.getvalue()[:3] + b"\xe1\xff\xffExif\0\0II*\0\xff\xff\xff\xff")
    assert own_position(path).latlon is None
