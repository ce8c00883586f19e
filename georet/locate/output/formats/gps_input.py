"""CSV of MAVLink GPS_INPUT values, and, where the user names an address, the packets themselves."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from georet.contracts.answering import Located
from georet.csvfile import csv_line
from georet.errors import DataError, UsageError
from georet.files import replacing
from georet.locate.output.formats.mavlink import GpsInput, packet
from georet.locate.output.formats.own_place import OwnPlace, own_place

_NO_FIX, _FIX_2D, _FIX_3D = 1, 2, 3
_SHARE_68: Final = math.sqrt(-2 * math.log(1 - 0.68))
"""The radius, in deviations, that holds 68 % of a normal distribution in the plane."""
_COLUMNS: Final = (
    "time_usec",
    "gps_id",
    "ignore_flags",
    "time_week_ms",
    "time_week",
    "fix_type",
    "lat",
    "lon",
    "alt",
    "hdop",
    "vdop",
    "vn",
    "ve",
    "vd",
    "speed_accuracy",
    "horiz_accuracy",
    "vert_accuracy",
    "satellites_visible",
    "yaw",
)
"""In the order of the message's definition."""
_GPS_START: Final = datetime(1980, 1, 6, tzinfo=UTC).timestamp()
_LEAP_S, _WEEK_S = 18, 604_800
"""GPS time has been 18 s ahead of UTC since 2017."""


class GpsInputCsv:
    """A line a photo: position only, with the accuracy that it has; no fix where that is unknown.

    The place is the camera's own: a refiner's, or the looked-at point moved back by known tilt,
    heading and height; ``looks_down`` says that the camera looks straight down. Velocity, altitude
    and dilution of precision are marked as to be ignored. ``fix_type`` 2 or 3 is written where
    there is a place (some autopilots use 3 alone, though no altitude is told), 1 where there is
    none, with the reason. ``send`` is HOST:PORT, to which each line also goes as a MAVLink 2
    packet by UDP; nothing is sent without it.
    """

    suffixes = (".gps_input",)

    def __init__(
        self, fix_type: int = _FIX_2D, gps_id: int = 0, looks_down: bool = False, send: str = ""
    ) -> None:
        if fix_type not in (_FIX_2D, _FIX_3D):
            raise UsageError(f"fix_type is {fix_type}", where="gps_input", hint="Give 2 or 3.")
        if not 0 <= gps_id <= 255:
            raise UsageError(f"gps_id is {gps_id}", where="gps_input", hint="Give 0 to 255.")
        self.fix_type, self.gps_id, self.looks_down = fix_type, gps_id, looks_down
        self.address = _address(send) if send else None

    def write(self, path: Path, located: Located) -> None:
        """Write the file, then send what it holds where an address is named."""
        with replacing(path) as stream:
            stream.write(csv_line([*_COLUMNS, "photo", "reason"]))
            for record, values, reason in self._rows(located):
                named = asdict(values)
                cells = [named[key] for key in _COLUMNS]
                stream.write(csv_line([*cells, record["photo"], reason]))
        if self.address is not None:
            self._send(located, self.address)

    def values(self, record: Mapping[str, Any]) -> tuple[GpsInput, str]:
        """Return the message of a record, and why it is no fix; empty: it is one."""
        found = own_place(record, looks_down=self.looks_down)
        time = _time(record)
        if not isinstance(found, OwnPlace):
            return GpsInput(gps_id=self.gps_id, fix_type=_NO_FIX, **time), found
        message = GpsInput(
            gps_id=self.gps_id,
            fix_type=self.fix_type,
            lat=round(found.latlon[0] * 1e7),
            lon=round(found.latlon[1] * 1e7),
            horiz_accuracy=round(_SHARE_68 * found.sigma_m, 2),
            **time,
        )
        return message, ""

    def _rows(self, located: Located) -> Iterator[tuple[Mapping[str, Any], GpsInput, str]]:
        for record in located.records():
            yield record, *self.values(record)

    def _send(self, located: Located, address: tuple[str, int]) -> None:
        where = f"{address[0]}:{address[1]}"
        try:
            kind, _, _, _, to = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
            with socket.socket(kind, socket.SOCK_DGRAM) as stream:
                for number, (_, values, _) in enumerate(self._rows(located)):
                    stream.sendto(packet(values, sequence=number), to)
        except OSError as error:
            raise DataError(f"can't be sent: {error}", where=where) from error


def _time(record: Mapping[str, Any]) -> dict[str, int]:
    """Return the time in UTC and in GPS weeks, where it is known; else that of the flight's clock.

    ``time_usec`` is UNIX time or time since a start, as the definition says; 0 where it is unknown.
    """
    second = record.get("utc_s")
    if second is None:
        since = record.get("time_s")
        return {"time_usec": 0 if since is None else max(0, round(1e6 * float(since)))}
    gps_s = float(second) - _GPS_START + _LEAP_S
    week = int(gps_s // _WEEK_S)
    return {
        "time_usec": round(1e6 * float(second)),
        "time_week": week,
        "time_week_ms": round(1000 * (gps_s - week * _WEEK_S)),
    }


def _address(text: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT; UsageError for anything else."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise UsageError(
            f"{text!r} is no address", where="gps_input?send", hint="Give it as 127.0.0.1:14550."
        )
    return host.strip("[]"), int(port)
