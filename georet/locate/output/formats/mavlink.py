"""GPS_INPUT, message 232 of MAVLink's common set, as values and as bytes of a MAVLink 2 packet.

Layout by the public message definition: fields of a message are sorted by size, the largest first;
the checksum is CRC-16/MCRF4XX over all but the first byte, then over the message's own extra byte.
"""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass
from enum import IntFlag
from typing import Final

MESSAGE: Final = 232
CRC_EXTRA: Final = 151
_START: Final = 0xFD
_LAYOUT: Final = struct.Struct("<QIiifffffffffHHBBBH")
"""time_usec, time_week_ms, lat, lon, alt, hdop, vdop, vn, ve, vd, speed, horizontal and vertical
accuracy, ignore_flags, time_week, gps_id, fix_type, satellites_visible; yaw is an extension."""


class Ignore(IntFlag):
    """What the receiver must not use (GPS_INPUT_IGNORE_FLAGS)."""

    ALT = 1
    HDOP = 2
    VDOP = 4
    VEL_HORIZ = 8
    VEL_VERT = 16
    SPEED_ACCURACY = 32
    HORIZONTAL_ACCURACY = 64
    VERTICAL_ACCURACY = 128


POSITION_ONLY: Final = (
    Ignore.ALT
    | Ignore.HDOP
    | Ignore.VDOP
    | Ignore.VEL_HORIZ
    | Ignore.VEL_VERT
    | Ignore.SPEED_ACCURACY
    | Ignore.VERTICAL_ACCURACY
)
"""A photo tells no velocity, and its height is above ground, not above the sea."""


@dataclass(frozen=True, kw_only=True)
class GpsInput:
    """One message, in the units of the definition: degrees times 1e7, metres, microseconds."""

    time_usec: int = 0
    time_week_ms: int = 0
    lat: int = 0
    lon: int = 0
    alt: float = 0.0
    hdop: float = 0.0
    vdop: float = 0.0
    vn: float = 0.0
    ve: float = 0.0
    vd: float = 0.0
    speed_accuracy: float = 0.0
    horiz_accuracy: float = 0.0
    vert_accuracy: float = 0.0
    ignore_flags: int = int(POSITION_ONLY)
    time_week: int = 0
    gps_id: int = 0
    fix_type: int = 0
    satellites_visible: int = 0
    yaw: int = 0


def packet(values: GpsInput, *, sequence: int, system: int = 1, component: int = 220) -> bytes:
    """Return a MAVLink 2 packet without signature; trailing zeros are left out, as it asks for.

    ``component`` 220 is that of a GPS.
    """
    payload = _LAYOUT.pack(*astuple(values)).rstrip(b"\0") or b"\0"
    head = struct.pack("<BBBBBB", len(payload), 0, 0, sequence % 256, system, component)
    body = head + MESSAGE.to_bytes(3, "little") + payload
    return bytes([_START]) + body + struct.pack("<H", checksum(body + bytes([CRC_EXTRA])))


def checksum(data: bytes) -> int:
    """Return CRC-16/MCRF4XX: polynomial 0x1021 reflected, all ones at the start."""
    crc = 0xFFFF
    for value in data:
        crc ^= value
        for _ in range(8):
            crc = (crc >> 1) ^ 0x8408 if crc & 1 else crc >> 1
    return crc
