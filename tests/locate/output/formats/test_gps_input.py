"""GPS_INPUT: position only, of the camera itself, with an accuracy that is not too good."""

from __future__ import annotations

import csv
import math
import socket
import struct

import numpy as np
import pytest

from georet.errors import UsageError
from georet.ground.tangent import Tangent
from georet.locate.output.formats.gps_input import GpsInputCsv
from georet.locate.output.formats.mavlink import GpsInput, checksum, packet
from georet.locate.output.formats.own_place import OwnPlace, own_place
from georet.testing import check_output


def rows(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_the_format_keeps_the_contract_of_outputs():
    check_output(GpsInputCsv)


def test_a_packet_has_the_bytes_that_other_implementations_write():
    # What pymavlink 2.4.50 packs for these values, as system 1, component 220, sequence 7.
    values = GpsInput(
        time_usec=1_700_000_000_123_456,
        time_week_ms=123_456,
        time_week=2288,
        fix_type=2,
        lat=471_234_567,
        lon=-85_123_456,
        horiz_accuracy=2.5,
    )
    known = (
        "fd3e00000701dce8000040222018240a060040e201000778161c801eedfa"
        "000000000000000000000000000000000000000000000000000000000000"
        "204000000000bf00f0080002bc01"
    )
    assert packet(values, sequence=7).hex() == known


def test_the_checksum_is_that_of_the_catalogue():
    assert checksum(b"123456789") == 0x6F91


def test_a_line_ignores_everything_but_the_position(located, tmp_path):
    GpsInputCsv().write(tmp_path / "a.csv", located)
    lines = rows(tmp_path / "a.csv")
    assert {line["ignore_flags"] for line in lines} == {str(255 - 64)}
    assert [line["fix_type"] for line in lines] == ["1", "1", "1", "2"]
    assert lines[0]["reason"].startswith("the camera's own place is unknown")
    assert lines[1]["reason"].startswith("nothing is known of the accuracy")
    assert lines[2]["reason"] == "the answer is too unclear to be trusted"
    assert (lines[3]["lat"], lines[3]["lon"]) == ("469991234", "80002345")
    assert all(line["alt"] == "0.0" and line["vn"] == "0.0" for line in lines)


def test_a_time_is_told_in_utc_and_in_gps_weeks(flight, tmp_path):
    GpsInputCsv(looks_down=True, fix_type=3).write(tmp_path / "a.csv", flight)
    line = rows(tmp_path / "a.csv")[1]
    assert line["time_usec"] == "1790000001250000"
    # 2026-09-21 is a Monday; GPS weeks begin on Sundays, and their clock is 18 s ahead.
    assert (line["time_week"], line["fix_type"]) == ("2437", "3")
    of_week = (24 + 14) * 3600 + 13 * 60 + 21.25 + 18
    assert float(line["time_week_ms"]) == 1000 * of_week


@pytest.mark.parametrize(("heading", "tilt"), [(0.0, 0.0), (90.0, 30.0), (215.0, 45.0)])
def test_the_camera_stands_back_from_what_it_looks_at(heading, tilt):
    record = {
        "latitude": 47.0, "longitude": 179.99999, "covariance_m2": [[1.0, 0.0], [0.0, 1.0]],
        "heading_deg": heading, "height_m": 100.0,
        "known": {"tilt_deg": tilt, "tilt_sigma_deg": 1.0},
    }  # fmt: skip
    found = own_place(record)
    assert isinstance(found, OwnPlace)
    away = 100 * math.tan(math.radians(tilt))
    (back,) = Tangent(47.0, 179.99999).metres(np.array([found.latlon]))
    expected = -away * np.array([math.sin(math.radians(heading)), math.cos(math.radians(heading))])
    assert back == pytest.approx(expected, abs=0.01)
    assert abs(found.latlon[1]) <= 180
    assert found.sigma_m >= math.hypot(1.0, 100 * math.radians(1.0))


def test_an_unknown_heading_makes_the_place_as_unsure_as_it_is():
    known = {"tilt_deg": 45.0, "tilt_sigma_deg": 1.0, "height_m": 100.0}
    record = {
        "latitude": 47.0, "longitude": 8.0, "covariance_m2": [[1.0, 0.0], [0.0, 1.0]],
        "known": known,
    }  # fmt: skip
    found = own_place(record)
    assert isinstance(found, OwnPlace)
    assert found.sigma_m > 100.0


def test_fixes_are_sent_to_the_address_that_is_named_and_to_no_other(flight, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        port = receiver.getsockname()[1]
        GpsInputCsv(looks_down=True, send=f"127.0.0.1:{port}").write(tmp_path / "a.csv", flight)
        packets = [receiver.recv(300) for _ in range(6)]
    assert [one[4] for one in packets] == list(range(6)), "sequence numbers"
    lat, lon = struct.unpack_from("<ii", packets[0].ljust(300, b"\0"), 10 + 12)
    assert (lat, lon) == (470_000_000, 80_000_000)
    for one in packets:
        (crc,) = struct.unpack("<H", one[-2:])
        assert checksum(one[1:-2] + bytes([151])) == crc


@pytest.mark.parametrize("send", ["here", "127.0.0.1:", "127.0.0.1:99999", ":80"])
def test_what_is_no_address_is_refused(send):
    with pytest.raises(UsageError, match="is no address"):
        GpsInputCsv(send=send)
