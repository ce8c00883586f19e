"""Telemetry beside photos and videos: tables, JSON, subtitles of several makers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from georet.errors import DataError
from georet.photos.camera.telemetry import read_telemetry

NEW_DJI = """1
00:00:00,000 --> 00:00:00,033
<font size="28">FrameCnt: 1, DiffTime: 33ms
2026-05-01 10:20:30.123
[iso: 100] [shutter: 1/500.0] [fnum: 2.8] [focal_len: 24.00] [dzoom_ratio: 1.00],
[latitude: 47.250000] [longitude: 8.750000] [rel_alt: 60.100 abs_alt: 512.300]
[gb_yaw: 350.0 gb_pitch: -90.0 gb_roll: 0.0] </font>

2
00:00:01,000 --> 00:00:01,033
<font size="28">FrameCnt: 31
[latitude: 47.251000] [longitude: 8.751000] [rel_alt: 62.100 abs_alt: 514.300]
[gb_yaw: 10.0 gb_pitch: -80.0 gb_roll: 0.0] </font>
"""
OLD_DJI = """1
00:00:01,000 --> 00:00:02,000
F/2.8, SS 640.0, ISO 100, EV 0, DZOOM 1.000, GPS (-8.7500, 47.2500, 15), D 10.2m, H 31.50m
"""
SPELT_DJI = """1
00:00:01,000 --> 00:00:02,000
[focal_len: 280] [dzoom_ratio: 10000, delta:0]
[latitude: -33.5] [longtitude: 151.25] [altitude: 90.5]
"""
AUTEL = """1
00:00:01,000 --> 00:00:02,000
GPS(W: 8.7500, S: 47.2500, 100.2m) BAROMETER: 44.5
"""
TABLE = (
    "photo,heading_deg,tilt_deg,height_m,lat,lon\na.jpg,85,10,120,47.25,8.75\nx/b.jpg,86,,130,,\n"
)


def test_newer_subtitles_are_read_and_run_between_two_rows(tmp_path):
    path = tmp_path / "flight.srt"
    path.write_text(NEW_DJI)
    found = read_telemetry(path, with_position=True)
    first = found.at(0.0)
    assert first.latlon == (47.25, 8.75)
    assert first.height_m.value == 60.1
    assert first.altitude_m.value == 512.3
    assert first.heading_deg.value == 350
    assert first.tilt_deg.value == 0
    assert first.fov_deg.value == pytest.approx(73.74, abs=0.01)
    middle = found.at(0.5)
    assert middle.heading_deg.value == pytest.approx(0.0)
    assert middle.tilt_deg.value == pytest.approx(5.0)
    assert middle.latlon == pytest.approx((47.2505, 8.7505))
    assert found.at(1.5) is None


def test_positions_stay_unread_unless_asked(tmp_path):
    path = tmp_path / "flight.srt"
    path.write_text(NEW_DJI)
    assert read_telemetry(path).at(0.0).latlon is None
    assert read_telemetry(path).at(0.0).altitude_m is None


@pytest.mark.parametrize(
    ("text", "latlon", "height"),
    [
        (OLD_DJI, (47.25, -8.75), 31.5),
        (SPELT_DJI, (-33.5, 151.25), None),
        (AUTEL, (-47.25, -8.75), 44.5),
    ],
)
def test_older_subtitles_keep_their_hemisphere(tmp_path, text, latlon, height):
    path = tmp_path / "flight.SRT"
    path.write_text(text)
    facts = read_telemetry(path, with_position=True).at(1.0)
    assert facts.latlon == latlon
    assert (facts.height_m and facts.height_m.value) == height


def test_tenfold_focal_lengths_are_known(tmp_path):
    path = tmp_path / "flight.srt"
    path.write_text(SPELT_DJI)
    assert read_telemetry(path).at(1.0).fov_deg.value == pytest.approx(65.47, abs=0.01)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no subtitle"),
        ("hello\n", "no subtitle"),
        ("1\n00:00:01,000 --> 00:00:02,000\nGood morning!\n", "none with telemetry"),
    ],
)
def test_subtitles_without_telemetry_are_refused(tmp_path, text, reason):
    path = tmp_path / "film.srt"
    path.write_text(text)
    with pytest.raises(DataError, match=reason):
        read_telemetry(path)


def test_a_table_tells_of_photos_by_name_and_by_path(tmp_path):
    path = tmp_path / "flight.csv"
    path.write_text(TABLE)
    found = read_telemetry(path, with_position=True)
    assert found.for_photo(Path("/any/a.jpg")).heading_deg.value == 85
    assert found.for_photo(Path("/any/a.jpg")).latlon == (47.25, 8.75)
    assert found.for_photo(Path("/any/x/b.jpg")).tilt_deg is None
    assert read_telemetry(path).for_photo(Path("a.jpg")).latlon is None


def test_photos_copied_elsewhere_are_found_by_name_where_each_stands_once(tmp_path):
    path = tmp_path / "flight.csv"
    path.write_text("photo,heading_deg\nphotos/a.jpg,1\nphotos/b.jpg,2\n")
    assert read_telemetry(path).for_photo(Path("few/a.jpg")).heading_deg.value == 1
    assert read_telemetry(path).for_photo(Path("a.jpg")).heading_deg.value == 1
    assert read_telemetry(path).for_photo(Path("photos/c.jpg")) is None
    path.write_text("photo,heading_deg\none/a.jpg,1\ntwo/a.jpg,2\ntwo/b.jpg,3\n")
    found = read_telemetry(path)
    assert found.for_photo(Path("few/a.jpg")) is None
    assert found.for_photo(Path("few/b.jpg")) is None
    assert found.for_photo(Path("new/two/a.jpg")).heading_deg.value == 2


def test_the_longest_end_of_a_path_counts(tmp_path):
    path = tmp_path / "flight.csv"
    path.write_text("photo,heading_deg\na.jpg,1\nx/a.jpg,2\n")
    assert read_telemetry(path).for_photo(Path("/any/x/a.jpg")).heading_deg.value == 2
    assert read_telemetry(path).for_photo(Path("/any/y/a.jpg")).heading_deg.value == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("known.csv", "photo,lat,lon\na.jpg,47,8\n"),
        ("known.csv", "time_s,lat,lon\n1,47,8\n"),
        ("known.json", '[{"photo": "a.jpg", "lat": 47.0, "lon": 8.0}]'),
    ],
)
def test_a_table_of_places_is_no_telemetry_unless_places_are_asked_for(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match="tells nothing of a camera") as caught:
        read_telemetry(path)
    assert "lat, lon. Wanted" in caught.value.hint
    assert read_telemetry(path, with_position=True)


def test_json_says_the_same_as_a_table(tmp_path):
    table, other = tmp_path / "flight.csv", tmp_path / "flight.json"
    table.write_text(TABLE)
    rows = [
        {"photo": "a.jpg", "heading_deg": 85, "tilt_deg": 10, "height_m": 120},
        {"photo": "x/b.jpg", "heading_deg": 86, "height_m": 130},
    ]
    other.write_text(json.dumps(rows))
    one, two = (read_telemetry(path).by_photo for path in (table, other))
    for name in ("a.jpg", "x/b.jpg"):
        assert one[name].camera() == two[name].camera()


def test_pitch_stands_in_for_tilt(tmp_path):
    path = tmp_path / "flight.csv"
    path.write_text("time_s;pitch_deg\n0,5;-90\n1,5;-60\n")
    found = read_telemetry(path)
    assert found.at(0.5).tilt_deg.value == 0
    assert found.at(1.0).tilt_deg.value == pytest.approx(15)


def test_values_that_can_not_be_are_left_out_and_named(tmp_path):
    path = tmp_path / "flight.csv"
    path.write_text("photo,heading_deg,height_m,fov_deg,lat,lon\na.jpg,400,0,300,95,8\n")
    found = read_telemetry(path, with_position=True)
    assert found.by_photo["a.jpg"].heading_deg is None
    assert found.by_photo["a.jpg"].latlon is None
    assert len(found.refused) == 4
    assert all(f"{path}:2" in line for line in found.refused)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.csv", "name,heading_deg\na.jpg,85\n", "neither a column 'photo' nor 'time_s'"),
        ("a.csv", "photo,heading_deg\na.jpg,85\na.jpg,86\n", "stands twice"),
        ("a.csv", "photo,heading_deg\na.jpg,east\n", "not a number"),
        ("a.csv", "photo,time_s,heading_deg\n,,85\n", "neither photo nor time_s"),
        ("a.json", "{}", "no list of objects"),
        ("a.json", "[1]", "no list of objects"),
        ("a.json", "[{", "no JSON"),
        ("a.json", '[{"photo": "a.jpg", "heading_deg": "85"}]', "not a number"),
    ],
)
def test_what_is_no_telemetry_is_refused_by_line(tmp_path, name, text, reason):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=reason):
        read_telemetry(path)
