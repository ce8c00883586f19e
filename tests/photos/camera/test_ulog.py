"""ULog: files written here by its specification, read by pyulog."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from georet.errors import DataError
from georet.photos.camera.telemetry import read_telemetry
from georet.photos.camera.ulog import euler_deg

pytest.importorskip("pyulog")
START = 5_000_000
FORMATS = {
    "vehicle_attitude": "uint64_t timestamp;float[4] q;",
    "gimbal_device_attitude_status": "uint64_t timestamp;float[4] q;uint16_t device_flags;",
    "vehicle_local_position": (
        "uint64_t timestamp;float z;float dist_bottom;bool dist_bottom_valid;"
    ),
    "vehicle_global_position": "uint64_t timestamp;double lat;double lon;float alt;",
}
CODES = {
    "vehicle_attitude": "<Q4f",
    "gimbal_device_attitude_status": "<Q4fH",
    "vehicle_local_position": "<Qff?",
    "vehicle_global_position": "<Qddf",
}


def quaternion(yaw, pitch, roll=0.0):
    """Return w, x, y, z of yaw, pitch, roll in degrees, turned in that order."""
    (cy, sy), (cp, sp), (cr, sr) = (
        (math.cos(math.radians(a) / 2), math.sin(math.radians(a) / 2)) for a in (yaw, pitch, roll)
    )
    return (
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    )


def write(path, rows):
    """Write (topic, second, values...) as a ULog of version 1."""

    def message(kind, content):
        return struct.pack("<HB", len(content), ord(kind)) + content

    parts = [b"ULog\x01\x12\x35\x01" + struct.pack("<Q", START)]
    topics = sorted({row[0] for row in rows})
    parts += [message("F", f"{name}:{FORMATS[name]}".encode()) for name in topics]
    parts += [message("A", struct.pack("<BH", 0, at) + n.encode()) for at, n in enumerate(topics)]
    for name, second, *values in rows:
        stamp = START + round(1e6 * second)
        data = struct.pack(CODES[name], stamp, *values)
        parts.append(message("D", struct.pack("<H", topics.index(name)) + data))
    path.write_bytes(b"".join(parts))
    return path


@pytest.fixture
def flight(tmp_path):
    rows = []
    for at in range(21):
        second = at / 10
        rows += [
            ("vehicle_attitude", second, *quaternion(350 + at, 0)),
            ("gimbal_device_attitude_status", second, *quaternion(20, -60, 1), 0),
            ("vehicle_local_position", second, -50.0 - at, 47.0, at < 10),
            ("vehicle_global_position", second, -33.75, -70.5, 120.0),
        ]
    return write(tmp_path / "flight.ulg", rows)


def test_gimbal_and_height_are_told_by_the_second(flight):
    told = read_telemetry(flight)
    facts = told.at(0.5)
    assert facts.heading_deg.value == pytest.approx(15.0, abs=0.1)
    assert facts.tilt_deg.value == pytest.approx(30.0, abs=0.01)
    assert facts.roll_deg.value == pytest.approx(1.0, abs=0.01)
    assert facts.height_m.value == pytest.approx(47.0)
    assert told.at(1.5).height_m.value == pytest.approx(65.0), "without the sensor above the start"
    assert facts.latlon is None
    assert told.at(30.0) is None


def test_a_position_is_told_only_when_asked_and_in_its_hemisphere(flight):
    assert read_telemetry(flight, with_position=True).at(0.5).latlon == (-33.75, -70.5)


def test_a_gimbal_that_counts_from_north_needs_no_vehicle(tmp_path):
    rows = [("gimbal_device_attitude_status", 0.1 * at, *quaternion(200, -90), 16)
            for at in range(5)]  # fmt: skip
    facts = read_telemetry(write(tmp_path / "a.ulg", rows)).at(0.2)
    assert facts.heading_deg.value == pytest.approx(200, abs=0.1)
    assert facts.tilt_deg.value == pytest.approx(0, abs=0.1)


def test_without_a_gimbal_the_heading_alone_is_told_as_the_vehicles(tmp_path):
    rows = [("vehicle_attitude", 0.1 * at, *quaternion(-80, 3, 2)) for at in range(5)]
    facts = read_telemetry(write(tmp_path / "a.ulg", rows)).at(0.2)
    assert facts.heading_deg.value == pytest.approx(280, abs=0.1)
    assert "not the camera's" in facts.heading_deg.source
    assert facts.heading_deg.sigma == 15.0
    assert facts.tilt_deg is None


@pytest.mark.parametrize("yaw", [-170.0, -45.0, 0.0, 90.0, 179.0])
@pytest.mark.parametrize("pitch", [-90.0, -89.9, -45.0, 0.0, 30.0])
def test_angles_come_back_from_their_quaternion(yaw, pitch):
    w, x, y, z = quaternion(yaw, pitch)
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    found = euler_deg(rotation)
    assert (found[0] - yaw + 180) % 360 - 180 == pytest.approx(0, abs=1e-3)
    assert found[1:] == pytest.approx((pitch, 0), abs=1e-3)


@pytest.mark.parametrize("content", [b"", b"no log", b"ULog\x01\x12\x35\x01" + bytes(8)])
def test_what_is_no_log_with_telemetry_is_refused(tmp_path, content):
    path = tmp_path / "a.ulg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is no ULog|holds nothing of attitude"):
        read_telemetry(path)


@pytest.mark.parametrize("suffix", [".tlog", ".bin"])
def test_other_logs_are_refused_by_name(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"x")
    with pytest.raises(DataError, match="a log that georet doesn't read"):
        read_telemetry(path)
